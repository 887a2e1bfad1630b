"""What a submit hands to the provider, and by which method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.actors.names import sent_values
from worker.core.method import PULL, choose_method
from worker.core.token import remote_name
from worker.providers.port import Kind, Submission, SubmitMethod
from worker.rows.values_check import StagedValues
from worker.storage.copies import has_links, local_file
from worker.storage.errors import from_os_error

if TYPE_CHECKING:
    from pathlib import Path

    from worker.context import Connected, Context
    from worker.core.records import PartRecord, UploadRecord


def method_for(context: Context, upload: UploadRecord, connected: Connected) -> str | None:
    """The method for an upload's parts on an account; `None`: the one that was asked for is not possible."""
    methods = connected.provider.capabilities.submit_methods
    return choose_method(upload, methods, links=has_links(context.storage, connected.account.base_url))


def no_method(upload: UploadRecord, connected: Connected) -> str:
    """Why a list cannot go to its provider by the method that was asked for."""
    methods = ", ".join(connected.provider.capabilities.submit_methods)
    account = connected.account
    pulled = ""
    if upload.method == PULL:
        pulled = (
            " A list can be pulled only where its file is exactly what would be sent, as one part, or from a storage "
            "that gives links to its objects which the provider can follow."
        )
    return f"The list cannot go to {account.name} ({account.provider}) as {upload.method}; it takes: {methods}.{pulled}"


def checked_values(context: Context, part: PartRecord, folder: Path) -> Path:
    """The values of a part as a local file, read to its end: nothing else is to be paid for.

    Raises `StorageError`, or `ValuesDamaged` where they are not those that were staged.
    """
    name = sent_values(part)
    path = local_file(context.storage, name, folder)
    try:
        StagedValues(Kind(part.kind), part.rows, part.digest, part.values_sha256).check(path, name)
    except OSError as error:
        raise from_os_error(error, "read", name) from error
    return path


def submission_of(context: Context, upload: UploadRecord, part: PartRecord, values: Path, since: float) -> Submission:
    """What the provider is given for a part: the local file `values`, or where it finds them itself.

    `since` is when the time that the submit may take began (monotonic). Raises `StorageError`.
    """
    method = SubmitMethod(part.method)
    return Submission(
        path=values,
        rows=part.rows,
        kind=Kind(part.kind),
        name=remote_name(part.token, upload.label),
        deadline_seconds=context.settings.submit_deadline_seconds,
        method=method,
        url=_pulled_from(context, upload, part) if method is SubmitMethod.PULL else None,
        since=since,
    )


def _pulled_from(context: Context, upload: UploadRecord, part: PartRecord) -> str | None:
    """Where the provider finds the part's values: the list's own address, or a link, made now and kept nowhere."""
    remote_url: str | None = upload.source.get("remote_url")
    return remote_url or context.storage.link(sent_values(part), context.settings.storage_pull_seconds)
