"""What a command does with an error that nobody expected: it is kept for a report, redacted, and named a defect."""

from __future__ import annotations

import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.cli.failures import Failure

if TYPE_CHECKING:
    from pathlib import Path

#: Exit code of a command that met a defect of the program (`EX_SOFTWARE` of sysexits.h).
EXIT_DEFECT = 70
#: File in the home folder that keeps the newest defects.
DEFECTS_FILE = "defects.log"
#: Bytes after which the file is set aside; one earlier file is kept.
DEFECTS_BYTES_MAX = 1024 * 1024


def defect(error: Exception, home: Path | None) -> Failure:
    """Keep the error's traceback and return the command's end, which says where it is.

    A process that has configured its log logs it. Any other command keeps it in `home`, or else prints it.
    """
    import structlog  # noqa: PLC0415 - only a defect needs it

    from config.redaction import redactor  # noqa: PLC0415 - as above

    if structlog.is_configured():
        structlog.get_logger().critical("defect", exc_info=error)
        return _failure(error, "in the log")
    text = redactor.redact("".join(traceback.format_exception(error)), sink="defect")
    file = None if home is None else _kept(text, home / DEFECTS_FILE)
    if file is None:
        sys.stderr.write(text)
    return _failure(error, f"at the end of {file}" if file else "above")


def _failure(error: Exception, where: str) -> Failure:
    return Failure(
        f"This is a defect of bulkverify ({type(error).__name__}). What is needed to report it is {where}.", EXIT_DEFECT
    )


def _kept(text: str, file: Path) -> Path | None:
    """The file with `text` at its end; `None` when it cannot be written."""
    try:
        if file.exists() and file.stat().st_size > DEFECTS_BYTES_MAX:
            file.replace(file.with_suffix(".log.1"))
        with file.open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now(UTC).isoformat()} bulkverify {' '.join(sys.argv[1:2])}\n{text}\n")
    except OSError:
        return None
    return file
