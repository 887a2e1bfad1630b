"""The program as its next version might be: `python -m tests.builders.next_version run worker`.

It writes schema version 2, in which every record knows its region; records of version 1 get one when they are read. The
version is raised before any other module of the program is imported, so that everything else is the program as it is.
"""

from __future__ import annotations

from typing import Any

from worker.core import schema

#: The field that version 2 adds, and what it is for records of version 1.
FIELD = "region"
VALUE = {"name": "eu", "since": 2}


def _with_region(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {FIELD: VALUE}


def become_next() -> None:
    """Be version 2 from here on."""
    schema.SCHEMA_VERSION += 1
    schema.MIGRATIONS = {(kind, 1): _with_region for kind in ("upload", "part", "account")}


if __name__ == "__main__":
    become_next()
    from worker.cli.main import main

    main()
