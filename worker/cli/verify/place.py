"""Where a result and its manifest lie: files and folders, or the objects of a storage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

import click

from producers.contract import UPLOAD_ID_PATTERN, manifest_name
from worker.rows.manifest import MANIFEST_BYTES_MAX, Manifest
from worker.storage import exists

if TYPE_CHECKING:
    from worker.cli.door import Door
    from worker.storage import Storage

#: What the workers call a manifest's object.
MANIFEST_FILE = "manifest.json"
#: A result's object in the address of a storage.
_RESULT_NAME = re.compile(r"results/(?P<upload_id>[^/]+)(/.*)?")


class Place(Protocol):
    """A result with its manifest."""

    def manifest(self) -> Manifest:
        """The manifest. Raises `ManifestUnreadable`, `OSError`, `StorageError`."""

    def result(self, manifest: Manifest) -> tuple[str, int, BinaryIO]:
        """The result: what to call it, its bytes, and itself from its beginning. Raises `OSError`, `StorageError`."""

    def beside(self, name: str) -> BinaryIO | None:
        """Another object that the manifest names; `None` when it is not here. Raises `OSError`, `StorageError`."""


class FilePlace:
    """Files on this machine, wherever they were copied to."""

    def __init__(self, manifest: Path, result: Path | None = None) -> None:
        """Without a `result`, the file that the manifest names is looked for beside it."""
        self._manifest = manifest
        self._result = result

    def manifest(self) -> Manifest:
        """See `Place.manifest`."""
        with self._manifest.open("rb") as file:
            return Manifest.load(file.read(MANIFEST_BYTES_MAX), str(self._manifest))

    def result(self, manifest: Manifest) -> tuple[str, int, BinaryIO]:
        """See `Place.result`."""
        path = self._result or self._manifest.with_name(Path(manifest.result.object).name)
        file = path.open("rb")
        return str(path), path.stat().st_size, file

    def beside(self, name: str) -> BinaryIO | None:
        """See `Place.beside`: looked for below the manifest's folder, as it is below that of the upload's results."""
        below = name.partition("/")[2].partition("/")[2]
        path = self._manifest.parent / below
        return path.open("rb") if below and path.is_file() else None


class StoragePlace:
    """Objects of the configured storage."""

    def __init__(self, storage: Storage, upload_id: str) -> None:
        """The result of that upload."""
        self._storage = storage
        self._name = manifest_name(upload_id)

    def manifest(self) -> Manifest:
        """See `Place.manifest`."""
        return Manifest.load(self._storage.read(self._name, MANIFEST_BYTES_MAX), self._name)

    def result(self, manifest: Manifest) -> tuple[str, int, BinaryIO]:
        """See `Place.result`."""
        name = manifest.result.object
        return name, self._storage.size(name), self._storage.open(name)

    def beside(self, name: str) -> BinaryIO | None:
        """See `Place.beside`."""
        return self._storage.open(name) if exists(self._storage, name) else None


def place_of(door: Door, named: str, manifest: Path | None) -> Place:
    """The place that is named: by a file, a folder, an address in storage or an upload id. Raises `UsageError`."""
    path = _local(named)
    if path is not None and path.exists():
        return _files(path, manifest)
    if manifest is not None:
        raise click.UsageError(f"There is no file {named}; --manifest goes with a result's file.")
    storage_name = door.storage().name_of(named) if "://" in named else None
    found = None if storage_name is None else _RESULT_NAME.fullmatch(storage_name)
    if found is not None:
        return StoragePlace(door.storage(), found["upload_id"])
    if "://" in named or not re.fullmatch(UPLOAD_ID_PATTERN, named):
        raise click.UsageError(
            f"There is no file {named}, and it is no result in the storage at BULKVERIFY_STORAGE_URL. Name a result's "
            "file, its manifest, its folder, its address or the id of its upload."
        )
    storage = door.storage()
    if not exists(storage, manifest_name(named)):
        raise click.UsageError(
            f"There is no file {named}, and in the storage at BULKVERIFY_STORAGE_URL no {manifest_name(named)}: the "
            f"upload has no result yet, or there is none of that id. `bulkverify show {named}` tells."
        )
    return StoragePlace(storage, named)


def _files(path: Path, manifest: Path | None) -> FilePlace:
    if path.is_dir():
        path = path / MANIFEST_FILE
    if path.suffix == ".json" and manifest is None:
        place = FilePlace(path)
    else:
        path, place = (
            manifest or path.with_name(MANIFEST_FILE),
            FilePlace(manifest or path.with_name(MANIFEST_FILE), path),
        )
    if not path.is_file():
        raise click.UsageError(
            f"There is no manifest at {path}. A result is checked against its manifest: name it with --manifest; the "
            f"workers keep it beside the result, as results/<upload id>/{MANIFEST_FILE}."
        )
    return place


def _local(named: str) -> Path | None:
    """The path that a name may be; `None` for the address of something that is not on this machine."""
    parts = urlsplit(named)
    if "://" not in named:
        return Path(named)
    return Path(unquote(parts.path)) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None
