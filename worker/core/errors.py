"""What the core refuses.

    CoreError
    ├── IllegalMove        a record was asked to move to a state that may not follow its own
    ├── RowsNotConserved   rows were lost or invented on the way (see `worker.core.rows`)
    └── LaterSchema        a later version of the program has written this (see `worker.core.schema`)

All but the last are defects: nothing is written, and nobody but a developer can mend them.
"""

from __future__ import annotations


class CoreError(Exception):
    """A decision that must never be taken."""


class IllegalMove(CoreError):
    """A record cannot move from its state to the one asked for; this is a defect, and nothing was written."""


class LaterSchema(CoreError):
    """Something was written by a later version of the program, and this one leaves it alone."""

    def __init__(self, kind: str, version: int, known: int) -> None:
        """`kind` of what was read, its `version`, and the latest one that is `known` here."""
        super().__init__(
            f"This {kind} has schema version {version}; this program reads up to {known}. Upgrade this program."
        )
        self.version = version
