"""The workers' side of the public contract, written by hand: records, events, rejections."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from producers.contract import (
    EVENTS_STREAM,
    REJECTED_STREAM,
    REQUEST_FIELD,
    UPLOADS_STREAM,
    parts_key,
    result_key,
    upload_key,
)
from tests.builders.deadline import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from redis import Redis

#: Every number a result has, as the workers write it.
COUNTS = {"rows": 5, "matched": 3, "folded": 1, "empty": 1, "withheld": 0, "missing": 0}
VERDICTS = {"ok": 2, "bad": 1, "risky": 0, "unknown": 0}


class WorkerSide:
    """Writes what workers would write. `server` answers in text."""

    def __init__(self, server: Redis) -> None:
        self._server = server

    def requests(self) -> list[tuple[str, dict[str, Any]]]:
        """Every request in the stream, with its entry id."""
        entries: Any = self._server.xrange(UPLOADS_STREAM)
        return [(entry, json.loads(fields[REQUEST_FIELD])) for entry, fields in entries]

    def next_request(self, number: int = 1) -> tuple[str, dict[str, Any]]:
        """The stream's entry of that number, once it is there."""
        wait_until(lambda: len(self.requests()) >= number, what=f"request {number} in the stream")
        return self.requests()[number - 1]

    def record(self, upload_id: str, state: str = "accepted", **fields: object) -> None:
        """Write an upload's record."""
        known = {"schema_version": 1, "upload_id": upload_id, "account": "main", "kind": "email", "state": state}
        self._server.set(upload_key(upload_id), json.dumps({**known, "version": 7, **fields}))

    def parts(self, upload_id: str, **counts: int) -> None:
        """Write an upload's part counts."""
        self._server.delete(parts_key(upload_id))
        self._server.hset(parts_key(upload_id), mapping=dict[Any, Any](counts))

    def event(self, word: str, upload_id: str, **details: object) -> str:
        """Write an event; its id."""
        fields = {"event": word, "upload_id": upload_id, "at": "1700000000.5", "details": json.dumps(details)}
        return str(self._server.xadd(EVENTS_STREAM, dict[Any, Any](fields)))

    def accept(self, entry: str, upload_id: str, *, duplicate: bool = False) -> None:
        """Accept a request."""
        if not duplicate:
            self.record(upload_id)
        self.event("accepted", upload_id, entry=entry, duplicate=duplicate)

    def reject(self, entry: str, upload_id: str, reason: str = "conflict") -> None:
        """Reject a request."""
        told = {"entry": entry, "reason": reason, "message": f"It is a {reason}.", "remedy": "Mend it."}
        fields = {**told, "upload_id": upload_id, "at": "1700000000.5", "request": "{}"}
        self._server.xadd(REJECTED_STREAM, dict[Any, Any](fields))
        self.event("rejected", upload_id, **told)

    def rows(self, upload_id: str, text: str) -> None:
        """Put a result into Redis."""
        self._server.set(result_key(upload_id), text, ex=60)

    def complete(self, upload_id: str, csv: Path, *, partial: bool = False, **more: object) -> None:
        """Complete an upload, whose result is in the file `csv`; `more` is what its result has besides."""
        csv.write_text("email,bv_verdict\na@example.com,ok\n")
        counts = {**COUNTS, "matched": 2, "missing": 1} if partial else COUNTS
        result = {
            "manifest": csv.with_name("manifest.json").as_uri(),
            "object": csv.as_uri(),
            "counts": counts,
            "verdicts": VERDICTS,
            "partial": partial,
            "credits": 3,
            **more,
        }
        self.record(upload_id, "completed", rows=5, distinct=3, parts_total=1, result=result)
        self.parts(upload_id, collected=1, rows_done=3)
        self.event("completed", upload_id, result=csv.as_uri())

    def accept_and_complete(self, csv: Path, number: int = 1) -> str:
        """Take the stream's request of that number all the way to its result; the upload's id."""
        entry, request = self.next_request(number)
        upload_id = str(request["upload_id"])
        self.accept(entry, upload_id)
        self.complete(upload_id, csv)
        return upload_id


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Do `act` in another thread while the block runs; what it raises is raised at the end of the block."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - kept for the thread that checks
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if raised:
        raise raised[0]
