"""The list to verify, looked at before anything is sent: a file is there, can be read, and holds still while hashed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from producers.errors import RequestInvalid, SourceUnusable
from producers.identity import content_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def given_source(
    *,
    path: str | os.PathLike[str] | None = None,
    rows: Sequence[str] | None = None,
    url: str | None = None,
    remote_url: str | None = None,
) -> dict[str, object]:
    """The request's field `source`. Raises `SourceUnusable` for an unusable file, and unless exactly one is given."""
    given = {"path": path, "rows": rows, "url": url, "remote_url": remote_url}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise SourceUnusable(
            f"A list comes from one place, but {' and '.join(named) or 'none'} was given.",
            remedy=f"Give exactly one of {', '.join(given)}.",
        )
    if path is not None:
        return {"path": str(checked_source(path))}
    if isinstance(rows, str):
        raise SourceUnusable("The rows are one text.", remedy="Give a list with one value for each row.")
    return {named[0]: given[named[0]] if rows is None else list(rows)}


def checked_source(path: str | os.PathLike[str]) -> Path:
    """The absolute path of a readable, non-empty file.

    Raises `SourceUnusable`, and `RequestInvalid` for a name that is no text.
    Links are left as they are: the workers resolve them when they check that the file is inside an input root.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links, absolute() would keep ".."
    if _is_no_text(str(absolute)):
        raise RequestInvalid(
            f"{str(absolute)!a} is not UTF-8, and a request is.", remedy="Rename it, or name it by a link."
        )
    try:
        found = absolute.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SourceUnusable(f"{absolute} is not a file.")
        if found.st_size == 0:
            raise SourceUnusable(f"{absolute} is empty.")
        absolute.open("rb").close()
    except ValueError:
        raise SourceUnusable(f"{str(path)!r} is no path: it holds a NUL character.") from None
    except OSError as error:
        raise SourceUnusable(f"{absolute} cannot be read: {_fault(error)}.") from None
    return absolute


def hashed_source(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """SHA-256 of the list in a file that nobody writes to meanwhile. Raises `SourceUnusable`."""
    try:
        before = path.stat()
        digest = content_sha256(path, on_bytes)
        after = path.stat()
    except OSError as error:
        raise SourceUnusable(f"{path} cannot be read: {_fault(error)}.") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SourceUnusable(f"{path} changed while it was read.", remedy="Submit it when it is complete.")
    return digest


def _is_no_text(path: str) -> bool:
    """Whether a path holds bytes that are no UTF-8, which Python spells as halves of surrogate pairs."""
    return any("\ud800" <= character <= "\udfff" for character in path)


def _fault(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
