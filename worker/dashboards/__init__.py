"""What people look at: the dashboards for Grafana, as tables of panels from which `config/grafana` is made.

    panel        what a panel, a query and a dashboard are
    expressions  the few shapes of PromQL that panels are made of, with the dashboards' filters
    overview, pipeline, provider, reconciliation, workers: the dashboards
    grafana      what Grafana reads
    files, page  write `config/grafana` and docs/dashboards.md

The tables name metrics by their families, so that no panel asks for what is not there.
"""
