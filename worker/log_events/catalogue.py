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
