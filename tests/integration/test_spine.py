"""A list goes in through Redis and comes back verified, from both providers; whatever happens, it is charged once."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from typing import TYPE_CHECKING

import pytest

from producers.errors import Rejected
from tests.builders.deadline import wait_until
from tests.builders.line import IPQS_KEY, running_line
from worker.actors.attempts import Outcome, outcome_of
from worker.actors.names import manifest_name, result_name
from worker.core.account import echo_proven
from worker.core.states import Lane, PartState, UploadState
from worker.core.upload import request_cancel
from worker.providers.port import Kind, Submission, SubmitMethod
from worker.providers.sandbox.faults import Fault
from worker.rows.manifest import Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.line import Line

EMAILS = 'name,email\n"Doe, Jane",jane@example.com\nEmpty,\nTwin,JANE@Example.com\nTwo,jane@EXAMPLE.com\nBad,nonsense\n'
ACCOUNTS = ["ipqs-main", "whoisxml-main"]


def charged_rows(line: Line) -> list[int]:
    """The rows of every charge, of both providers."""
    return [charge.rows for sandbox in (line.ipqs, line.whoisxml) for charge in sandbox.ledger]


def in_quarantine(line: Line, upload_id: str) -> bool:
    """Whether a part of the upload waits for evidence or a person."""
    return any(part.state is PartState.QUARANTINED for part in line.parts(upload_id))


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_list_comes_back_with_every_row(tmp_path: Path, redis_url: str, broker_url: str, account: str) -> None:
    """Every row of a list comes back in its order, with its own columns and a verdict, for one charge."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), account, upload_id="first", label="spring")
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED, line.decisions(upload_id)
        result = line.client.result(upload_id)
        assert result.path is not None
        with result.path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["name"] for row in rows] == ["Doe, Jane", "Empty", "Twin", "Two", "Bad"]
        assert [row["bv_row"] for row in rows] == ["matched", "empty", "matched", "folded", "matched"]
        assert charged_rows(line) == [3]


def test_the_manifest_tells_what_the_result_holds(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The manifest's counts, digests, remote ids and credits are those of the result and of the provider's ledger."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        line.finish(upload_id)
        storage = line.plant.context.storage
        manifest = Manifest.load(storage.read(manifest_name(upload_id), 1_000_000))
        assert manifest.result.sha256 == _sha256(storage.read(result_name(upload_id), 1_000_000))
        assert [part.remote_id for part in manifest.parts] == [str(line.ipqs.ledger[0].remote_id)]
        assert (manifest.credits, manifest.counts.rows, manifest.partial) == (3, 5, False)


def test_a_large_list_is_split_into_parts_with_a_job_and_a_charge_each(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """A list above the account's part size becomes several jobs; all of them come back in one result."""
    with running_line(tmp_path, redis_url, broker_url, max_part_rows=40) as line:
        values = "".join(f"reader{number}@example.com\n" for number in range(100))
        upload_id = line.submit(line.file("list.csv", "email\n" + values), "whoisxml-main")
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED
        assert sorted(charged_rows(line)) == [33, 33, 34]
        assert line.client.result(upload_id).counts.matched == 100


def test_ip_addresses_go_to_ipqs(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A list of IP addresses is found by its column and verified at IPQS."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        text = "page;ip\n/;192.0.2.1\n/;2001:db8::1\n/;192.0.2.1\n"
        upload_id = line.submit(line.file("visitors.csv", text), "ipqs-main", kind="proxy")
        line.finish(upload_id)
        assert line.client.result(upload_id).counts.folded == 1
        assert charged_rows(line) == [2]


def test_a_bare_xadd_is_as_good_as_the_client(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """An application in any language needs one XADD of one JSON field; without an id it gets a derived one."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        path = line.file("list.csv", EMAILS)
        request = {"version": 1, "account": "ipqs-main", "kind": "email", "source": {"path": str(path)}}
        line.plant.context.store.client.xadd("bulkverify:uploads", {"request": json.dumps(request)})
        line.intake.read()
        accepted = next(iter(line.client.events(since="0")))
        assert accepted.upload_id.startswith("auto-")
        line.finish(accepted.upload_id)
        assert line.upload(accepted.upload_id).state is UploadState.COMPLETED


def test_the_same_list_twice_is_paid_for_once(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A second request with the same content is recognised as the same upload, wherever the file lies."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        first = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        again = line.submit(line.file("copy.csv", EMAILS), "ipqs-main")
        line.finish(first)
        assert first == again
        assert charged_rows(line) == [3]


def test_an_id_that_belongs_to_another_list_is_a_conflict(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The second list under one id is refused with a remedy, and the first one is not disturbed."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.submit(line.file("list.csv", EMAILS), "ipqs-main", upload_id="spring")
        line.submit(line.file("other.csv", "email\nother@example.com\n"), "ipqs-main", upload_id="spring")
        with pytest.raises(Rejected, match="belongs to another request"):
            line.client.wait("spring", timeout_seconds=30)
        line.finish("spring")
        assert charged_rows(line) == [3]


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_lost_answer_is_searched_for_and_never_followed_by_a_second_charge(
    tmp_path: Path, redis_url: str, broker_url: str, account: str
) -> None:
    """When the answer to a submit is lost nobody knows whether it was charged: the list is walked, nothing is sent."""
    hidden = {"list_delay_seconds": 3_600.0}
    with running_line(tmp_path, redis_url, broker_url, ipqs=hidden, whoisxml=hidden) as line:
        sandbox = line.ipqs if account == "ipqs-main" else line.whoisxml
        sandbox.knobs.faults.append(Fault(operation="submit", kind="answer_lost"))
        upload_id = line.submit(line.file("list.csv", EMAILS), account)
        wait_until(lambda: any(part.searches for part in line.parts(upload_id)), what="the first search")
        (part,) = line.parts(upload_id)
        assert (part.state, part.reason, part.credits_reserved) == (PartState.INTENT, "outcome_unknown", 3)
        assert part.attempt is not None
        assert line.upload(upload_id).state is UploadState.RUNNING
        assert [charge.rows for charge in sandbox.ledger] == [3]
        assert sandbox.calls["submit"] == 1


def test_a_list_that_proves_nothing_stops_the_part(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """An account on which no other job of ours is known shows an empty list: a person is asked, with the commands."""
    hidden = {"list_delay_seconds": 3_600.0}
    soon = {
        "submit_deadline_seconds": 1.0,
        "lease_margin_seconds": 1.0,
        "settle_seconds": 0.0,
        "poll_floor_seconds": 0.1,
    }
    with running_line(tmp_path, redis_url, broker_url, ipqs=hidden, **soon) as line:
        line.ipqs.knobs.faults.append(Fault(operation="submit", kind="answer_lost"))
        provider_shows_names(line)
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        wait_until(lambda: in_quarantine(line, upload_id), what="the part in quarantine")
        wait_until(lambda: line.upload(upload_id).state is UploadState.ATTENTION, what="the upload asks for attention")
        (part,) = line.parts(upload_id)
        assert (part.reason, part.credits_reserved) == ("no_control", 3)
        assert not line.plant.context.store.due("ipqs-main", Lane.SUBMIT, math.inf, 1)
        assert [charge.rows for charge in line.ipqs.ledger] == [3]


@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_attempt_that_made_no_job_is_followed_by_another(
    tmp_path: Path, redis_url: str, broker_url: str, account: str
) -> None:
    """Two whole walks show another job of ours and not the part's: it is submitted once more, and charged once."""
    soon = {"submit_deadline_seconds": 1.0, "lease_margin_seconds": 1.0, "poll_floor_seconds": 0.1}
    soon |= {"settle_seconds": 0.0, "settle_unnamed_seconds": 0.0, "clock_skew_seconds": 0.0}
    with running_line(tmp_path, redis_url, broker_url, **soon) as line:
        sandbox = line.ipqs if account == "ipqs-main" else line.whoisxml
        line.finish(line.submit(line.file("first.csv", "email\nzoe@example.com\n"), account))
        sandbox.knobs.faults.append(Fault(operation="submit", kind="http_502"))
        upload_id = line.submit(line.file("list.csv", EMAILS), account)
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED
        assert "absent" in line.decisions(upload_id)
        assert [charge.rows for charge in sandbox.ledger] == [1, 3]


@pytest.mark.parametrize("strangers", [0, 2])
def test_without_names_the_job_is_found_by_its_time_and_known_by_its_values(
    tmp_path: Path, redis_url: str, broker_url: str, strangers: int
) -> None:
    """Jobs of others at the same time are tried, found to hold other values, and left alone again."""
    with running_line(tmp_path, redis_url, broker_url, poll_floor_seconds=0.1) as line:
        provider = line.plant.context.accounts["whoisxml-main"].provider
        values = line.file("strange.csv", "one@other.example\ntwo@other.example\nfew@other.example\n")
        for _ in range(strangers):
            provider.submit(Submission(values, 3, Kind.EMAIL, "by-hand", 5.0, SubmitMethod.JSON))
        line.whoisxml.knobs.faults.append(Fault(operation="submit", kind="answer_lost"))
        upload_id = line.submit(line.file("list.csv", EMAILS), "whoisxml-main")
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED
        (part,) = line.parts(upload_id)
        assert part.remote_id == str(line.whoisxml.ledger[-1].remote_id)
        assert len(part.excluded) <= strangers
        assert (part.provisional, part.credits_committed, part.credits_reserved) == (False, 3, 0)
        found = Outcome(remote_id=part.remote_id)
        assert outcome_of(line.plant.context.storage, part.token, part.attempts) == found
        assert len(line.whoisxml.ledger) == strangers + 1


def provider_shows_names(line: Line) -> None:
    """Have it known of the IPQS account that its list shows names."""
    store = line.plant.context.store
    change = echo_proven(store.account("ipqs-main", "ipqs"))
    assert change is not None
    store.commit(change)


def test_a_lost_job_is_found_again_by_its_token(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A walk over the IPQS list finds the job of a lost answer by the token in its name, and the upload completes."""
    with running_line(tmp_path, redis_url, broker_url, reconcile_period_seconds=1.0) as line:
        line.ipqs.knobs.faults.append(Fault(operation="submit", kind="answer_lost"))
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED
        assert "adopt" in line.decisions(upload_id)
        (part,) = line.parts(upload_id)
        outcome = outcome_of(line.plant.context.storage, part.token, part.attempts)
        assert outcome == Outcome(remote_id=part.remote_id)
        assert charged_rows(line) == [3]


def test_an_attempt_that_redis_forgot_is_not_repeated(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """With nothing left but the attempt in storage, the same upload ends with its first job's result, unpaid."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), "whoisxml-main")
        line.finish(upload_id)
        line.plant.context.store.client.flushdb()
        assert line.plant.context.storage.delete_prefix("records") == 1
        line.intake.prepare()
        assert line.submit(tmp_path / "list.csv", "whoisxml-main") == upload_id
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED
        assert line.parts(upload_id)[0].evidence[0].how == "attempt_record"
        assert charged_rows(line) == [3]


def test_a_definite_refusal_waits_and_then_goes_on(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Out of credits is certain to have cost nothing: the part is held with a reason and its reservation released."""
    with running_line(tmp_path, redis_url, broker_url, ipqs={"credits": 2}) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        wait_until(lambda: line.parts(upload_id)[0].reason == "out_of_credits" if line.parts(upload_id) else False)
        (part,) = line.parts(upload_id)
        assert (part.state, part.credits_reserved, charged_rows(line)) == (PartState.HELD, 0, [])
        account = line.plant.context.store.account("ipqs-main", "ipqs")
        assert account.spending_pause.reason == "out_of_credits"
        ledger = line.plant.context.store.client.hgetall("bulkverify:ledger:ipqs-main")
        assert ledger["reserved"] == ledger["released"]


def test_a_download_that_breaks_is_fetched_again(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A paid result whose download breaks is collected through fresh links, without another charge."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.ipqs.knobs.faults.append(Fault(operation="download", kind="truncate", times=2, after_bytes=40))
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED
        assert charged_rows(line) == [3]


def test_rows_without_a_verdict_make_a_labelled_partial_result(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """When the provider leaves rows out, every row still comes back, and nothing is called completed."""
    with running_line(tmp_path, redis_url, broker_url, ipqs={"missing_row_every": 2}) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        line.finish(upload_id)
        upload = line.upload(upload_id)
        assert (upload.state, upload.reason) == (UploadState.FAILED, "rows_missing")
        assert upload.result is not None
        assert upload.result.partial
        assert upload.result.counts.missing > 0
        assert upload.result.counts.conserved


def test_an_aborted_job_fails_its_part_with_the_reason(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A job that the provider gives up ends the part as failed and the upload with a labelled partial result."""
    with running_line(tmp_path, redis_url, broker_url, ipqs={"abort_at": 0.5}) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        line.finish(upload_id)
        assert line.upload(upload_id).reason == "parts_failed"
        assert line.parts(upload_id)[0].reason == "remote_aborted"


def test_a_list_that_cannot_be_read_fails_with_its_name_and_costs_nothing(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """An input without anything to verify fails the upload with a message that names the file."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.submit(line.file("staff.csv", "a,b\n1,2\n3,4\n"), "ipqs-main")
        line.finish(upload_id)
        upload = line.upload(upload_id)
        assert upload.state is UploadState.FAILED
        assert "staff.csv" in upload.message
        assert charged_rows(line) == []


def test_cancelling_before_anything_was_spent_costs_nothing(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Parts that wait for a paused account are dropped, and the upload ends as cancelled."""
    with running_line(tmp_path, redis_url, broker_url, ipqs={"credits": 0}) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        wait_until(lambda: bool(line.parts(upload_id)) and line.parts(upload_id)[0].state is PartState.HELD)
        store = line.plant.context.store
        line.plant.context.apply(request_cancel(line.upload(upload_id), store.now()))
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.CANCELLED
        assert charged_rows(line) == []


def test_losing_every_message_costs_time_only(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The broker database is emptied again and again while uploads are on their way, and all of them complete."""
    with running_line(tmp_path, redis_url, broker_url, ipqs={"job_seconds": 1.0}) as line:
        uploads = [
            line.submit(line.file(f"list{number}.csv", f"email\nreader{number}@example.com\n"), account)
            for number, account in enumerate(ACCOUNTS * 2)
        ]
        wait_until(lambda: bool(charged_rows(line)))
        line.plant.broker.client.flushdb()
        wait_until(lambda: len(charged_rows(line)) == len(uploads), seconds=30)
        line.plant.broker.client.flushdb()
        line.finish(*uploads, seconds=30)
        assert {line.upload(upload_id).state for upload_id in uploads} == {UploadState.COMPLETED}
        assert charged_rows(line) == [1] * len(uploads)


def test_no_key_reaches_redis_or_storage(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """After an upload with faults on its way the key is in no Redis value of both databases and in no stored object."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.ipqs.knobs.faults.append(Fault(operation="status", kind="http_500", times=2))
        line.ipqs.knobs.faults.append(Fault(operation="download", kind="html_block"))
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        line.finish(upload_id)
        for client in (line.plant.context.store.client, line.plant.broker.client):
            dump = "".join(str(client.dump(key)) for key in client.scan_iter())
            assert IPQS_KEY not in dump
        for path in (tmp_path / "storage").rglob("*"):
            assert path.is_dir() or IPQS_KEY.encode() not in path.read_bytes()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
