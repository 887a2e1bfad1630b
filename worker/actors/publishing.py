"""Publishing a result with its manifest, so that no manifest ever stands beside a result that it does not tell of.

Both are objects of their own, and storage replaces one at a time. A first result comes before its manifest. One that is
written again has, as a rule, the very bytes of the one before, whose manifest goes on telling of it. Where it differs
(paid verdicts turned up after the first delivery, or another version of the program writes it), the old manifest goes
first: a kill at any moment leaves the old result, the new one, or none until the delivery is done again.

Known limitation: whoever reads a manifest, and then the result that replaces the one it tells of, sees two that differ;
the digest shows it, and reading both again helps. So does a process that was frozen in a delivery for longer than its
lease, while verdicts were added and another process delivered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import structlog

from worker.rows.errors import ManifestUnreadable
from worker.rows.manifest import MANIFEST_BYTES_MAX, Manifest
from worker.storage import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.rows.delivery import Delivered
    from worker.storage import Storage

log = structlog.get_logger()


def publish(
    storage: Storage,
    result: str,
    manifest: str,
    write: Callable[[BinaryIO], Delivered],
    tell: Callable[[Delivered], Manifest],
) -> tuple[Delivered, Manifest]:
    """Have the object `result` written, then the object `manifest`; what `write` raises leaves both as they were.

    Raises `StorageError`; then there may be no manifest until publishing is done again.
    """
    with storage.write(result) as out:
        delivered = write(out)
        _withdraw(storage, manifest, delivered.sha256)
    told = tell(delivered)
    with storage.write(manifest) as out:
        out.write(told.dump())
    return delivered, told


def _withdraw(storage: Storage, manifest: str, sha256: str) -> None:
    """Delete a manifest that tells of another result than the one with this digest."""
    try:
        before = Manifest.load(storage.read(manifest, MANIFEST_BYTES_MAX), manifest).result.sha256
    except NotFound:
        return
    except ManifestUnreadable:
        before = "unknown"
    if before != sha256:
        log.info("result_replaced", manifest=manifest, sha256_before=before, sha256=sha256)
        storage.delete(manifest)
