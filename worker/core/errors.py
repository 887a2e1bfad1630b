"""What the core refuses.

    CoreError
    ├── IllegalMove        a record was asked to move to a state that may not follow its own
    └── RowsNotConserved   rows were lost or invented on the way (see `worker.core.rows`)

All of them are defects: nothing is written, and nobody but a developer can mend them.
"""

from __future__ import annotations


class CoreError(Exception):
    """A decision that must never be taken."""


class IllegalMove(CoreError):
    """A record cannot move from its state to the one asked for; this is a defect, and nothing was written."""
