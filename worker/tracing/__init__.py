"""Spans of what the processes do: one for each step and one for each call of a provider, sent where an operator wants.

Off by default. Only `worker.tracing.otel` needs OpenTelemetry, and it is imported only where traces are wanted.
"""
