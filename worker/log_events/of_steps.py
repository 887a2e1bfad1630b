"""Events of the steps on an upload: from its request to its result."""

from __future__ import annotations

from worker.log_events.log_event import LogEvent
from worker.log_events.of_processes import DEFECT_REMEDY, SERVER_REMEDY

#: What helps against an account that is named by records and not by the accounts file.
ACCOUNT_REMEDY = "Add the account to the accounts file again, and restart the processes."
#: What is done with an outcome that storage did not take.
STORAGE_REMEDY = (
    "Look after the storage. Nothing is paid twice: the outcome is in Redis, and is searched for otherwise."
)

OF_STEPS = (
    LogEvent(
        "intake_waits", "warning", "Redis does not answer intake; requests wait.", ("error", "seconds"), SERVER_REMEDY
    ),
    LogEvent(
        "intake_paused",
        "warning",
        "Redis has little memory left, so requests wait in the stream.",
        ("remedy",),
        "Give Redis more memory, or lower BULKVERIFY_RETENTION_DAYS.",
        more_fields=True,
    ),
    LogEvent("intake_resumed", "info", "Redis has memory again, and requests are accepted.", more_fields=True),
    LogEvent(
        "redis_without_limit",
        "info",
        "Redis has no memory limit, so intake cannot pause in time.",
        ("remedy",),
        "Set maxmemory in Redis.",
    ),
    LogEvent(
        "request_waits",
        "warning",
        "A request was left for a later turn: its list is slow, or storage cannot tell yet whether it is known.",
        ("error", "seconds", "upload_id"),
        "None is needed: it is read again within about a minute. With an error, look after the storage.",
        also=("info",),
    ),
    LogEvent(
        "reject",
        "warning",
        "A request was rejected; its producer is told the same.",
        ("upload_id",),
        "Its `message` and `remedy` say what the producer has to change.",
        more_fields=True,
    ),
    LogEvent(
        "intake_crashed",
        "error",
        "A request could not be read in a way that nobody foresaw; it was rejected.",
        ("error",),
        DEFECT_REMEDY,
    ),
    LogEvent(
        "store_unavailable",
        "warning",
        "A step could not go on, because Redis does not answer; it is looked at again.",
        ("error", "remedy"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "step_crashed",
        "error",
        "A step ended in a way that nobody foresaw; it is tried again, and after some crashes it waits for a person.",
        ("error",),
        DEFECT_REMEDY,
    ),
    LogEvent(
        "crash_not_written",
        "warning",
        "That a step has crashed could not be written; it is looked at again when its lease ends.",
        ("error", "remedy"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "put_off_not_written",
        "warning",
        "That a step is left to a newer process could not be written; it is looked at again when its lease ends.",
        ("error", "remedy"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "lease_lost",
        "warning",
        "A step lasted beyond its lease and another worker has taken it over; what it has done is dropped.",
        ("item",),
        "Look at the load of the machine and at the connection to Redis.",
    ),
    LogEvent("lease_not_renewed", "warning", "A lease could not be renewed in time.", ("error", "item"), SERVER_REMEDY),
    LogEvent(
        "attempt_not_begun",
        "warning",
        "A part was not submitted, because its attempt could not be recorded first: nothing was spent.",
        ("error",),
        "Look after the storage or the disk that the error names; it is tried again.",
    ),
    LogEvent(
        "submit_crashed",
        "error",
        "A submit ended in a way that nobody foresaw: its outcome is searched for before anything is sent again.",
        ("error",),
        DEFECT_REMEDY,
    ),
    LogEvent(
        "spending_call",
        "info",
        "The call that makes a provider charge has ended: with its `outcome`, and the `attempt` that it belongs to.",
        ("account", "operation", "outcome", "seconds"),
    ),
    LogEvent(
        "reading_call",
        "debug",
        "A call that only reads has ended; it costs nothing.",
        ("account", "operation", "outcome", "seconds"),
    ),
    LogEvent(
        "outcome_not_recorded",
        "warning",
        "Storage did not take the outcome of an attempt.",
        ("error", "part", "upload_id"),
        STORAGE_REMEDY,
    ),
    LogEvent(
        "remote_id_not_kept",
        "error",
        "The id of a job at the provider could not be written into the part's record, however often it was tried.",
        ("how", "part", "remedy", "remote_id", "upload_id"),
        "None at once: the id is in the attempt's outcome in storage, and the next sweep gives the job to its part.",
    ),
    LogEvent(
        "search_incomplete",
        "warning",
        "A search for a job in the provider's list broke off; it is searched again before anything is sent.",
        ("account", "error", "pages"),
        "Do what the error says, if it lasts.",
    ),
    LogEvent(
        "job_taken_meanwhile",
        "info",
        "The job that a search has found belongs to another part by now; the search goes on.",
        ("by", "part", "remote_id", "upload_id"),
    ),
    LogEvent(
        "reuse_waits",
        "warning",
        "Verdicts that are there could not be read yet; the part waits.",
        ("error",),
        SERVER_REMEDY,
    ),
    LogEvent(
        "reuse_lost",
        "warning",
        "Verdicts that should be in storage are not; the part is submitted, and paid for.",
        ("error", "remedy", "source"),
        "Find out who removes objects from storage.",
    ),
    LogEvent(
        "account_unknown",
        "warning",
        "Work waits for an account that the accounts file does not name.",
        ("account", "remedy"),
        ACCOUNT_REMEDY,
    ),
    LogEvent(
        "poll_turn_lost",
        "warning",
        "A turn of looks took so long that another one has begun; that one looks at what this one has left.",
        ("remedy",),
        "None is needed.",
    ),
    LogEvent(
        "look_crashed",
        "error",
        "What a look at a job has shown could not be judged; the other parts' looks go on.",
        ("error", "part", "upload_id"),
        DEFECT_REMEDY,
    ),
    LogEvent(
        "look_not_written",
        "warning",
        "What a look at a job has shown could not be written; it is looked at again.",
        ("error", "part", "upload_id"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "result_at_risk",
        "warning",
        "The provider deletes a result soon that is paid for and could not be fetched yet.",
        ("ends_at", "part", "remedy", "upload_id"),
        "Remove what keeps it back before then: `bulkverify why UPLOAD` tells what that is.",
    ),
    LogEvent(
        "collected_not_kept",
        "warning",
        "Storage did not take the note that a part is collected: were Redis lost, it would be fetched once more.",
        ("error", "part", "upload_id"),
        "Look after the storage.",
    ),
    LogEvent(
        "result_replaced",
        "info",
        "A result was written anew with other content, and its former manifest was withdrawn.",
        ("manifest", "sha256", "sha256_before"),
    ),
)
