"""The settings that say how much there may be, and how long it is kept; see `config.setting_groups`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_settings import NoDecode

from config.fields import Doc


def _split_rows(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever it was given
    """`crm=5000, shop=0` as a mapping; a name may hold `=`, and no comma."""
    if not isinstance(value, str):
        return value
    pairs = [pair.rpartition("=") for pair in value.split(",") if pair.strip()]
    if not all(name.strip() and rows.strip().isdecimal() for name, _, rows in pairs):
        raise ValueError("is not a list of NAME=ROWS, joined by commas")
    return {name.strip(): int(rows) for name, _, rows in pairs}


class Limits(BaseModel):
    """Limits."""

    intake_batch: Annotated[int, Doc("Most requests read at once", "requests"), Field(ge=1, le=10_000)] = 100
    pull_seconds_max: Annotated[
        float,
        Doc(
            "Longest that intake, which answers no other request meanwhile, reads a list at a `remote_url`; when it is "
            "read again to be staged, ten times as long",
            "seconds",
        ),
        Field(ge=1, le=60),
    ] = 30.0
    intake_memory_share: Annotated[
        float,
        Doc("Share of Redis's maxmemory from which on intake reads no more requests, until less is used", "fraction"),
        Field(ge=0.1, le=1),
    ] = 0.8
    columns_max: Annotated[int, Doc("Most columns of a list", "columns"), Field(ge=1, le=100_000)] = 1000
    cell_bytes_max: Annotated[int, Doc("Largest cell of a list", "bytes"), Field(ge=320, le=131_072)] = 131_072
    input_bytes_max: Annotated[int, Doc("Largest list", "bytes"), Field(ge=320, le=2**44)] = 10 * 2**30
    input_rows_max: Annotated[int, Doc("Longest list", "rows"), Field(ge=1, le=4_000_000_000)] = 100_000_000
    producer_rows_per_day_max: Annotated[
        int,
        Doc(
            "Most rows that one producer may have verified on one day (UTC): rows to be paid for, so neither empty nor "
            "equal ones; 0: no limit. Requests without a producer count as one",
            "rows",
            "1000000",
        ),
        Field(ge=0, le=10**12),
    ] = 0
    producer_rows_per_day_overrides: Annotated[
        Mapping[str, Annotated[int, Field(ge=0, le=10**12)]],
        NoDecode,
        BeforeValidator(_split_rows),
        Doc(
            "The same for producers by name, in place of PRODUCER_ROWS_PER_DAY_MAX",
            "NAME=ROWS, joined by commas",
            "crm=5000000,shop=0",
            "none",
        ),
        Field(max_length=1000),
    ] = Field(default_factory=dict)


class Keeping(BaseModel):
    """What is kept, and how long."""

    retention_days: Annotated[
        float, Doc("How long the records of ended uploads are kept", "days"), Field(gt=0, le=3650)
    ] = 30.0
    staging_days: Annotated[
        float,
        Doc("How long the staged files of ended uploads are kept in storage; not their results", "days"),
        Field(ge=0, le=3650),
    ] = 7.0
    keep_raw: Annotated[
        bool,
        Doc(
            "Whether the provider's own files are kept beside the result, for ever; otherwise they are kept as long as "
            "the staged files. Those of leaked_password are never kept",
            "a truth value",
            "true",
        ),
    ] = False
    tombstone_days: Annotated[
        float,
        Doc("How long purged uploads, and attempts to spend, are remembered after that", "days", example="400"),
        Field(ge=1, le=3650),
    ] = 400.0
    result_rows_bytes_max: Annotated[
        int,
        Doc("Largest result that is also put into Redis where that was asked for; 0 for none", "bytes"),
        Field(ge=0, le=64 * 2**20),
    ] = 4 * 2**20
    result_rows_ttl_seconds: Annotated[
        int, Doc("How long such a copy is kept in Redis", "seconds"), Field(ge=1, le=30 * 86_400)
    ] = 86_400
    timeline_entries_max: Annotated[
        int, Doc("Entries kept in an upload's timeline", "entries"), Field(ge=10, le=100_000)
    ] = 200
    events_entries_max: Annotated[
        int, Doc("Entries kept in the stream of events", "entries"), Field(ge=100, le=10_000_000)
    ] = 100_000
    rejected_entries_max: Annotated[
        int, Doc("Entries kept in the stream of rejected requests", "entries"), Field(ge=100, le=10_000_000)
    ] = 10_000
