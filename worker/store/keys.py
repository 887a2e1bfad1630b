"""Names in the state database that are the workers' own; those that applications share are in `producers.contract`."""

from __future__ import annotations

#: Every key of the state database begins with this.
KEY_PREFIX = "bulkverify:"
#: Words of the key that is there while an intake is paused because Redis is nearly full.
INTAKE_PAUSED = ("intake", "paused")
#: Consumer group of the intake processes on the request stream.
INTAKE_GROUP = "intake"
