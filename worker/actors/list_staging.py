"""An upload's list staged as the upload asks for it: the part of preparing that reads, and writes no record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from worker.providers.port import Kind, SubmitMethod
from worker.rows.dialect import Options, plain_values
from worker.rows.errors import InputChanged, NotPullable
from worker.rows.plain_list import PlainList, plain_list
from worker.rows.pullable import has_same_lines, pull_obstacles
from worker.rows.shown import shown
from worker.rows.staging import Staged, stage
from worker.sources import shown_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from producers.content import ContentDigest
    from worker.core.records import UploadRecord
    from worker.rows.dialect import Dialect
    from worker.rows.limits import Limits


def plain_input(upload: UploadRecord, sent: Path, folder: Path, limits: Limits) -> PlainList:
    """The text of the upload's list, from the file `sent`; in the private `folder` where it had to be decompressed.

    Raises as `plain_list` does.
    """
    name = shown_source(upload.source)
    return plain_list(sent, upload.content_digest, folder, bytes_max=limits.input_bytes_max, name=name)


def stage_upload(
    upload: UploadRecord,
    plain: PlainList,
    folder: Path,
    *,
    limits: Limits,
    caps: Sequence[int | None],
    on_progress: Callable[[int], None],
    dialect: Dialect | None = None,
) -> Staged:
    """Stage the upload's list, which nobody else changes, into the private `folder`.

    `caps` are the most rows of a part (by the provider, by the account), where there are any. The `dialect` is found
    out unless it is known already. Raises as `stage` does, and `InputChanged` for a list that is not the upload's.
    """
    if dialect is None and "rows" in upload.source:
        dialect = plain_values(Kind(upload.kind))
    staged = stage(
        plain.path,
        folder,
        kind=Kind(upload.kind),
        options=Options.model_validate(upload.options),
        limits=limits,
        rows_per_part=limits.part_rows_max(*caps),
        on_progress=on_progress,
        dialect=dialect,
        name=shown_source(upload.source),
    )
    if staged.input_sha256 != plain.sha256:
        raise _changed(upload)
    why = "; ".join(filter(None, (plain.why, staged.dialect.why)))
    return replace(staged, dialect=staged.dialect.model_copy(update={"why": why}))


def check_unchanged(upload: UploadRecord, found: ContentDigest) -> None:
    """Raise `InputChanged` unless that is the accepted list, of which earlier versions recorded `sent_sha256`."""
    if upload.content_digest not in {found.sha256, found.sent_sha256}:
        raise _changed(upload)


def _changed(upload: UploadRecord) -> InputChanged:
    where = shown(next(iter(upload.source.values())))
    return InputChanged(f"{where} is not the list that was accepted: it changed meanwhile. Submit it again.")


def obstacles_to_pulling(upload: UploadRecord, staged: Staged, plain: PlainList) -> tuple[str, ...]:
    """Why the provider may not fetch the list itself. Raises `NotPullable` when that was asked for by name."""
    if "remote_url" not in upload.source:
        return ()
    compressed = plain.decompressed_bytes is not None
    same_lines = has_same_lines(plain.path, staged.parts[0].path)
    obstacles = pull_obstacles(staged, same_lines=same_lines, compressed=compressed)
    if obstacles and upload.method == SubmitMethod.PULL:
        raise NotPullable(
            f"{upload.source['remote_url']} cannot be pulled by the provider: {'; '.join(obstacles)}. It would charge "
            "for what is not to be sent. Leave the method out (auto), or submit a file of nothing but the values."
        )
    return obstacles
