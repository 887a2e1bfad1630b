"""The settings of what counts as a difference between here and a provider; see `config.setting_groups`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from config.fields import Doc


class Reconciling(BaseModel):
    """Comparing with the provider: from when on a difference is drift."""

    drift_late_seconds: Annotated[
        float,
        Doc(
            "How long the end of a job may go unseen before that is drift; never less than POLL_CAP_SECONDS", "seconds"
        ),
        Field(gt=0, le=30 * 86_400),
    ] = 900.0
    drift_uncollected_seconds: Annotated[
        float,
        Doc("How long the result of a job that is done may wait for its download before that is drift", "seconds"),
        Field(gt=0, le=30 * 86_400),
    ] = 3_600.0
    drift_stalled_seconds: Annotated[
        float,
        Doc("How long a job may make no progress, at least, before that is drift", "seconds"),
        Field(gt=0, le=30 * 86_400),
    ] = 21_600.0
    drift_slack_credits: Annotated[
        int,
        Doc(
            "Credits by which the provider's count may differ from the ledger, besides 1% of what was spent, before "
            "that is drift",
            "credits",
        ),
        Field(ge=0, le=1_000_000_000),
    ] = 100
