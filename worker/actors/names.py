"""Where an upload's objects lie in storage."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.core.records import PartRecord, UploadRecord

#: Most characters that are kept of an input's file name.
NAME_CHARACTERS_MAX = 80

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


#: Below it lies what is staged of each upload, below the second each token's attempts to spend, and below the third
#: what is kept of each upload for as long as these.
STAGING_FOLDER = "uploads"
ATTEMPTS_FOLDER = "attempts"
RECORDS_FOLDER = "records"
#: Hexadecimal digits of a content's digest that tell the rows of one request, or of one staging, from those of another.
_CONTENT_DIGITS = 16


def staging_folder(upload_id: str) -> str:
    """Everything of an upload that nobody needs after its end: input, values, verdicts."""
    return f"{STAGING_FOLDER}/{upload_id}"


def input_name(upload: UploadRecord) -> str:
    """The staged copy of the input; it keeps the file's name, so that errors about its rows name what people know.

    Rows are named by their content too: they are kept before their upload exists, and two requests may want one id.
    """
    folder = f"{staging_folder(upload.upload_id)}/input"
    if "rows" in upload.source:
        return f"{folder}/{upload.content_digest[:_CONTENT_DIGITS]}/rows.csv"
    (place,) = upload.source.values()
    name = _UNSAFE.sub("-", PurePosixPath(place).name)[-NAME_CHARACTERS_MAX:].strip(".-")
    return f"{folder}/{name or 'input'}"


def staged_input(upload: UploadRecord) -> str:
    """Where the staged copy of an upload's input lies: what its record tells, or the usual name where it tells none."""
    return upload.input_object or input_name(upload)


def index_name(upload_id: str, sha256: str = "") -> str:
    """The number of each row's value (see `worker.rows.index`); named by its digest, as `values_name` is."""
    return f"{staging_folder(upload_id)}/rows{_told_apart(sha256)}.index"


def kept_index(upload: UploadRecord) -> str:
    """Where the row index of an upload lies: what its record tells, or the usual name where it tells none."""
    return upload.index_object or index_name(upload.upload_id)


def values_name(upload_id: str, index: int, sha256: str = "") -> str:
    """The values of a part, as they are sent.

    Named by their digest: another staging of the same upload, by a worker that was thought to be dead or under other
    settings, never replaces what the part's record was born with. Earlier versions named them by the part alone.
    """
    return f"uploads/{upload_id}/parts/{index:05d}/values{_told_apart(sha256)}.csv"


def sent_values(part: PartRecord) -> str:
    """Where the values of a part lie: what its record tells, or the usual name where it tells none."""
    return part.values_object or values_name(part.upload_id, part.index)


def verdicts_name(upload_id: str, index: int, again: int = 0) -> str:
    """The verdicts of a part; those of a download that was asked for again do not replace the ones before."""
    return f"uploads/{upload_id}/parts/{index:05d}/verdicts{_again(again)}.jsonl"


def raw_name(upload_id: str, index: int, name: str, again: int = 0) -> str:
    """A file as the provider gave it, kept as long as everything that is staged; `again` as of `verdicts_name`."""
    return f"uploads/{upload_id}/parts/{index:05d}/raw{_again(again)}/{name}"


def result_raw_name(upload_id: str, index: int, name: str, again: int = 0) -> str:
    """A file as the provider gave it, beside the result and kept as long."""
    return f"results/{upload_id}/raw/part-{index:05d}{_again(again)}.{name}"


def result_name(upload_id: str, form: str = "csv") -> str:
    """The result: every row of the input with its verdict; the `form` is that of the file, `csv` or `jsonl`."""
    return f"results/{upload_id}/result.{form}"


def segment_name(upload_id: str, index: int, segment: str, suffix: str) -> str:
    """A segment of a part's result as the provider gave it, beside the result; `suffix` is that of its file."""
    return f"results/{upload_id}/segments/part-{index:05d}.{segment}{suffix}"


def manifest_name(upload_id: str) -> str:
    """The manifest: a result exists when its manifest exists."""
    return f"results/{upload_id}/manifest.json"


def _again(number: int) -> str:
    return f"-again-{number}" if number else ""


def _told_apart(sha256: str) -> str:
    return sha256 and f"-{sha256[:_CONTENT_DIGITS]}"
