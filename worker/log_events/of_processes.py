"""Events of processes: how they start and end, and what is between them and their servers."""

from __future__ import annotations

from worker.log_events.log_event import LogEvent

#: What helps against everything that should not be possible.
DEFECT_REMEDY = "Nothing is lost. It is a defect of bulkverify: report it with the exception in the line."
#: What helps while a server does not answer.
SERVER_REMEDY = "Look after the server that the error names; work goes on by itself when it is back."

OF_PROCESSES = (
    LogEvent("process_started", "info", "A process is ready.", ("pid", "process")),
    LogEvent("process_stopping", "info", "A process was asked to end, and ends what it has begun.", ("process",)),
    LogEvent("process_stopped", "info", "A process has ended in order.", ("process",)),
    LogEvent("interrupted", "info", "A command was interrupted from the keyboard."),
    LogEvent(
        "thread_died",
        "critical",
        "A thread has ended that should not; a process that cannot do without it ends too.",
        ("exc_info", "process", "remedy", "thread", "threads"),
        "The supervisor starts the process again. When it comes back, report it with the exception in the line.",
    ),
    LogEvent(
        "threads_start_slowly",
        "warning",
        "Not every thread of a process has begun in time; the process goes on.",
        ("seconds",),
        "Look at the load of the machine.",
    ),
    LogEvent(
        "uncaught_exception",
        "critical",
        "A process has ended by an error that nobody foresaw.",
        ("exc_info",),
        "The supervisor starts it again. When it comes back, report it with the exception in the line.",
    ),
    LogEvent(
        "unraisable_exception",
        "error",
        "An object could not be cleaned up in order.",
        ("exc_info",),
        DEFECT_REMEDY,
    ),
    LogEvent(
        "defect",
        "critical",
        "A command has ended by an error that nobody foresaw.",
        ("exc_info",),
        DEFECT_REMEDY,
    ),
    LogEvent(
        "embedded_server_ended",
        "error",
        "The private Redis server has ended without having been asked to; it is started again after a wait.",
        ("exit_code", "restart_seconds"),
        "Read server.log in the folder of the private server: most often memory or disk space has run out.",
    ),
    LogEvent(
        "embedded_server_restart_failed",
        "error",
        "The private Redis server could not be started again; it is tried once more.",
        ("error",),
        "Do what the error says; most often memory or disk space has run out.",
    ),
    LogEvent(
        "heartbeat_missed",
        "warning",
        "A process could not tell Redis that it lives; after some such times others run its messages.",
        ("error", "seconds"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "timekeeper_waits", "warning", "Redis does not answer the timekeeper.", ("error", "seconds"), SERVER_REMEDY
    ),
    LogEvent(
        "rearmed",
        "info",
        "Work was overdue, because its message was late or lost, and a new message was sent for it.",
        ("items",),
    ),
    LogEvent(
        "hint_not_sent",
        "warning",
        "A message could not be sent; what it is about is re-armed by the timekeeper.",
        ("error", "item", "lane"),
        SERVER_REMEDY,
    ),
    LogEvent(
        "messages_handed_back",
        "warning",
        "Messages were fetched and their answer was lost; they were put back into their queue.",
        ("messages", "queue"),
        "None is needed, unless it happens often: then look at the connection to Redis.",
    ),
    LogEvent(
        "message_given_up",
        "warning",
        "A message for a newer program came up too often and was dropped; what it was about is re-armed.",
        ("queue", "remedy"),
        "Finish the upgrade: start processes of the later version.",
    ),
    LogEvent(
        "message_unreadable",
        "error",
        "A message that nobody can read became a dead letter; what it was about is re-armed.",
        ("queue", "remedy"),
        "Find out who else writes into the broker database.",
    ),
    LogEvent(
        "left_alone",
        "error",
        "Something was left as it is, because it is of a later version, or damaged; at most once a minute.",
        ("queue", "remedy", "untold", "why"),
        "Finish the upgrade (`later`), or restore the record from a backup (`damaged`).",
        more_fields=True,
    ),
    LogEvent("exporter_started", "info", "Metrics and health are served.", ("host", "port")),
    LogEvent("exporter_request", "debug", "The exporter was asked for something.", ("request",)),
    LogEvent("exporter_client_gone", "debug", "Who asked the exporter did not wait for the answer.", ("error",)),
    LogEvent(
        "exporter_request_failed",
        "error",
        "The exporter could not answer a request.",
        ("exc_info",),
        DEFECT_REMEDY,
    ),
    LogEvent(
        "exporter_request_refused",
        "warning",
        "Too many requests at once; one was answered with 503.",
        ("most", "reason"),
        "Find out who else asks: one Prometheus asks once at a time.",
    ),
    LogEvent(
        "exporter_source_failing",
        "warning",
        "The exporter cannot read one of its sources; the metrics from there are absent. Once, when it begins.",
        ("reason", "source"),
        SERVER_REMEDY,
    ),
    LogEvent("exporter_source_back", "info", "The exporter can read that source again.", ("source",)),
    LogEvent("purged", "info", "Records of old uploads were purged.", ("put_off", "remote_ids_forgotten", "uploads")),
    LogEvent(
        "purge_put_off",
        "warning",
        "An old upload was not purged, because a part of it is still on its way.",
        ("reason", "upload_id"),
        "`bulkverify why UPLOAD` tells what the part waits for.",
    ),
    LogEvent(
        "record_unreadable",
        "warning",
        "An old upload was not purged, because its record cannot be read.",
        ("error", "upload_id"),
        "Restore the record from a backup.",
    ),
    LogEvent(
        "retention_index_completed",
        "info",
        "Uploads of an older program were noted to be purged in time.",
        ("uploads",),
    ),
    LogEvent(
        "removed", "debug", "Staged objects that nobody needs any more were removed.", ("objects", "upload_id", "what")
    ),
    LogEvent(
        "not_removed",
        "warning",
        "Objects that nobody needs any more could not be removed from storage; it is tried again.",
        ("error", "folder"),
        "Do what the error says; only space is at stake.",
    ),
    LogEvent("housekeeping_waits", "warning", "An act of housekeeping was put off.", ("act", "error"), SERVER_REMEDY),
    LogEvent(
        "housekeeping_crashed",
        "error",
        "An act of housekeeping ended in a way that nobody foresaw; it is tried again.",
        ("act", "error"),
        DEFECT_REMEDY,
    ),
)
