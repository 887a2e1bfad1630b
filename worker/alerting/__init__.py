"""What calls a person: the recording rules and alerts for Prometheus, as tables from which `config/prometheus` is made.

The tables import the metrics' labels and the classes of drift, so that no alert asks for what is not there.
"""
