"""Whether the values of a part are still those that were staged: looked at before anything is paid for them."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from worker.rows.comparing import read_values
from worker.rows.errors import ValuesDamaged
from worker.rows.values import ValuesDigest, fold_key

if TYPE_CHECKING:
    from pathlib import Path

    from worker.providers.port import Kind

#: Values whose fold keys are taken in at once.
BLOCK_VALUES = 10_000


@dataclass(frozen=True, slots=True)
class StagedValues:
    """What is known of the values of a part since they were staged."""

    kind: Kind
    rows: int
    #: Digest of the values, whatever their order.
    digest: str
    #: Digest of the file's bytes; empty where an earlier version did not keep it.
    sha256: str = ""

    def check(self, path: Path, name: str) -> None:
        """Read the file at `path` to its end. Raises `ValuesDamaged`, which calls it `name`, or `OSError`."""
        if not (self._has_bytes(path) if self.sha256 else self._has_values(path)):
            raise ValuesDamaged(
                f"{name} does not hold the {self.rows:,} values that were staged: it was changed or damaged since. "
                "Nothing was sent. Put the object back as it was and retry the upload; or cancel it, and submit the "
                "list once more"
            )

    def _has_bytes(self, path: Path) -> bool:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256

    def _has_values(self, path: Path) -> bool:
        digest, rows = ValuesDigest(), 0
        values = read_values(path)
        try:
            while rows <= self.rows and (block := list(islice(values, BLOCK_VALUES))):
                digest.add(fold_key(self.kind, value).encode() for value in block)
                rows += len(block)
        except (UnicodeDecodeError, csv.Error, IndexError):
            return False
        return (rows, digest.hexdigest()) == (self.rows, self.digest)
