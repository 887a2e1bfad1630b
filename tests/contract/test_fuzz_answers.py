"""Whatever a provider answers, an adapter gives a value or one of the port's errors, and denies no charge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders.answer_bench import (
    IPQS_JOB,
    SUBMITTED,
    WHOISXML_JOB,
    AnswerBench,
    check_observation,
    check_read,
    whole,
)
from tests.builders.fuzzing import fuzzing
from tests.builders.odd_answers import answers, bodies
from tests.builders.provider_bench import BEST_METHODS, METHODS
from tests.builders.scripted_server import ScriptedServer
from worker.providers.answer import retry_after_of
from worker.providers.errors import OutcomeUnknown, ProviderError
from worker.providers.port import Credits, ListPage, SubmitMethod, Submitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Messages that mean a definite refusal, alone; in every other company they mean nothing.
_SAID = st.sampled_from(["Success", "Invalid or unauthorized key", "You have insufficient credits", "Try again later"])


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    """Yield a server that serves every example."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def ipqs(server: ScriptedServer, tmp_path: Path) -> AnswerBench:
    """Return an IPQS account at the server."""
    return AnswerBench("ipqs", server, tmp_path)


@pytest.fixture
def whoisxml(server: ScriptedServer, tmp_path: Path) -> AnswerBench:
    """Return a WhoisXML account at the server."""
    return AnswerBench("whoisxml", server, tmp_path)


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


#: Every method of every provider, and where an answer has the id of the new job.
SUBMITS = [(door.provider, door.method, ("id",) if door.provider == "ipqs" else ("response", "id")) for door in METHODS]


@pytest.mark.parametrize(("name", "method", "names"), SUBMITS, ids=map(str, METHODS))
@fuzzing(40)
@given(data=st.data())
def test_a_submit_is_never_called_undone_that_may_have_been_done(
    name: str, method: SubmitMethod, names: tuple[str, ...], data: st.DataObject, request: pytest.FixtureRequest
) -> None:
    """Whatever answers a submit: accepted, refused by a known refusal without an id, or not known."""
    line: AnswerBench = request.getfixturevalue(name)
    message = data.draw(_SAID)
    documents: dict[str, list[object]] = {
        "ipqs": [SUBMITTED | {"message": message, "success": message == "Success"}],
        "whoisxml": [{"response": {"id": 12}}, {"response": {"id": 12, "error": message, "errors": [message]}}],
    }
    raw = data.draw(answers(st.one_of(*map(bodies, documents[name]))))
    check_submitted(line.submit(raw, method), raw, *names)


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
    line: AnswerBench = request.getfixturevalue(name)
    assert isinstance(line.submit(whole(document), BEST_METHODS[name]), OutcomeUnknown)


def test_numbers_beyond_all_measure_are_no_numbers(whoisxml: AnswerBench) -> None:
    """A counter or time that no clock has is left out of the observation."""
    job = WHOISXML_JOB | {"processed_emails": 10**400, "date_start": 10**400, "invalid_emails": 1e300}
    seen = whoisxml.ask(whole({"response": [job]}), call=lambda provider: provider.observe(["12"]))
    assert (seen["12"].started_at, seen["12"].invalid_rows) == (None, None)


@fuzzing(60)
@given(data=st.data())
def test_ipqs_reads_anything(ipqs: AnswerBench, data: st.DataObject) -> None:
    """Status, list and credits are values or errors, whatever is answered."""
    pages = {"success": True, "csvs": [IPQS_JOB], "page": 1, "total_pages": 1, "total_csvs": 1}
    seen = ipqs.ask(data.draw(answers(bodies(IPQS_JOB))), call=lambda provider: provider.observe(["12"]))
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
def test_whoisxml_reads_anything(whoisxml: AnswerBench, data: st.DataObject) -> None:
    """Status, list and credits are values or errors, whatever is answered."""
    status = {"response": [WHOISXML_JOB]}
    seen = whoisxml.ask(data.draw(answers(bodies(status))), call=lambda provider: provider.observe(["12"]))
    check_read(seen, dict)
    pages = {"response": {"data": [WHOISXML_JOB], "current_page": 1, "last_page": 1, "total": 1}}
    page = whoisxml.ask(data.draw(answers(bodies(pages))), call=lambda provider: provider.list_page())
    check_read(page, ListPage)
    balance = {"data": [{"product_id": 7, "product": {"id": 7, "name": "x"}, "credits": 9}]}
    check_read(whoisxml.ask(data.draw(answers(bodies(balance))), call=lambda provider: provider.credits()), Credits)
    jobs = list(page.jobs) if isinstance(page, ListPage) else []
    for job in [*jobs, *(seen.values() if isinstance(seen, dict) else [])]:
        check_observation(job)


@fuzzing(200)
@given(
    text=st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ (GMT|[+-]\d+)", fullmatch=True)
)
@example(text="Mon, 01 Jan 99999999999 00:00:00 GMT")
def test_any_time_to_wait_is_read(text: str) -> None:
    """A `Retry-After` of any text is a number of seconds within bounds, or nothing."""
    seconds = retry_after_of(text)
    assert seconds is None or 0.0 <= seconds <= 86_400.0
