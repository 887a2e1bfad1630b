"""The version of everything that is stored, and the rules by which one version reads what another has written.

One number counts for all of it. Uploads, parts, accounts, attempts, outcomes, manifests, what is kept of uploads,
findings, columns and readings of credits carry it as `schema_version`, messages as the option `v`. What has no version
of its own (indexes, the due set, timelines, ledger, counters) is covered by `bulkverify:schema`, the highest number
that any process of the installation has written. Requests, events and rejected requests belong to applications and
carry the version of their contract.

A program of version N

1. reads what versions up to N have written: fields of an earlier version go through every migration in between;
2. keeps fields that it does not know, and writes them back as they were;
3. does not touch what a later version has written. The work is put off and stays due: it never fails for that, and
   nothing is spent for it. Only the words that people read (states, reasons) are shown as they are.

When the number grows: for everything but a new field that has a default, in a shape that keeps unknown fields, and that
an older program may carry along without acting on it. A new state is a new version; so is a field without which the
work would be done wrongly. Two versions that follow each other may run at the same time.

The commit script reads `version`, `txn`, `account`, `kind`, `state`, `lane`, `rows_done`, `credits_reserved`,
`credits_committed` and `budget_day` of records of any age: these names and what they mean stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.core.errors import LaterSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Migration = Callable[[dict[str, Any]], dict[str, Any]]

#: Version of everything that this program writes.
SCHEMA_VERSION = 1
#: The version of what carries none.
FIRST_VERSION = 1

#: How fields of a kind (`upload`, `part`, `account`, `attempt`, `outcome`, `manifest`, `kept`, `finding`, `columns`,
#: `reading`, `acceptance`) go from a version to the next. A kind without an entry for a version has the same shape in
#: the next one. Entries stay for ever, and are pure.
MIGRATIONS: Mapping[tuple[str, int], Migration] = {}


def upgraded(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of any version up to this program's, as this program's version shapes them.

    A version that is no number is left to whoever checks the shape. Raises `LaterSchema`.
    """
    current = dict(fields)
    version = current.get("schema_version", FIRST_VERSION)
    if not isinstance(version, int):
        return current
    if version > SCHEMA_VERSION:
        raise LaterSchema(kind, version, SCHEMA_VERSION)
    for step in range(version, SCHEMA_VERSION):
        migrate = MIGRATIONS.get((kind, step))
        current = migrate(current) if migrate else current
    return current | {"schema_version": SCHEMA_VERSION}
