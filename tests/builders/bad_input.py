"""One bad input of the table: what is sent, and what has to be told about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Words that applications may rely on.
REASONS = {
    "account_unknown", "binary", "cell_too_large", "changed", "column_not_found", "column_unclear", "compression",
    "conflict",
    "delimiter", "empty", "encoding", "header", "host_not_allowed", "kind_unsupported", "method_unsupported",
    "not_a_list", "not_found", "not_json", "not_pullable", "outside_roots", "producer_quota", "quote", "schema",
    "secret_inside", "segment_unsupported", "source_unavailable", "too_large", "too_many_columns", "too_many_rows",
    "unreadable", "url_outside_storage", "version", "wrong_kind",
}  # fmt: skip

#: What goes into the stream: the fields of an entry, or the text of its request.
Sent = dict[bytes | str, bytes | str] | bytes | str


@dataclass(frozen=True)
class Ground:
    """Where the inputs of the table lie."""

    #: A folder that may be read, and one beside it that may not.
    inside: Path
    outside: Path
    #: The workers' storage.
    storage: Path
    #: Base URL of a host that may be read from, and `host:port` of one where nobody listens.
    site: str
    nobody: str

    @property
    def inputs(self) -> Path:
        """The storage's folder for inputs, in which there is a folder called `crm`."""
        (self.storage / "inputs" / "crm").mkdir(parents=True, exist_ok=True)
        return self.storage / "inputs"

    def file(self, name: str, content: bytes | str) -> Path:
        """A file in the folder that may be read."""
        path = self.inside / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def request(self, **changes: Any) -> str:
        """A good request's text, with changes; a change to `...` takes the field out."""
        path = self.inside / "good.csv"
        if not path.exists():
            path.write_text("email\nann@example.com\n")
        good = {"version": 1, "account": "ipqs-main", "kind": "email", "source": {"path": str(path)}}
        return json.dumps({name: value for name, value in (good | changes).items() if value is not ...})


@dataclass(frozen=True)
class BadInput:
    """A row of the table."""

    name: str
    send: Callable[[Ground], Sent]
    reason: str
    #: Texts that the message and the remedy together hold: what it is about, and what to do.
    told: tuple[str, ...]
    #: Whether the superuser can do what is forbidden here.
    superuser_may: bool = False


def bad_text(name: str, text: Sent, reason: str, *told: str) -> BadInput:
    """What is in the stream whatever the ground."""
    return BadInput(name, lambda _: text, reason, told)


def bad_field(name: str, changes: dict[str, Any], *told: str, reason: str = "schema") -> BadInput:
    """A good request with changed fields."""
    return BadInput(name, lambda ground: ground.request(**changes), reason, told)


def bad_source(name: str, source: dict[str, Any], *told: str, **changes: Any) -> BadInput:
    """A good request with another source."""
    return bad_field(name, {"source": source, **changes}, *told)


def bad_path(
    name: str, make: Callable[[Ground], Path | str], reason: str, *told: str, superuser_may: bool = False
) -> BadInput:
    """A good request for a path that cannot be used."""

    def send(ground: Ground) -> Sent:
        return ground.request(source={"path": str(make(ground))})

    return BadInput(name, send, reason, told, superuser_may)


def bad_file(
    name: str, content: bytes | str, reason: str, *told: str, options: dict[str, Any] | None = None, kind: str = "email"
) -> BadInput:
    """A good request for a file with this content, called like the row of the table."""

    def send(ground: Ground) -> Sent:
        path = ground.file(f"{name.replace(' ', '-')}.csv", content)
        return ground.request(source={"path": str(path)}, options=options or {}, kind=kind)

    return BadInput(name, send, reason, told)
