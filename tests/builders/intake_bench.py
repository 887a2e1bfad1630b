"""A request stream with an intake at it: what producers send, and what they are told."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from producers.contract import EVENTS_STREAM, REJECTED_STREAM, REQUEST_FIELD, UPLOADS_STREAM
from tests.builders.line import Line, running_line
from worker.intake.stream import Intake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.store.store import Store


class IntakeBench:
    """One intake on a line whose workers do not run."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.intake = line.intake
        self.store: Store = line.plant.context.store
        self.folder = line.folder
        self.client: Any = self.store.client

    def second_intake(self, store: Store | None = None) -> Intake:
        """An intake of another process, on a store of its own if one is given."""
        own = self.line.plant.context
        return Intake(dataclasses.replace(own, process="other:1:abc", store=store or self.store))

    def list_file(self, name: str = "list.csv", text: str = "email\na@example.com\n") -> Path:
        """A list that may be read."""
        return self.line.file(name, text)

    def request(self, **changes: Any) -> dict[str, Any]:
        """A good request, with changes; a change to `...` takes the field out."""
        path = changes.pop("path", None) or self.list_file()
        whole = {"version": 1, "account": "ipqs-main", "kind": "email", "source": {"path": str(path)}, **changes}
        return {name: value for name, value in whole.items() if value is not ...}

    def send(self, request: dict[str, Any] | str | bytes, **fields: str) -> str:
        """Put a request into the stream, as any language would; the entry's id."""
        text = json.dumps(request) if isinstance(request, dict) else request
        entry: str = self.client.xadd(UPLOADS_STREAM, {REQUEST_FIELD: text, **fields})
        return entry

    def accepted(self) -> list[tuple[str, bool]]:
        """The id of every acceptance that was told, and whether it was a repetition."""
        told = [(event["upload_id"], json.loads(event["details"])) for event in self.events("accepted")]
        return [(upload_id, details["duplicate"]) for upload_id, details in told]

    def events(self, word: str) -> list[dict[str, str]]:
        """Every event of that word, oldest first."""
        return [fields for _, fields in self.client.xrange(EVENTS_STREAM) if fields["event"] == word]

    def rejections(self) -> list[dict[str, str]]:
        """Every rejection, oldest first."""
        return [fields for _, fields in self.client.xrange(REJECTED_STREAM)]

    def reasons(self) -> list[str]:
        """The reason of every rejection, oldest first."""
        return [fields["reason"] for fields in self.rejections()]

    def unanswered(self) -> int:
        """Requests in the stream, or taken by an intake, that nobody has answered."""
        pending: Any = self.client.xpending(UPLOADS_STREAM, "intake")
        return max(int(self.client.xlen(UPLOADS_STREAM)), int(pending["pending"]))


@contextlib.contextmanager
def an_intake(folder: Path, redis_url: str, broker_url: str, **settings: Any) -> Iterator[IntakeBench]:
    """An intake at an empty stream."""
    with running_line(folder, redis_url, broker_url, start=False, **settings) as line:
        yield IntakeBench(line)
