"""An upload's list staged as the upload asks for it: the part of preparing that reads, and writes no record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.providers.port import Kind, SubmitMethod
from worker.rows.dialect import Options, plain_values
from worker.rows.errors import InputChanged, NotPullable
from worker.rows.pullable import has_same_lines, pull_obstacles
from worker.rows.shown import shown
from worker.rows.staging import Staged, stage
from worker.sources import shown_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from worker.core.records import UploadRecord
    from worker.rows.limits import Limits


def stage_upload(
    upload: UploadRecord,
    copy: Path,
    folder: Path,
    *,
    limits: Limits,
    caps: Sequence[int | None],
    on_progress: Callable[[int], None],
) -> Staged:
    """Stage the upload's list, of which nobody else changes the `copy`, into the private `folder`.

    `caps` are the most rows of a part (by the provider, by the account), where there are any. Raises as `stage` does,
    and `InputChanged` for a list that is not the upload's.
    """
    kind = Kind(upload.kind)
    staged = stage(
        copy,
        folder,
        kind=kind,
        options=Options.model_validate(upload.options),
        limits=limits,
        rows_per_part=limits.part_rows_max(*caps),
        on_progress=on_progress,
        dialect=plain_values(kind) if "rows" in upload.source else None,
        name=shown_source(upload.source),
    )
    check_unchanged(upload, staged.input_sha256)
    return staged


def check_unchanged(upload: UploadRecord, sha256: str) -> None:
    """Raise `InputChanged` unless that is the digest of the list that was accepted."""
    if sha256 != upload.content_digest:
        where = shown(next(iter(upload.source.values())))
        raise InputChanged(f"{where} is not the list that was accepted: it changed meanwhile. Submit it again.")


def obstacles_to_pulling(upload: UploadRecord, staged: Staged, copy: Path) -> tuple[str, ...]:
    """Why the provider may not fetch the list itself. Raises `NotPullable` when that was asked for by name."""
    if "remote_url" not in upload.source:
        return ()
    obstacles = pull_obstacles(staged, same_lines=has_same_lines(copy, staged.parts[0].path))
    if obstacles and upload.method == SubmitMethod.PULL:
        raise NotPullable(
            f"{upload.source['remote_url']} cannot be pulled by the provider: {'; '.join(obstacles)}. It would charge "
            "for what is not to be sent. Leave the method out (auto), or submit a file of nothing but the values."
        )
    return obstacles
