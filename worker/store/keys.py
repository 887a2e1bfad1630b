"""Names inside the state database that are the workers' own; what applications may rely on is in `producers.contract`."""

from __future__ import annotations

#: Every key of the state database begins with this.
KEY_PREFIX = "bulkverify:"
#: Consumer group of the intake processes on the request stream.
INTAKE_GROUP = "intake"
