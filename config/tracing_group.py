"""The settings of traces; see `config.setting_groups`. What else a collector asks for, OpenTelemetry reads itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel

from config.endpoints import checked_url
from config.fields import Doc


def _checked(url: str | None) -> str | None:
    return None if url is None else checked_url(url)


class Tracing(BaseModel):
    """Traces, with the extra `otel`."""

    traces_url: Annotated[
        str | None,
        AfterValidator(_checked),
        Doc(
            "Where spans are sent, as OTLP over HTTP; headers that the collector asks for are in "
            "OTEL_EXPORTER_OTLP_HEADERS, the share of traces that is kept in OTEL_TRACES_SAMPLER",
            "URL (http://, https://)",
            "http://localhost:4318/v1/traces",
            "no traces",
        ),
    ] = None
