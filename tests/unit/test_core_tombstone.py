"""The tombstone: small, told apart from every record, and recognising exactly what made the upload."""

from __future__ import annotations

from typing import get_args

import pytest

from producers import contract
from producers.request import Kind
from tests.builders.records import NOW, an_upload
from worker.actors import names
from worker.core.retention import DAY_SECONDS, SECRET_KINDS, purge_at, staging_kept_since
from worker.core.states import UPLOAD_TERMINAL, UploadState
from worker.core.tombstone import PURGED_PREFIX, TOMBSTONE_BYTES_MAX, Tombstone, list_print, tombstone_in

ENDED = an_upload(state=UploadState.COMPLETED, finished_at=NOW + 5.7, options={"header": True, "column": "email"})


def test_applications_and_workers_mean_the_same_words() -> None:
    """The public contract names the prefix of purged states and the place of manifests as the workers do."""
    assert contract.PURGED_PREFIX == PURGED_PREFIX
    assert contract.manifest_name("crm-1") == names.manifest_name("crm-1")
    assert set(get_args(Kind)) > SECRET_KINDS


@pytest.mark.parametrize("state", sorted(UPLOAD_TERMINAL))
def test_a_tombstone_comes_back_as_it_was_encoded(state: UploadState) -> None:
    """Outcome, end and both fingerprints survive, in at most 200 bytes with the longest key and the latest time."""
    ended_at = 9_999_999_999.0
    upload = an_upload("x" * 100, state, finished_at=ended_at)
    tombstone = Tombstone.of(upload)
    text = tombstone.encode()
    assert tombstone_in(text) == tombstone
    assert (tombstone.outcome, tombstone.state, tombstone.ended_at) == (state, f"purged/{state}", ended_at)
    assert len(contract.upload_key(upload.upload_id)) + len(text.encode()) <= TOMBSTONE_BYTES_MAX


@pytest.mark.parametrize("text", ["", "{", '{"state":"completed"}', '{"label":"purged/completed"}'])
def test_a_record_is_no_tombstone(text: str) -> None:
    """Only what begins like a tombstone is one; what records hold, also of producers' words, is not."""
    assert tombstone_in(text) is None
    record = an_upload(label='{"state":"purged/completed"}', state=UploadState.FAILED).model_dump_json()
    assert tombstone_in(record) is None


def test_the_same_request_and_the_same_list_are_recognised() -> None:
    """A request by its digest, a list by account, kind, options in any order, and content; its place does not count."""
    tombstone = Tombstone.of(ENDED)
    assert tombstone.is_of_request("r" * 64)
    assert not tombstone.is_of_request("s" * 64)
    moved = {"source": {"path": "/elsewhere"}, "options": {"column": "email", "header": True}, "label": "other"}
    assert tombstone.list == list_print(ENDED.model_copy(update=moved))


@pytest.mark.parametrize(
    "change",
    [
        {"account": "other"},
        {"kind": "proxy"},
        {"options": {"header": True}},
        {"content_digest": "d" * 64},
        {"reuse_hours": 24.0},
    ],
)
def test_another_list_is_not_recognised(change: dict[str, object]) -> None:
    """Anything that changes what is verified, or how old its verdicts may be, makes another list."""
    assert Tombstone.of(ENDED).list != list_print(ENDED.model_copy(update=change))


def test_staged_files_are_kept_from_the_end_and_secrets_not_at_all() -> None:
    """The time begins at the end; for secrets it is over by then; before the end there is none."""
    assert staging_kept_since(an_upload(state=UploadState.RUNNING)) is None
    assert staging_kept_since(an_upload(state=UploadState.RUNNING, kind="leaked_password")) is None
    assert staging_kept_since(ENDED) == NOW + 5.7
    assert staging_kept_since(an_upload(state=UploadState.FAILED)) == NOW
    assert staging_kept_since(ENDED.model_copy(update={"kind": "leaked_password"})) == 0.0


def test_a_record_that_does_not_say_when_to_purge_it_is_kept_from_its_end() -> None:
    """What the record says counts; without it the present setting does."""
    assert purge_at(ENDED.model_copy(update={"retain_until": 7.0}), 30) == 7.0
    assert purge_at(ENDED, 30) == NOW + 5.7 + 30 * DAY_SECONDS
