"""How an upload's parts go to the provider: by the method that was asked for, or by the best one that is possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.core.records import UploadRecord

#: The wish to have the method chosen here.
AUTO = "auto"
#: The method in which the provider fetches the list from an address.
PULL = "pull"


def choose_method(upload: UploadRecord, methods: Sequence[str], *, links: bool = False) -> str | None:
    """The method for an upload's parts at a provider that has `methods`, the best first; `None` when none will do.

    `links` tells whether storage gives links that the provider can follow, to the values of each part as they are.

    A method that was asked for by name is never replaced by another one. The provider pulls only when asked to, because
    it says in no known words why it could not, and such an attempt would have to count as spent; and only what it finds
    at the address exactly as it would be sent, else it would charge for other values than those of the part.
    """
    if upload.method == AUTO:
        return next((method for method in methods if method != PULL), None)
    possible = upload.method in methods and (upload.method != PULL or _can_be_pulled(upload, links=links))
    return upload.method if possible else None


def _can_be_pulled(upload: UploadRecord, *, links: bool) -> bool:
    if "remote_url" not in upload.source:
        return links
    return upload.pullable and upload.parts_total == 1
