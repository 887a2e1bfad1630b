"""Every event that is logged by a name of its own; how decisions are logged is in `worker.log_events.decisions`."""

from __future__ import annotations

from types import MappingProxyType

from worker.log_events.of_processes import OF_PROCESSES
from worker.log_events.of_steps import OF_STEPS
from worker.log_events.of_sweeps import OF_SWEEPS

#: The events by topic, as the documentation lists them.
TOPICS = MappingProxyType({"Processes": OF_PROCESSES, "Uploads": OF_STEPS, "Sweeps": OF_SWEEPS})

#: All of them.
LOG_EVENTS = tuple(event for events in TOPICS.values() for event in events)

#: What `bulkverify up` tells of the processes that it runs, as `process_` and one of these; no metric counts it.
SUPERVISED = MappingProxyType(
    {
        "started": "it was started",
        "ended": "it has ended, with `exit_code`",
        "restarting": "it is started again in `delay_seconds`",
        "gave_up": "it ended too often, and everything is stopped; its last lines say why",
        "stopping": "it is asked to stop",
        "killed": "it did not stop in time and is killed",
    }
)
