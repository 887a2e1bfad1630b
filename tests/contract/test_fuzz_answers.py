"""Whatever a provider answers, an adapter gives a value or one of the port's errors, and denies no charge."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders.fuzzing import fuzzing
from tests.builders.odd_answers import answers, bodies, tables
from tests.builders.provider_bench import KEYS, CountingGate, Notes, account_for, told
from tests.builders.scripted_server import Scripted, ScriptedServer
from worker.providers.answer import retry_after_of
from worker.providers.errors import Malformed, NotSent, OutcomeUnknown, ProviderError
from worker.providers.port import Credits, Kind, ListPage, Observation, Submission, Submitted
from worker.providers.registry import build
from worker.rows.collected import read_verdicts, write_verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from worker.providers.port import Provider

#: Seconds that one operation may take, by its own time limits.
SECONDS_MAX = 8.0
#: Most characters of an error's message.
MESSAGE_CHARACTERS_MAX = 2_000

_JOB = {"success": True, "message": "Success", "id": 12, "file_name": "tk-a.csv", "type": "email", "status": "FINISHED"}
_IPQS_JOB = {**_JOB, "aborted": False, "invalid_records": 1}
_WHOISXML_JOB = {
    "id": 12, "ready": True, "total_emails": 3, "invalid_emails": 1, "processed_emails": 2, "failed_emails": 0,
    "date_start": "1700000000", "date_end": 1700000100,
}  # fmt: skip
_RECORD = {"emailAddress": "ann@example.com", "result": "ok", "smtpCheck": "true", "mxRecords": ["a", "b"], "audit": {}}

#: Messages that mean a definite refusal, alone; in every other company they mean nothing.
_SAID = st.sampled_from(["Success", "Invalid or unauthorized key", "You have insufficient credits", "Try again later"])


class Line:
    """An adapter, and the server that answers it as told."""

    def __init__(self, name: str, server: ScriptedServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.path = folder / "part.csv"
        self.path.write_text("ann@example.com\n", encoding="utf-8")
        self.provider: Provider = build(account_for(name, f"{server.base_url}/api"), CountingGate(), Notes())
        self.method = self.provider.capabilities.submit_methods[0]

    def ask(self, *raw: bytes, call: Callable[[Provider], Any]) -> Any:
        """What a call comes to with these answers: a value, or an error that the port knows and that tells no key."""
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
            assert not any(key in told(outcome) for key in KEYS.values())
        return outcome

    def submit(self, raw: bytes) -> Any:
        """Submit one value, answered with `raw`."""
        part = Submission(self.path, 1, Kind.EMAIL, "tk0123456789abcdef-people", 4.0, self.method)
        return self.ask(raw, call=lambda provider: provider.submit(part))


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """Yield a server that serves every example."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def ipqs(server: ScriptedServer, tmp_path: Path) -> Line:
    """Return an IPQS account at the server."""
    return Line("ipqs", server, tmp_path)


@pytest.fixture
def whoisxml(server: ScriptedServer, tmp_path: Path) -> Line:
    """Return a WhoisXML account at the server."""
    return Line("whoisxml", server, tmp_path)


def whole(body: object, status: int = 200) -> bytes:
    """An answer that is right as far as HTTP goes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status} OK\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def could_be_acceptance(raw: bytes, *names: str) -> bool:
    """Whether an answer is a success of HTTP whose document has something where an id would be."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if head[9:10] != b"2":
        return False
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return bool(value)


def check_submitted(outcome: object, raw: bytes, *names: str) -> None:
    """Fail for anything that would have a list sent again that may have been accepted."""
    assert isinstance(outcome, Submitted | ProviderError)
    if could_be_acceptance(raw, *names):
        assert isinstance(outcome, Submitted | OutcomeUnknown), f"{outcome!r} for {raw[:300]!r}"
    if isinstance(outcome, Submitted):
        assert outcome.remote_id.isdigit()
        json.dumps([outcome.name, outcome.word], ensure_ascii=False).encode()


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


def check_verdicts(line: Line, artifacts: Any) -> None:
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


@pytest.mark.parametrize(("name", "names"), [("ipqs", ("id",)), ("whoisxml", ("response", "id"))])
@fuzzing(60)
@given(data=st.data())
def test_a_submit_is_never_called_undone_that_may_have_been_done(
    name: str, names: tuple[str, ...], data: st.DataObject, request: pytest.FixtureRequest
) -> None:
    """Whatever answers a submit: accepted, refused by a known refusal without an id, or not known."""
    line: Line = request.getfixturevalue(name)
    message = data.draw(_SAID)
    documents: dict[str, list[object]] = {
        "ipqs": [_JOB | {"message": message, "success": message == "Success"}],
        "whoisxml": [{"response": {"id": 12}}, {"response": {"id": 12, "error": message, "errors": [message]}}],
    }
    raw = data.draw(answers(st.one_of(*map(bodies, documents[name]))))
    check_submitted(line.submit(raw), raw, *names)


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("ipqs", {"success": False, "id": "csv-12", "message": "Invalid or unauthorized key"}),
        ("ipqs", {"success": True, "id": 10**30, "message": "You have insufficient credits"}),
        ("whoisxml", {"response": {"id": ["12"], "errors": ["The emails field is required."]}}),
    ],
)
def test_an_id_that_cannot_be_read_is_no_refusal(
    name: str, document: dict[str, object], request: pytest.FixtureRequest
) -> None:
    """Words of a known refusal do not count beside something that may be the id of a job."""
    line: Line = request.getfixturevalue(name)
    assert isinstance(line.submit(whole(document)), OutcomeUnknown)


def test_numbers_beyond_all_measure_are_no_numbers(whoisxml: Line) -> None:
    """A counter or time that no clock has is left out of the observation."""
    job = _WHOISXML_JOB | {"processed_emails": 10**400, "date_start": 10**400, "invalid_emails": 1e300}
    seen = whoisxml.ask(whole({"response": [job]}), call=lambda provider: provider.observe(["12"]))
    assert (seen["12"].started_at, seen["12"].invalid_rows) == (None, None)


def test_half_a_surrogate_pair_does_not_hold_back_a_result(whoisxml: Line) -> None:
    """What JSON can spell and no file can hold becomes a mark in its cell; the verdict is kept."""
    record = _RECORD | {"audit": "\ud800", "\udc00": "x"}
    halves = [whole({"response": [record]}), whole({"response": []})]
    check_verdicts(whoisxml, whoisxml.ask(*halves, call=lambda provider: provider.collect("12", whoisxml.folder)))


@fuzzing(60)
@given(data=st.data())
def test_ipqs_reads_anything(ipqs: Line, data: st.DataObject) -> None:
    """Status, list and credits are values or errors, whatever is answered."""
    pages = {"success": True, "csvs": [_IPQS_JOB], "page": 1, "total_pages": 1, "total_csvs": 1}
    seen = ipqs.ask(data.draw(answers(bodies(_IPQS_JOB))), call=lambda provider: provider.observe(["12"]))
    check_read(seen, dict)
    page = ipqs.ask(data.draw(answers(bodies(pages))), call=lambda provider: provider.list_page())
    check_read(page, ListPage)
    balance = {"success": True, "credits": 7, "email_usage": 1}
    check_read(ipqs.ask(data.draw(answers(bodies(balance))), call=lambda provider: provider.credits()), Credits)
    jobs = list(page.jobs) if isinstance(page, ListPage) else []
    for job in [*jobs, *(seen.values() if isinstance(seen, dict) else [])]:
        check_observation(job)


@fuzzing(60)
@given(data=st.data())
def test_whoisxml_reads_anything(whoisxml: Line, data: st.DataObject) -> None:
    """Status, list and credits are values or errors, whatever is answered."""
    status = {"response": [_WHOISXML_JOB]}
    seen = whoisxml.ask(data.draw(answers(bodies(status))), call=lambda provider: provider.observe(["12"]))
    check_read(seen, dict)
    pages = {"response": {"data": [_WHOISXML_JOB], "current_page": 1, "last_page": 1, "total": 1}}
    page = whoisxml.ask(data.draw(answers(bodies(pages))), call=lambda provider: provider.list_page())
    check_read(page, ListPage)
    balance = {"data": [{"product_id": 7, "product": {"id": 7, "name": "x"}, "credits": 9}]}
    check_read(whoisxml.ask(data.draw(answers(bodies(balance))), call=lambda provider: provider.credits()), Credits)
    jobs = list(page.jobs) if isinstance(page, ListPage) else []
    for job in [*jobs, *(seen.values() if isinstance(seen, dict) else [])]:
        check_observation(job)


@fuzzing(60)
@given(data=st.data())
def test_ipqs_results_are_whole_or_malformed(ipqs: Line, data: st.DataObject) -> None:
    """What comes behind a link is a result that can be kept, or none."""
    ready = _IPQS_JOB | {"downloads": {"all": f"{ipqs.server.base_url}/all.csv"}}
    csv = "Email,Valid,Fraud Score\nann@example.com,true,3\nbob@example.com,false,90\n"
    script = [
        raw
        for _ in range(data.draw(st.integers(1, 3)))
        for raw in (data.draw(st.just(whole(ready)) | answers(bodies(ready))), data.draw(answers(tables(csv))))
    ]
    check_verdicts(ipqs, ipqs.ask(*script, call=lambda provider: provider.collect("12", ipqs.folder)))


@fuzzing(60)
@given(data=st.data())
def test_whoisxml_results_are_whole_or_malformed(whoisxml: Line, data: st.DataObject) -> None:
    """Both halves of a result are a result that can be kept, or none."""
    halves = [
        data.draw(st.just(whole({"response": [_RECORD]})) | answers(bodies({"response": [_RECORD, _RECORD]})))
        for _ in range(2)
    ]
    check_verdicts(whoisxml, whoisxml.ask(*halves, call=lambda provider: provider.collect("12", whoisxml.folder)))


@fuzzing(200)
@given(
    text=st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ (GMT|[+-]\d+)", fullmatch=True)
)
@example(text="Mon, 01 Jan 99999999999 00:00:00 GMT")
def test_any_time_to_wait_is_read(text: str) -> None:
    """A `Retry-After` of any text is a number of seconds within bounds, or nothing."""
    seconds = retry_after_of(text)
    assert seconds is None or 0.0 <= seconds <= 86_400.0
