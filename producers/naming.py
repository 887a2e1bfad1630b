"""The id of a request's upload, where an application has given none: known here if the list is within reach."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from producers.identity import derive_upload_id
from producers.inline_rows import rows_sha256
from producers.source import hashed_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from producers.request import UploadRequest


def with_id(request: UploadRequest, on_bytes: Callable[[int], None] | None = None) -> UploadRequest:
    """The request with its upload id, derived from the list's content when it has none and the list is within reach."""
    source = request.source
    if request.upload_id is not None:
        return request
    if source.path is not None:
        digest = hashed_source(Path(source.path), on_bytes)
    elif source.rows is not None:
        digest = rows_sha256(source.rows)
    else:
        return request
    return request.model_copy(update={"upload_id": derive_upload_id(request, digest)})
