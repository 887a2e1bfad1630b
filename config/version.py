"""Which version of the program this is."""

from __future__ import annotations

import json
from importlib import metadata

#: What a checkout that was never installed says.
UNINSTALLED = "0+uninstalled"
#: Stands for the revision of an installation that does not tell: one from a release's files, or from a folder.
UNKNOWN_REVISION = "unknown"


def version() -> str:
    """The installed version of bulkverify."""
    try:
        return metadata.version("bulkverify")
    except metadata.PackageNotFoundError:
        return UNINSTALLED


def revision() -> str:
    """The commit that was installed, where pip or uv installed one: then they say so beside the program (PEP 610)."""
    try:
        origin = metadata.distribution("bulkverify").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return UNKNOWN_REVISION
    return revision_in(origin or "{}")


def revision_in(origin: str) -> str:
    """The commit that a `direct_url.json` names."""
    found = json.loads(origin).get("vcs_info", {}).get("commit_id")
    return str(found) if found else UNKNOWN_REVISION
