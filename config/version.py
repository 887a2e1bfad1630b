"""Which version of the program this is."""

from __future__ import annotations

from importlib import metadata

#: What a checkout that was never installed says.
UNINSTALLED = "0+uninstalled"


def version() -> str:
    """The installed version of bulkverify."""
    try:
        return metadata.version("bulkverify")
    except metadata.PackageNotFoundError:
        return UNINSTALLED
