"""Intake: every request is answered, once, and a bad one leaves its neighbours alone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from producers.contract import REJECTED_REQUEST_CHARS_MAX, REQUEST_BYTES_MAX
from tests.builders.intake_bench import IntakeBench, an_intake
from tests.builders.line import IPQS_KEY, WHOISXML_KEY
from worker.core.states import Lane, UploadState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[IntakeBench]:
    """Yield an intake at an empty stream."""
    with an_intake(tmp_path, redis_url, broker_url) as bench:
        yield bench


def test_a_good_request_becomes_an_upload(bench: IntakeBench) -> None:
    """The record, its place in the due set, the event and the answered entry are all there."""
    path = bench.list_file()
    entry = bench.send(bench.request(upload_id="crm-1", label="Grüße", producer="crm", options={"column": "email"}))
    assert bench.intake.read() == 1
    upload = bench.store.upload("crm-1")
    assert upload is not None
    assert (upload.state, upload.account, upload.provider, upload.kind) == ("accepted", "ipqs-main", "ipqs", "email")
    assert (upload.label, upload.producer, upload.options) == ("Grüße", "crm", {"column": "email"})
    assert upload.source == {"path": str(path)}
    assert bench.store.due("ipqs-main", Lane.PREPARE, bench.store.now(), 10) == ["crm-1"]
    assert bench.accepted() == [("crm-1", False)]
    assert json.loads(bench.events("accepted")[0]["details"])["entry"] == entry
    assert bench.unanswered() == 0


def test_without_an_id_the_content_names_the_upload(bench: IntakeBench) -> None:
    """The same list has the same id wherever it lies; another list, kind or option has another."""
    requests = [
        bench.request(),
        bench.request(path=bench.list_file("copy.csv")),
        bench.request(path=bench.list_file("other.csv", "email\nb@example.com\n")),
        bench.request(options={"header": True}),
        bench.request(account="whoisxml-main"),
    ]
    for request in requests:
        bench.send(request)
    bench.intake.read()
    ids = [upload_id for upload_id, _ in bench.accepted()]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert all(upload_id.startswith("auto-") for upload_id in ids)
    assert [duplicate for _, duplicate in bench.accepted()] == [False, True, False, False, False]


@pytest.mark.parametrize(
    "changes", [{}, {"label": "another word"}, {"producer": "another"}, {"trace": {"correlation_id": "r"}}]
)
def test_the_same_request_again_is_the_same_upload(bench: IntakeBench, changes: dict[str, Any]) -> None:
    """A request sent twice, also with another label, is recognised: one upload, two answers, no second preparation."""
    bench.send(bench.request(upload_id="crm-1"))
    bench.send(bench.request(upload_id="crm-1", **changes))
    bench.intake.read()
    assert bench.accepted() == [("crm-1", False), ("crm-1", True)]
    upload = bench.store.upload("crm-1")
    assert upload is not None
    assert (upload.version, upload.label) == (1, "")
    assert bench.unanswered() == 0


def test_each_answer_carries_its_own_requests_correlation_id(bench: IntakeBench) -> None:
    """Whoever sends a known request from another context, or is refused, finds the answer by the id of that context."""
    for upload_id, account, given in (("crm-1", "ipqs-main", "r-1"), ("crm-1", "ipqs-main", "r-2"), ("x", "no", "r-3")):
        bench.send(bench.request(upload_id=upload_id, account=account, trace={"correlation_id": given}))
    bench.intake.read()
    told = [
        json.loads(event["details"])["correlation_id"]
        for name in ("accepted", "rejected")
        for event in bench.events(name)
    ]
    assert told == ["r-1", "r-2", "r-3"]
    upload = bench.store.upload("crm-1")
    assert upload is not None
    assert upload.trace.correlation_id == "r-1"


def test_a_request_is_recognised_after_its_upload_has_ended(bench: IntakeBench) -> None:
    """Repeating a request whose upload is over changes nothing of it, and tells the state it is in."""
    bench.send(bench.request(upload_id="crm-1"))
    bench.intake.read()
    upload = bench.store.upload("crm-1")
    assert upload is not None
    from worker.core import upload as core  # noqa: PLC0415 - one decision, taken here only

    bench.store.commit(core.fail(upload, bench.store.now(), "empty", "Nothing in it.", 30.0))
    bench.list_file().unlink()
    bench.send({"version": 1, "account": "ipqs-main", "kind": "email", "upload_id": "crm-1", "source": upload.source})
    bench.intake.read()
    assert json.loads(bench.events("accepted")[1]["details"])["state"] == "failed"
    found = bench.store.upload("crm-1")
    assert found is not None
    assert found.state is UploadState.FAILED


@pytest.mark.parametrize("changes", [{"account": "whoisxml-main"}, {"options": {"header": False}}, {"path": "other"}])
def test_an_id_of_another_request_is_a_conflict(bench: IntakeBench, changes: dict[str, Any]) -> None:
    """A taken id with another account, option or content is refused; the first upload stays as it is."""
    if "path" in changes:
        changes = {"path": bench.list_file("other.csv", "email\nb@example.com\n")}
    bench.send(bench.request(upload_id="crm-1"))
    bench.send(bench.request(upload_id="crm-1", **changes))
    bench.intake.read()
    assert bench.reasons() == ["conflict"]
    assert bench.accepted() == [("crm-1", False)]


def test_the_same_content_under_another_path_is_no_conflict(bench: IntakeBench) -> None:
    """A list that was moved meanwhile is still the same upload."""
    bench.send(bench.request(upload_id="crm-1"))
    bench.send(bench.request(upload_id="crm-1", path=bench.list_file("moved.csv")))
    bench.intake.read()
    assert bench.accepted() == [("crm-1", False), ("crm-1", True)]


BAD_TEXTS: list[tuple[str | bytes, str]] = [
    ("", "not_json"),
    ("{", "not_json"),
    ("null", "schema"),
    ("[]", "schema"),
    ('"text"', "schema"),
    ("{}", "schema"),
    ('{"version": 1}', "schema"),
    ('{"version": 2, "kind": "email"}', "version"),
    ('{"version": 1, "version": 1}', "not_json"),
    ('{"version": NaN}', "not_json"),
    ("[" * 50_000, "not_json"),
    ('{"version": 1, "account": "\\ud800", "kind": "email", "source": {"path": "/x"}}', "schema"),
    ("x" * (REQUEST_BYTES_MAX + 1), "too_large"),
    (b"\xff\xfe\x00", "not_json"),
    (b'{"version": 1, "account": "main\xff"}', "not_json"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_TEXTS, ids=[str(text)[:20] for text, _ in BAD_TEXTS])
def test_a_text_that_is_no_request_is_rejected(bench: IntakeBench, text: str | bytes, reason: str) -> None:
    """Whatever bytes are in the stream, they are answered with a reason and a remedy and are gone."""
    bench.send(text)
    assert bench.intake.read() == 1
    assert bench.reasons() == [reason]
    assert bench.rejections()[0]["remedy"]
    assert bench.unanswered() == 0


BAD_REQUESTS: list[tuple[Callable[[IntakeBench], dict[str, Any]], str]] = [
    (lambda b: b.request(account="nobody"), "account_unknown"),
    (lambda b: b.request(account="whoisxml-main", kind="proxy"), "kind_unsupported"),
    (lambda b: b.request(account="whoisxml-main", method="form"), "method_unsupported"),
    (lambda b: b.request(account="whoisxml-main", segments=["clean"]), "segment_unsupported"),
    (lambda b: b.request(method="fax"), "schema"),
    (lambda b: b.request(kind="fax"), "schema"),
    (lambda b: b.request(surprise=1), "schema"),
    (lambda b: b.request(upload_id="../etc"), "schema"),
    (lambda b: b.request(source={"folder": "/srv/lists"}), "schema"),
    (lambda b: b.request(path=b.folder / "gone.csv"), "not_found"),
    (lambda b: b.request(path="/etc/hostname"), "outside_roots"),
    (lambda b: b.request(path=link_out_of(b.folder)), "outside_roots"),
    (lambda b: b.request(path=b.folder), "unreadable"),
    (lambda b: b.request(path=pipe_in(b.folder)), "unreadable"),
    (lambda b: b.request(path=b.list_file("empty.csv", "")), "empty"),
]


def link_out_of(folder: Path) -> Path:
    """A link to a file that may not be read."""
    (folder / "link.csv").symlink_to("/etc/hostname")
    return folder / "link.csv"


def pipe_in(folder: Path) -> Path:
    """A pipe that nobody writes to."""
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


@pytest.mark.parametrize(("make", "reason"), BAD_REQUESTS, ids=[f"{n}-{r}" for n, (_, r) in enumerate(BAD_REQUESTS)])
def test_a_request_that_cannot_be_met_is_rejected(
    bench: IntakeBench, make: Callable[[IntakeBench], dict[str, Any]], reason: str
) -> None:
    """A request for what is not there, not allowed or not possible is told why and what to do, in both streams."""
    entry = bench.send(make(bench))
    bench.intake.read()
    (rejection,) = bench.rejections()
    assert (rejection["reason"], rejection["entry"]) == (reason, entry)
    assert rejection["message"]
    assert rejection["remedy"]
    told = json.loads(bench.events("rejected")[0]["details"])
    assert {name: told[name] for name in ("entry", "reason", "message", "remedy")} == {
        name: rejection[name] for name in ("entry", "reason", "message", "remedy")
    }
    assert bench.accepted() == []
    assert bench.unanswered() == 0


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ({"method": "form"}, ["'whoisxml-main' (whoisxml)", "method form", "Its methods are: json"]),
        ({"segments": ["clean", "bad"]}, ["'whoisxml-main' (whoisxml)", "bad, clean", "Its segments are: none"]),
    ],
)
def test_what_a_provider_has_not_is_refused_with_what_it_has(
    bench: IntakeBench, wish: dict[str, Any], named: list[str]
) -> None:
    """A method or segment that the account's provider has not is refused, naming account, provider and its own."""
    bench.send(bench.request(account="whoisxml-main", **wish))
    bench.intake.read()
    (rejection,) = bench.rejections()
    text = f"{rejection['message']} {rejection['remedy']}"
    assert [word for word in named if word not in text] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"label": f"for {IPQS_KEY}"},
        {"trace": {"correlation_id": f"for/{IPQS_KEY}"}},
        {"upload_id": IPQS_KEY},
        {"account": WHOISXML_KEY},
        {"api_key": IPQS_KEY},
        {IPQS_KEY: 1},
        {"path": f"/srv/{IPQS_KEY.encode().hex()}.csv"},
    ],
)
@pytest.mark.parametrize("spell", [json.dumps, lambda request: json.dumps(request).replace("Canary", "Canar\\u0079")])
def test_a_request_with_a_key_of_the_workers_in_it_is_rejected_and_not_repeated(
    bench: IntakeBench, changes: dict[str, Any], spell: Callable[[dict[str, Any]], str]
) -> None:
    """What a producer must not know stands in no event and in no rejection, however JSON spells it."""
    bench.send(spell(bench.request(**changes)))
    bench.intake.read()
    assert bench.reasons() in (["secret_inside"], ["schema"])
    told = repr([bench.rejections(), bench.events("rejected"), sorted(bench.client.scan_iter())])
    for key in (IPQS_KEY, WHOISXML_KEY):
        assert key not in told
        assert key.replace("Canary", "Canar\\u0079") not in told.replace("\\\\", "\\")
    assert bench.accepted() == []
    assert bench.unanswered() == 0


def test_a_bad_request_leaves_its_neighbours_undisturbed(bench: IntakeBench) -> None:
    """Among bad requests of every sort, each good one is accepted, in one batch, with one answer for each."""
    sent: list[str] = []
    for number, (text, _) in enumerate(BAD_TEXTS[:12]):
        bench.send(text)
        sent.append(f"good-{number}")
        bench.send(bench.request(upload_id=sent[-1], path=bench.list_file(f"{number}.csv", f"v\n{number}\n")))
    while bench.intake.read():
        pass
    assert [upload_id for upload_id, _ in bench.accepted()] == sent
    assert bench.reasons() == [reason for _, reason in BAD_TEXTS[:12]]
    assert bench.unanswered() == 0


def test_further_fields_of_an_entry_are_passed_over(bench: IntakeBench) -> None:
    """A producer may add fields of its own to the entry."""
    bench.send(bench.request(upload_id="crm-1"), trace="abc", when="now")
    bench.intake.read()
    assert bench.accepted() == [("crm-1", False)]


def test_an_entry_without_a_request_is_rejected(bench: IntakeBench) -> None:
    """An entry whose field has another name is answered like any other bad request."""
    bench.client.xadd("bulkverify:uploads", {"req": "{}"})
    bench.intake.read()
    assert bench.reasons() == ["not_json"]
    assert bench.unanswered() == 0


def test_text_that_is_not_utf_8_is_not_accepted_with_other_text(bench: IntakeBench) -> None:
    """A request whose bytes are not UTF-8 is rejected also where the damage is in a label."""
    text = json.dumps(bench.request(upload_id="crm-1", label="LABEL")).encode().replace(b"LABEL", b"caf\xe9")
    bench.send(text)
    bench.intake.read()
    assert bench.reasons() == ["not_json"]
    assert bench.accepted() == []


def test_what_a_rejection_repeats_of_a_request_is_bounded(bench: IntakeBench) -> None:
    """Of a huge bad request the beginning is kept; of one that cannot be read, and of rows, only the size."""
    bench.send("{" + "x" * 60_000)
    bench.send(bench.request(**{f"field-{number}": "x" for number in range(1_000)}))
    bench.send(bench.request(kind="fax", source={"rows": ["secret@example.com"] * 1_000}))
    bench.intake.read()
    kept = [rejection["request"] for rejection in bench.rejections()]
    assert kept[0].startswith("(60,001 bytes that are not kept, SHA-256 ")
    assert len(kept[1]) == REJECTED_REQUEST_CHARS_MAX
    assert json.loads(kept[2])["source"] == {"rows": "(1,000 values)"}
