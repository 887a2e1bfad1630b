"""What was paid for and is not here is brought back: against both simulated providers, and without another charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.invariants import Invariants, broken_invariants
from tests.builders.swept import EARLIER, Swept, swept_account
from worker.actors.attempts import open_attempt
from worker.actors.names import manifest_name, result_name, staged_input
from worker.core import part as core
from worker.core.salvage import AGAIN_MAX, TRIES_MAX
from worker.core.states import PartState, UploadState
from worker.core.upload import request_cancel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from worker.storage import Storage

#: Most bytes of an object of these tests.
BYTES_MAX = 1_000_000


@pytest.fixture(params=["ipqs-main", "whoisxml-main"])
def swept(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> Iterator[Swept]:
    """Yield an account of each provider with a list that is delivered, after its first sweep."""
    with swept_account(tmp_path, redis_url, str(request.param)) as swept:
        yield swept


def storage_of(swept: Swept) -> Storage:
    """The storage as the present process has it."""
    return swept.line.process.context.storage


def result_of(swept: Swept, upload_id: str) -> bytes:
    """The upload's result."""
    return storage_of(swept).read(result_name(upload_id), BYTES_MAX)


def charges(swept: Swept) -> int:
    """How often the provider has charged."""
    return len(swept.sandbox.ledger)


def spoil(storage: Storage, name: str) -> None:
    """Let an object hold something else than what was written there."""
    with storage.write(name) as out:
        out.write(b"?")


def is_sound(swept: Swept) -> None:
    """No invariant is broken."""
    line = swept.line
    assert broken_invariants(line.store, storage_of(swept), (line.ipqs, line.whoisxml)) == []


def ended_without(swept: Swept, upload_id: str, **fields: Any) -> None:
    """A list whose part is taken to have failed although its job goes on, and that has ended so."""
    swept.ask(upload_id)
    part = swept.until(upload_id, PartState.SUBMITTED)
    lost = part.moved(PartState.FAILED, swept.line.clock.now(), reason="remote_aborted").model_copy(update=fields)
    swept.line.store.commit(core.change("aborted", lost, reason=lost.reason))
    swept.line.settle(upload_id)


# What storage has lost


@pytest.mark.parametrize("harm", [lambda storage, name: storage.delete(name), spoil])
@pytest.mark.parametrize("name", [result_name(EARLIER), manifest_name(EARLIER)])
def test_a_lost_result_is_delivered_anew(swept: Swept, harm: Callable[[Storage, str], None], name: str) -> None:
    """It is made from the verdicts that are there, byte for byte; a manifest that cannot be read is left alone."""
    before, asked, calls = result_of(swept, EARLIER), charges(swept), sum(swept.sandbox.calls.values())
    checked = Invariants(swept.line.store, storage_of(swept))
    assert checked.broken() == []
    harm(storage_of(swept), name)
    if harm is spoil and name == manifest_name(EARLIER):
        assert swept.sweep() == []
        return
    assert swept.sweep() == ["missing_artifact"]
    swept.line.settle(EARLIER)
    assert swept.sweep() == []
    assert swept.line.upload(EARLIER).state is UploadState.COMPLETED
    assert (result_of(swept, EARLIER), charges(swept)) == (before, asked)
    assert "deliver_again" in swept.decisions(EARLIER)
    assert swept.counted("drift_repaired", "missing_artifact") == 1
    assert checked.broken() == []
    assert sum(swept.sandbox.calls.values()) > calls


def test_lost_verdicts_of_a_lost_result_are_downloaded_again(swept: Swept) -> None:
    """The provider still has them: they are the same, and cost nothing."""
    before, asked = result_of(swept, EARLIER), charges(swept)
    part = swept.part(EARLIER)
    storage_of(swept).delete(result_name(EARLIER))
    spoil(storage_of(swept), part.verdicts_object or "")
    assert swept.sweep() == ["missing_artifact"]
    assert (swept.part(EARLIER).state, swept.part(EARLIER).again) == (PartState.FINISHED, 1)
    assert swept.sweep() == ["missing_artifact"]
    swept.line.settle(EARLIER)
    assert swept.sweep() == []
    assert (result_of(swept, EARLIER), charges(swept)) == (before, asked)
    assert swept.part(EARLIER).verdicts_digest == part.verdicts_digest
    is_sound(swept)


def test_verdicts_that_are_lost_before_their_delivery_are_downloaded_again(swept: Swept) -> None:
    """Without them nothing could be delivered, ever; what is there is left alone."""
    swept.ask("crm-1")
    part = swept.until("crm-1", PartState.COLLECTED)
    assert swept.sweep() == []
    assert swept.part("crm-1").version == part.version
    storage_of(swept).delete(part.verdicts_object or "")
    assert swept.sweep() == ["missing_artifact"]
    swept.line.settle("crm-1")
    assert swept.sweep() == []
    assert swept.line.upload("crm-1").state is UploadState.COMPLETED
    is_sound(swept)


def test_a_result_whose_list_is_gone_is_told_of_until_it_is_back(swept: Swept) -> None:
    """No result can be made without the list: nothing is touched, and a backup ends it."""
    storage, name = storage_of(swept), result_name(EARLIER)
    kept, upload = result_of(swept, EARLIER), swept.line.upload(EARLIER)
    storage.delete(staged_input(upload))
    storage.delete(name)
    assert swept.sweep() == swept.sweep() == ["missing_artifact"]
    spoil(storage, name)
    assert swept.sweep() == ["missing_artifact"]
    assert swept.line.upload(EARLIER).version == upload.version
    with storage.write(name) as out:
        out.write(kept)
    assert swept.sweep() == []


def test_verdicts_are_downloaded_again_a_few_times(swept: Swept) -> None:
    """Storage that loses everything is not a reason to download for ever: a person is asked then."""
    for _ in range(AGAIN_MAX):
        storage_of(swept).delete(result_name(EARLIER))
        storage_of(swept).delete(swept.part(EARLIER).verdicts_object or "")
        assert swept.sweep() == ["missing_artifact"]
        swept.line.settle(EARLIER)
        assert swept.sweep() == []
    storage_of(swept).delete(result_name(EARLIER))
    storage_of(swept).delete(swept.part(EARLIER).verdicts_object or "")
    assert swept.sweep() == swept.sweep() == ["missing_artifact"]
    assert swept.line.upload(EARLIER).terminal


def test_what_the_provider_has_not_any_more_is_given_to_a_person(swept: Swept) -> None:
    """After so many failed downloads the part is in quarantine, and a retry goes on with its own job."""
    job = swept.sandbox.jobs.pop(int(swept.part(EARLIER).remote_id or 0))
    storage_of(swept).delete(result_name(EARLIER))
    storage_of(swept).delete(swept.part(EARLIER).verdicts_object or "")
    assert swept.sweep() == ["missing_artifact"]
    swept.line.settle(EARLIER)
    part = swept.part(EARLIER)
    assert (part.state, part.reason) == (PartState.QUARANTINED, "missing_artifact")
    assert list(swept.decisions(EARLIER)).count("collect_later") == TRIES_MAX - 1
    assert swept.line.upload(EARLIER).state is UploadState.ATTENTION
    swept.sandbox.jobs[job.remote_id] = job
    is_sound(swept)


# What had ended without its verdicts


def test_the_result_of_a_part_that_had_failed_is_delivered(swept: Swept) -> None:
    """Its job is done after all: the upload that had failed is completed, and was charged once."""
    checked = Invariants(swept.line.store, storage_of(swept), (swept.line.ipqs, swept.line.whoisxml))
    ended_without(swept, "crm-1")
    assert swept.line.upload("crm-1").state is UploadState.FAILED
    assert checked.broken() == []
    asked = charges(swept)
    assert swept.sweep(after_seconds=3_600.0) == ["terminal_disagreement"]
    assert swept.part("crm-1").state is PartState.FINISHED
    swept.line.settle("crm-1")
    assert swept.line.upload("crm-1").state is UploadState.COMPLETED
    assert swept.sweep() == swept.sweep() == []
    assert charges(swept) == asked
    assert list(swept.decisions("crm-1")).count("salvage") == 1
    assert swept.counted("drift_repaired", "terminal_disagreement") == 1
    assert checked.broken() == []


def test_a_part_that_failed_while_its_job_goes_on_is_left_alone(swept: Swept) -> None:
    """Only a job that is done has a result."""
    swept.sandbox.knobs.job_seconds = 10 * 86_400.0
    ended_without(swept, "crm-1")
    assert swept.sweep() == swept.sweep() == []
    assert swept.line.upload("crm-1").state is UploadState.FAILED


def test_what_is_without_its_list_is_told_and_not_taken_up(swept: Swept) -> None:
    """There would be nothing to deliver the verdicts with: the end stays, and so does the finding."""
    ended_without(swept, "crm-1")
    upload = swept.line.upload("crm-1")
    storage_of(swept).delete(staged_input(upload))
    assert swept.sweep(after_seconds=3_600.0) == swept.sweep() == ["terminal_disagreement"]
    assert swept.line.upload("crm-1").version == upload.version


def test_an_end_is_taken_up_once(swept: Swept) -> None:
    """A person who gives up what cannot be fetched is not asked again by the next sweep."""
    ended_without(swept, "crm-1", again=1)
    assert swept.sweep(after_seconds=3_600.0) == swept.sweep() == ["terminal_disagreement"]
    assert swept.part("crm-1").state is PartState.FAILED


@pytest.mark.parametrize("swept", ["ipqs-main"], indirect=True)
def test_a_cancelled_part_that_was_charged_brings_its_verdicts(swept: Swept) -> None:
    """Its job turns up by its token: the charge is entered, and what is paid for is in the result."""
    swept.ask("crm-1")
    part = swept.until("crm-1", PartState.PENDING).model_copy(update={"service": swept.connected.service})
    now = swept.line.clock.now()
    _, first = open_attempt(swept.line.process.context, part, now, now)
    assert first
    swept.line.store.commit(core.cancel(part, now))
    swept.line.store.commit(request_cancel(swept.line.upload("crm-1"), now))
    swept.line.settle("crm-1")
    assert swept.line.upload("crm-1").state is UploadState.CANCELLED
    swept.stranger("crm-1@example.com", name=f"{part.token}.crm-1.csv")
    asked = charges(swept)
    assert swept.sweep(after_seconds=3_600.0) == ["terminal_disagreement"]
    swept.line.settle("crm-1")
    ended = swept.line.upload("crm-1")
    assert ended.result is not None
    assert (ended.result.counts.matched, ended.result.credits) == (1, 1)
    assert swept.sweep() == []
    assert charges(swept) == asked
