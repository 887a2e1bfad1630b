"""An adapter, a server that answers it as told, and what every outcome has to be like."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING, Any

from tests.builders.file_server import LINK_SECRET
from tests.builders.kept_verdicts import read_verdicts
from tests.builders.provider_bench import KEYS, CountingGate, Notes, account_for, told
from tests.builders.scripted_server import Scripted, ScriptedServer
from worker.providers.errors import Malformed, NotSent, OutcomeUnknown, ProviderError
from worker.providers.port import Kind, Observation, Submission, SubmitMethod
from worker.providers.registry import build
from worker.rows.collected import write_verdicts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.providers.port import Provider

#: Seconds that one operation may take, by its own time limits.
SECONDS_MAX = 8.0
#: Most characters of an error's message.
MESSAGE_CHARACTERS_MAX = 2_000

#: Right documents of both providers.
SUBMITTED = {
    "success": True,
    "message": "Success",
    "id": 12,
    "file_name": "tk-a.csv",
    "type": "email",
    "status": "FINISHED",
}
IPQS_JOB = {**SUBMITTED, "aborted": False, "invalid_records": 1}
WHOISXML_JOB = {
    "id": 12, "ready": True, "total_emails": 3, "invalid_emails": 1, "processed_emails": 2, "failed_emails": 0,
    "date_start": "1700000000", "date_end": 1700000100,
}  # fmt: skip
RECORD = {"emailAddress": "ann@example.com", "result": "ok", "smtpCheck": "true", "mxRecords": ["a", "b"], "audit": {}}


class AnswerBench:
    """An adapter, and the server that answers it as told."""

    def __init__(self, name: str, server: ScriptedServer, folder: Path, **account: object) -> None:
        self.server = server
        self.folder = folder
        self.path = folder / "part.csv"
        self.path.write_text("ann@example.com\n", encoding="utf-8")
        self.provider: Provider = build(account_for(name, f"{server.base_url}/api", **account), CountingGate(), Notes())

    def ask(self, *raw: bytes, call: Callable[[Provider], Any]) -> Any:
        """What a call comes to with these answers: a value, or an error of the port that tells no secret."""
        self.server.answers.clear()
        self.server.answers.extend(Scripted(raw=answer) for answer in raw)
        began = time.monotonic()
        try:
            outcome = call(self.provider)
        except ProviderError as error:
            outcome = error
        assert time.monotonic() - began < SECONDS_MAX
        if isinstance(outcome, ProviderError):
            assert len(str(outcome)) <= MESSAGE_CHARACTERS_MAX
            assert str(outcome).isprintable(), ascii(str(outcome))
            assert not any(secret in told(outcome) for secret in (LINK_SECRET, *KEYS.values()))
        return outcome

    def submit(self, raw: bytes, method: SubmitMethod) -> Any:
        """Submit one value by a method, answered with `raw`."""
        url = f"https://files.example.com/list.csv?signature={LINK_SECRET}" if method is SubmitMethod.PULL else None
        part = Submission(self.path, 1, Kind.EMAIL, "tk0123456789abcdef-people", 4.0, method, url)
        return self.ask(raw, call=lambda provider: provider.submit(part))


def whole(body: object, status: int = 200) -> bytes:
    """An answer that is right as far as HTTP goes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status} OK\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def check_read(outcome: object, kind: type) -> None:
    """Fail unless a reading call came to a value of its kind or to an error that reading calls have."""
    assert isinstance(outcome, kind | ProviderError)
    assert not isinstance(outcome, NotSent | OutcomeUnknown)


def check_observation(seen: Observation) -> None:
    """Fail unless an observation can be kept in a record."""
    assert seen.progress is None or 0.0 <= seen.progress <= 1.0
    assert len(seen.remote_id) <= 20
    assert len(seen.word) <= 40
    json.dumps([seen.word, seen.name, seen.total_rows, seen.started_at], ensure_ascii=False, allow_nan=False).encode()


def check_verdicts(line: AnswerBench, artifacts: Any) -> None:
    """Fail unless collected files become verdicts that can be kept and read again, or are called malformed."""
    if isinstance(artifacts, ProviderError):
        check_read(artifacts, tuple)
        return
    out = io.BytesIO()
    try:
        summary = write_verdicts(line.provider.read(artifacts, Kind.EMAIL), Kind.EMAIL, out)
    except Malformed:
        return
    out.seek(0)
    assert sum(1 for _ in read_verdicts(out, "verdicts.jsonl")) == summary.rows
