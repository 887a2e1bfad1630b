"""Events of sweeps over the accounts' remote lists, and of what they find."""

from __future__ import annotations

from worker.log_events.log_event import LogEvent
from worker.log_events.of_processes import SERVER_REMEDY

OF_SWEEPS = (
    LogEvent("swept", "info", "An account's remote list was swept.", ("account", "orphans"), more_fields=True),
    LogEvent(
        "sweep_incomplete",
        "warning",
        "A sweep broke off, so nothing was concluded from what it did not show; `info` where the account's own call "
        "rate was the reason.",
        ("account", "error", "pages", "reason"),
        "Do what the error says, if it lasts.",
        also=("info",),
    ),
    LogEvent(
        "account_mismatch",
        "error",
        "So many live jobs are missing in the list that the list is not believed; nothing of the account is repaired.",
        ("account", "live", "missing", "remedy"),
        "Check the account's key and base URL, and ask the provider.",
    ),
    LogEvent(
        "drift_found",
        "info",
        "A sweep has found a difference; `error` for the classes that should wake somebody.",
        ("account", "next"),
        "Do what `next` says; `bulkverify drift` lists what is open, docs/drift.md explains each class.",
        more_fields=True,
        also=("error",),
    ),
    LogEvent("drift_gone", "info", "A difference that was found is over.", ("account", "next"), more_fields=True),
    LogEvent(
        "repairs_left",
        "info",
        "More was to be repaired than one sweep may; the next one goes on.",
        ("account", "repairs"),
    ),
    LogEvent(
        "identity_collision",
        "warning",
        "A job that was found for a part belongs to another part; neither is changed.",
        ("other", "part", "remote_id", "upload_id"),
        "`bulkverify drift` tells what to do when it lasts.",
    ),
    LogEvent(
        "finding_damaged",
        "warning",
        "A kept finding cannot be read, and is dropped; it is found again if it is still so.",
        ("account", "finding", "remedy"),
        "None is needed, unless it happens often: then find out who else writes into the database.",
    ),
    LogEvent(
        "orphan_remote",
        "warning",
        "The list has a job with our token, and storage knows no upload for it.",
        ("account", "remedy", "remote_id", "token"),
        "`bulkverify recover` tells more. It may belong to another installation with the same account.",
    ),
    LogEvent(
        "orphan_not_imported",
        "warning",
        "A job could not be given to its part; the next sweep tries again.",
        ("account", "error", "remote_id"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "orphan_not_looked_up",
        "warning",
        "It could not be found out which part a job belongs to.",
        ("error", "token"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "token_not_looked_up",
        "warning",
        "It could not be found out in storage which part a job in the list belongs to; the next sweep tries again.",
        ("error", "token"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "storage_not_compared",
        "warning",
        "The objects of an upload could not be compared with its record.",
        ("error", "upload_id"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "columns_damaged",
        "warning",
        "The columns that were known of an account's results cannot be read; those of the next result are known then.",
        ("account", "kind", "remedy"),
        "None is needed, unless it happens often: then find out who else writes into the database.",
    ),
    LogEvent(
        "reading_damaged",
        "warning",
        "The credits that were kept of the last sweep cannot be read; they are compared from the next sweep on.",
        ("account", "remedy"),
        "None is needed, unless it happens often.",
    ),
    LogEvent(
        "reading_left",
        "info",
        "The credits of the last sweep were kept by a newer program, which compares them.",
        ("account", "error", "remedy"),
        "Finish the upgrade.",
    ),
)
