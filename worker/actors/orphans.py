"""Orphans: jobs in the remote list that carry one of our tokens, and whose part the store does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from worker.context import Connected, Context

log = structlog.get_logger()


def import_orphan(context: Context, connected: Connected, token: str, remote_id: str) -> bool:  # noqa: ARG001 - told only
    """Tell that a paid job has no part here; False: nothing was imported."""
    remedy = "bulkverify recover makes the upload again from storage, and fetches what was paid for"
    log.warning("orphan_remote", account=connected.account.name, token=token, remote_id=remote_id, remedy=remedy)
    return False
