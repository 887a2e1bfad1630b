"""What is known of the columns of an account's results: one hash by kind. See `worker.core.columns`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from worker.core.columns import KnownColumns
from worker.core.errors import LaterSchema
from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.store.store import Store

log = structlog.get_logger()


def known_columns(store: Store, account: str) -> Mapping[str, KnownColumns]:
    """What is known, by kind; without what a newer program has written. Raises `StoreUnavailable`."""
    client: Any = store.client
    with reaching():
        texts: Mapping[str, str] = client.hgetall(store.key("columns", account))
    found = {kind: _read(account, kind, text) for kind, text in texts.items()}
    return {kind: known for kind, known in found.items() if known is not None}


def note_columns(store: Store, account: str, kind: str, columns: tuple[str, ...], now: float) -> None:
    """One more result has these columns. Raises `StoreUnavailable`.

    Of two that are noted at the same moment one is left out: the next result says the same.
    """
    client: Any = store.client
    key = store.key("columns", account)
    with reaching():
        text: str = client.hget(key, kind) or ""
    try:
        before = KnownColumns.load(text) if text else None
    except LaterSchema:
        return
    except (ValueError, TypeError):
        before = None
    after = KnownColumns(known=columns) if before is None else before.after(columns, now)
    if after != before:
        store.run_script("columns", [key], kind, text, after.dump())


def _read(account: str, kind: str, text: str) -> KnownColumns | None:
    try:
        return KnownColumns.load(text)
    except LaterSchema:
        return None
    except (ValueError, TypeError):
        log.warning("columns_damaged", account=account, kind=kind, remedy="the next result is the first that is known")
        return None
