"""The exporter: serves the metrics of all processes, and of the state in Redis as it is when asked.

Only reads. Nothing here keeps a figure between two scrapes but the count of its own failures, so any number may run.
"""
