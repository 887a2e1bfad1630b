"""Records as they are in every state of their lives, with what they have by then: the cases of the golden files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.builders.records import NOW, a_part, a_result, an_attempt, an_upload
from worker.core.records import AccountRecord, PartRecord, UploadRecord
from worker.core.rows import RowCounts
from worker.core.states import PartState, UploadState
from worker.core.token import part_token
from worker.core.values import Evidence, Lease, Pause
from worker.rows.dialect import Dialect
from worker.rows.manifest import InputSection, Manifest, PartSection, ResultSection, Versions

#: The process that leases and attempts name.
PROCESS = "worker-1:4242:a1b2c3"
#: What a part's token is made of.
FINGERPRINTED = {
    "installation_id": "main",
    "account": "ipqs-main",
    "upload_id": "list-1",
    "kind": "email",
    "digest": "d" * 64,
}


def uploads() -> dict[str, UploadRecord]:
    """An upload in every state, with what it has by then."""
    asked: dict[str, Any] = {
        "label": "news",
        "producer": "crm",
        "options": {"column": "email", "header": True},
        "method": "json",
        "segments": ("clean",),
    }
    dialect = Dialect(
        encoding="utf-8",
        delimiter=",",
        header=True,
        column_index=0,
        column_name="email",
        columns=("email", "name"),
        why="the header names the column",
    )
    staged: dict[str, Any] = asked | {
        "dialect": dialect.model_dump(mode="json"),
        "input_object": "uploads/list-1/input/list.csv",
        "input_bytes": 2_400,
        "staged_rows": 105,
        "rows": 105,
        "empty": 1,
        "folded": 3,
        "withheld": 1,
        "distinct": 100,
        "ragged": 2,
        "parts_total": 1,
    }
    ended: dict[str, Any] = staged | {"finished_at": NOW + 60, "retain_until": NOW + 90 * 86_400}
    fields: dict[UploadState, dict[str, Any]] = {
        UploadState.ACCEPTED: asked,
        UploadState.PREPARING: asked | {"lease": Lease(owner=PROCESS, until=NOW + 60), "epoch": 1, "crashes": 1},
        UploadState.RUNNING: staged | {"cancel_requested": True},
        UploadState.DELIVERING: staged | {"lease": Lease(owner=PROCESS, until=NOW + 60), "epoch": 2, "tries": 1},
        UploadState.COMPLETED: ended | {"result": a_result(100)},
        UploadState.FAILED: ended
        | {"result": a_result(100, missing=3), "reason": "rows_missing", "message": "3 rows."},
        UploadState.CANCELLED: ended | {"reason": "cancelled", "message": "Cancelled on request."},
        UploadState.ATTENTION: staged | {"reason": "poison_upload", "message": "It ended 5 times.", "lane": None},
    }
    return {str(state): an_upload(f"in-{state}", state, **fields[state]) for state in UploadState}


def parts() -> dict[str, PartRecord]:
    """A part in every state, with what it has by then."""
    token = part_token(index=0, **FINGERPRINTED)
    tried: dict[str, Any] = {"token": token, "service": "a1b2c3d4", "attempts": 1}
    open_: dict[str, Any] = tried | {"attempt": an_attempt(), "credits_reserved": 100, "budget_day": 20_833}
    sent: dict[str, Any] = tried | {
        "remote_id": "77",
        "evidence": (Evidence(remote_id="77", how="answer", at=NOW),),
        "credits_committed": 100,
        "budget_day": 20_833,
        "submitted_at": NOW,
        "progressed_at": NOW + 5,
        "observed_at": NOW + 5,
        "remote_word": "PROCESSING",
        "progress": 0.5,
        "rows_done": 50,
        "looks": 3,
    }
    done: dict[str, Any] = sent | {"remote_finished_at": NOW + 20, "finished_at": NOW + 21, "rows_done": 100}
    fields: dict[PartState, dict[str, Any]] = {
        PartState.PENDING: {"token": token},
        PartState.INTENT: open_ | {"lease": Lease(owner=PROCESS, until=NOW + 60), "epoch": 1, "crashes": 1},
        PartState.SUBMITTED: sent,
        PartState.FINISHED: done | {"reason": "unavailable", "message": "It did not answer.", "tries": 2},
        PartState.COLLECTED: done
        | {
            "collected_at": NOW + 25,
            "rows_returned": 100,
            "verdicts_object": "uploads/list-1/parts/00000/verdicts.jsonl",
            "verdicts_digest": "e" * 64,
        },
        PartState.FAILED: tried | {"reason": "refused", "message": "The list was refused."},
        PartState.QUARANTINED: open_ | {"reason": "outcome_unknown", "message": "No answer came."},
        PartState.CANCELLED: {"token": token, "reason": "cancelled"},
        PartState.HELD: {"token": token, "reason": "out_of_credits", "due_at": NOW + 900},
    }
    return {str(state): a_part(f"in-{state}", 0, state, **fields[state]) for state in PartState}


def accounts() -> dict[str, AccountRecord]:
    """An account that is well, and one that is paused."""
    well = AccountRecord(account="ipqs-main", provider="ipqs", echo_proven=True, credits_balance=5_000, credits_at=NOW)
    probe = Lease(owner=PROCESS, until=NOW + 120)
    paused = AccountRecord(
        account="whoisxml-main",
        provider="whoisxml",
        calls_pause=Pause(reason="throttled", until=NOW + 60, failures=2),
        spending_pause=Pause(reason="out_of_credits", until=NOW + 900, failures=1, probe=probe),
    )
    return {"well": well, "paused": paused}


def manifest() -> Manifest:
    """The manifest of a result of one part."""
    at = datetime.fromtimestamp(NOW, UTC)
    return Manifest(
        upload_id="list-1",
        account="ipqs-main",
        provider="ipqs",
        kind="email",
        label="news",
        partial=False,
        counts=RowCounts(rows=105, matched=100, folded=3, empty=1, withheld=1, missing=0),
        verdicts={"ok": 90, "bad": 13},
        input=InputSection(sha256="c" * 64, bytes=2_400, rows=105, source="path", ragged=2),
        result=ResultSection(
            object="results/list-1/result.csv",
            url="file:///srv/storage/results/list-1/result.csv",
            sha256="f" * 64,
            bytes=9_000,
            rows=105,
            columns=("email", "name", "bv_row", "bv_verdict", "bv_provider", "bv_checked_at"),
        ),
        parts=(
            PartSection(
                index=0,
                remote_id="77",
                rows=100,
                returned_rows=100,
                object="uploads/list-1/parts/00000/verdicts.jsonl",
                sha256="e" * 64,
                submitted_at=at,
                finished_at=at,
                collected_at=at,
                credits=100,
            ),
        ),
        credits=100,
        created_at=at,
        completed_at=at,
        versions=Versions(bulkverify="0.1.0"),
    )
