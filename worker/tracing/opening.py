"""Which spans a process has: none, unless an operator wants traces."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import SecretStr

from config.environment import variable_of
from config.errors import ExtraMissing, Problem
from config.redaction import redactor
from worker.tracing.spans import Spans

if TYPE_CHECKING:
    from config.settings import Settings

#: What has to be installed, the last of it first.
_NEEDED = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.exporter.otlp")
#: Variables of OpenTelemetry whose values may hold a collector's key: `name=value,name=value`.
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")


def open_spans(settings: Settings, process: str) -> Spans:
    """The spans of the process of that name. Raises `ExtraMissing` when traces are wanted and cannot be made."""
    if settings.traces_url is None:
        return Spans()
    if not all(map(_is_there, _NEEDED)):
        fault = "is set, but OpenTelemetry is not installed"
        remedy = "Install bulkverify with its extra otel (pip install 'bulkverify[otel]'), or unset the variable."
        raise ExtraMissing("Traces cannot be sent:", [Problem(variable_of("traces_url"), fault, remedy)])
    for variable in _HEADERS:
        for header in os.environ.get(variable, "").split(","):
            redactor.register(SecretStr(header.partition("=")[2].strip()))
    from worker.tracing.otel import OtelSpans  # noqa: PLC0415 - an extra, and slow to import

    return OtelSpans(settings.traces_url, process)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
