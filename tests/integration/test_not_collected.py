"""A cancellation that gives up what is paid for: nobody asks for it any more, and nothing of it is forgotten."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.invariants import Invariants, broken_invariants
from tests.builders.line import running_line
from worker.actors import reconcile
from worker.actors.names import manifest_name
from worker.core.cancel import NOT_COLLECTED
from worker.core.states import PartState, UploadState
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.line import Line

EMAILS = "email\n" + "".join(f"reader{number}@example.com\n" for number in range(5))
#: Jobs that take longer than any test.
ENDLESS = {"job_seconds": 100_000.0}


def in_state(line: Line, state: PartState) -> bool:
    """Whether there are parts and all of them are in one state."""
    parts = line.parts("one")
    return bool(parts) and {part.state for part in parts} == {state}


def give_up(line: Line, redis_url: str) -> None:
    """Cancel the upload as an operator does who wants nothing of it."""
    done = CommandLine(redis_url, line.folder)("cancel", "one", "--no-collect", "--yes")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("account", ["ipqs-main", "whoisxml-main"])
def test_parts_that_the_provider_works_on_are_paid_and_not_asked_for_again(
    tmp_path: Path, redis_url: str, broker_url: str, account: str
) -> None:
    """They end; credits and ids stay theirs; the result has every row and says what was paid and not fetched."""
    with running_line(tmp_path, redis_url, broker_url, max_part_rows=3, ipqs=ENDLESS, whoisxml=ENDLESS) as line:
        line.submit(line.file("list.csv", EMAILS), account, upload_id="one")
        wait_until(lambda: in_state(line, PartState.SUBMITTED), what="both parts with the provider")
        sandboxes = (line.ipqs, line.whoisxml)
        invariants = Invariants(line.plant.context.store, line.plant.context.storage, sandboxes)
        give_up(line, redis_url)
        line.finish("one")
        upload, parts, store = line.upload("one"), line.parts("one"), line.plant.context.store
        assert (upload.state, upload.reason) == (UploadState.CANCELLED, "cancelled")
        assert upload.message == "Cancelled on request; 5 rows were paid for and not fetched."
        assert upload.result is not None
        assert (upload.result.not_collected_rows, upload.result.counts.missing, upload.result.credits) == (5, 5, 5)
        assert [(part.state, part.reason) for part in parts] == [(PartState.CANCELLED, NOT_COLLECTED)] * 2
        assert [store.part_of_remote(part.remote_scope, part.remote_id or "") for part in parts] == ["one/0", "one/1"]
        manifest = json.loads(line.plant.context.storage.read(manifest_name("one"), 100_000))
        assert [(part["credits"], part["object"]) for part in manifest["parts"]] == [(3, None), (2, None)]
        assert store.next_due(account, parts[0].lanes[PartState.SUBMITTED]) is None
        assert invariants.broken() == []
        reconcile.run(line.plant.context, account, 0)
        assert invariants.broken() == []


def test_a_result_that_could_not_be_fetched_is_not_fetched_any_more(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """A finished part whose download fails again and again ends as well, and later downloads are not tried."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.ipqs.knobs.faults.append(Fault(operation="download", kind="http_500", times=1_000))
        line.submit(line.file("list.csv", EMAILS), "ipqs-main", upload_id="one")
        wait_until(lambda: in_state(line, PartState.FINISHED) and line.parts("one")[0].tries > 0)
        give_up(line, redis_url)
        line.finish("one")
        (part,) = line.parts("one")
        assert (part.state, part.reason, part.credits_committed) == (PartState.CANCELLED, NOT_COLLECTED, 5)
        assert line.upload("one").state is UploadState.CANCELLED


def test_what_was_fetched_before_stays_in_the_result(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Verdicts that are here are kept and delivered; only the rest is given up."""
    with running_line(tmp_path, redis_url, broker_url, max_part_rows=3, ipqs=ENDLESS) as line:
        line.submit(line.file("list.csv", EMAILS), "ipqs-main", upload_id="one")
        wait_until(lambda: in_state(line, PartState.SUBMITTED), what="both parts with the provider")
        line.ipqs.jobs[int(line.parts("one")[0].remote_id or 0)].work_seconds = 0.0
        wait_until(lambda: line.parts("one")[0].state is PartState.COLLECTED, what="the first part is here")
        give_up(line, redis_url)
        line.finish("one")
        result = line.upload("one").result
        assert result is not None
        assert (result.counts.matched, result.counts.missing, result.not_collected_rows) == (3, 2, 2)
        context = line.plant.context
        assert broken_invariants(context.store, context.storage, (line.ipqs,)) == []


def test_an_attempt_of_unknown_outcome_is_resolved_before_it_is_given_up(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """While nobody knows whether the list was charged the upload has no end; once its job is seen, it is paid for."""
    hidden = ENDLESS | {"list_delay_seconds": float("inf")}
    with running_line(tmp_path, redis_url, broker_url, ipqs=hidden) as line:
        line.ipqs.knobs.faults.append(Fault(operation="submit", kind="answer_lost"))
        line.submit(line.file("list.csv", EMAILS), "ipqs-main", upload_id="one")
        wait_until(lambda: bool(line.ipqs.ledger) and line.parts("one")[0].lease is None)
        assert line.parts("one")[0].attempt is not None
        give_up(line, redis_url)
        seen = line.upload("one").version
        wait_until(lambda: line.upload("one").version > seen + 1, what="two more looks at the upload")
        assert not line.upload("one").terminal
        assert line.parts("one")[0].attempt is not None
        line.ipqs.knobs.list_delay_seconds = 0.0
        reconcile.run(line.plant.context, "ipqs-main", 0)
        line.finish("one")
        (part,) = line.parts("one")
        assert (part.state, part.reason, part.credits_committed) == (PartState.CANCELLED, NOT_COLLECTED, 5)
        assert part.remote_id == str(line.ipqs.ledger[0].remote_id)
        assert len(line.ipqs.ledger) == 1
