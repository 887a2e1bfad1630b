"""Whatever is put into the stream of requests is answered, and leaves the records telling one story."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers.contract import EVENTS_STREAM, REJECTED_STREAM, UPLOADS_STREAM
from tests.builders.coherence import check_coherent
from tests.builders.fuzzing import fuzzing
from tests.builders.intake_bench import IntakeBench, an_intake
from tests.builders.odd_answers import ODD_VALUES, altered
from worker.core.states import Lane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.host.embedded import EmbeddedServer

#: Words that a rejection may give; `defect` is not among them.
REASONS = {
    "account_unknown", "conflict", "empty", "kind_unsupported", "not_found", "not_json", "outside_roots", "schema",
    "too_large", "unreadable", "version",
}  # fmt: skip

#: Most characters of a message and its remedy.
TOLD_CHARACTERS_MAX = 4_000

#: A request with everything in it that this intake takes.
WHOLE = {
    "version": 1,
    "upload_id": "crm-1",
    "account": "ipqs-main",
    "kind": "email",
    "source": {"path": "PATH"},
    "options": {"column": 0, "header": True, "delimiter": ",", "encoding": "utf-8"},
    "method": "auto",
    "segments": [],
    "result": "storage",
    "label": "newsletter",
    "producer": "crm",
}

#: Fields that exist, whatever is in them.
FIELDS = st.dictionaries(
    st.sampled_from([*WHOLE, "again", "rows", "priority", "\ud800", "x" * 300]), ODD_VALUES, max_size=8
)

#: Paths of sources: what is there, what is not, and what should not be asked for.
PATHS = st.sampled_from(["", "/list.csv", "/gone.csv", "/../list.csv", "/list.csv/x", "/", "/none.csv", "/\x1b[2J\n"])


@pytest.fixture(scope="module")
def bench(redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IntakeBench]:
    """Yield one intake for all examples, in databases of their own."""
    urls = [redis_server.url(database) for database in (6, 7)]
    with an_intake(tmp_path_factory.mktemp("intake"), *urls) as bench:
        bench.list_file("list.csv")
        bench.list_file("none.csv", "")
        yield bench


@st.composite
def requests(draw: st.DrawFn) -> str:
    """The text of a request: a good one, an altered one, or one of odd fields."""
    request = draw(st.one_of(altered(WHOLE), altered(WHOLE), altered(WHOLE), FIELDS))
    text = json.dumps(request)
    cut = draw(st.one_of(st.none(), st.none(), st.none(), st.integers(0, len(text))))
    return text if cut is None else text[:cut]


ENTRIES = st.one_of(
    requests().map(lambda text: {"request": text}),
    requests().map(lambda text: {"request": text}),
    st.binary(max_size=300).map(lambda raw: {"request": raw}),
    st.recursive(ODD_VALUES, st.lists).map(lambda value: {"request": json.dumps(value)}),
    st.dictionaries(st.binary(min_size=1, max_size=40), st.binary(max_size=40), min_size=1, max_size=3),
)


def answer_of(bench: IntakeBench, entry: str) -> dict[str, str]:
    """The one event that answers an entry."""
    answers: list[dict[str, str]] = [
        fields | json.loads(fields["details"])
        for _, fields in bench.client.xrevrange(EVENTS_STREAM, count=20)
        if json.loads(fields["details"]).get("entry") == entry
    ]
    assert len(answers) == 1
    return answers[0]


def check_rejected(told: dict[str, str], rejected: dict[str, str]) -> None:
    """Fail unless a rejection says a known reason, in bounds and without anything that a terminal would obey."""
    assert told["reason"] in REASONS, told
    assert {name: told[name] for name in ("entry", "reason", "message", "remedy")}.items() <= rejected.items()
    text = f"{told['message']} {told['remedy']}"
    assert text.isprintable(), ascii(text)
    assert len(text) <= TOLD_CHARACTERS_MAX
    assert len(rejected["request"]) <= 2_000


@fuzzing(250)
@given(sent=ENTRIES, path=PATHS)
@example(sent={"request": json.dumps(WHOLE)}, path="/list.csv")
def test_every_entry_is_answered_once(bench: IntakeBench, sent: dict[str | bytes, str | bytes], path: str) -> None:
    """Each entry is accepted or rejected with a known reason, and gone; what is accepted is due to be prepared."""
    place = json.dumps(f"{bench.folder}{path}")[1:-1]
    sent = {name: text.replace("PATH", place) if isinstance(text, str) else text for name, text in sent.items()}
    entry = bench.client.xadd(UPLOADS_STREAM, sent)
    assert bench.intake.read() == 1
    assert bench.unanswered() == 0
    told = answer_of(bench, entry)
    if told["event"] == "rejected":
        ((_, rejected),) = bench.client.xrevrange(REJECTED_STREAM, count=1)
        check_rejected(told, rejected)
    else:
        assert told["event"] == "accepted"
        upload = bench.store.upload(told["upload_id"])
        assert upload is not None
        assert upload.upload_id in bench.store.due(upload.account, Lane.PREPARE, bench.store.now(), 10_000)


@fuzzing(15)
@given(batch=st.lists(ENTRIES, min_size=1, max_size=12))
def test_a_batch_of_anything_leaves_the_records_coherent(bench: IntakeBench, batch: list[dict[Any, Any]]) -> None:
    """After every batch, with one good request in its midst, records, indexes and the due set agree."""
    entries = [bench.client.xadd(UPLOADS_STREAM, sent) for sent in batch]
    path = bench.list_file(f"good-{len(entries)}.csv", f"email\nann{len(entries)}@example.com\n")
    good = bench.send(bench.request(path=path))
    entries += [bench.client.xadd(UPLOADS_STREAM, sent) for sent in reversed(batch)]
    while bench.intake.read():
        pass
    assert bench.unanswered() == 0
    answered = [json.loads(fields["details"])["entry"] for _, fields in bench.client.xrevrange(EVENTS_STREAM, count=50)]
    assert all(answered.count(entry) == 1 for entry in (*entries, good))
    assert "defect" not in bench.reasons()
    check_coherent(bench.store)
