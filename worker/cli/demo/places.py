"""Where the demo puts its lists: into a folder, into the storage, and behind an address of this machine."""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from worker.cli.demo.lists import LARGE_LIST, LISTS, large_list, shipped
from worker.rows.source import INPUTS_FOLDER
from worker.storage.local import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.cli.demo.lists import SampleList

#: Seconds between two looks whether the server is to stop.
STOP_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Places:
    """The places of lists, each for another source."""

    #: The workers' input root, in which also the lists lie whose rows are sent.
    folder: Path
    storage: LocalStorage
    #: The folder that is served, and its host as the workers' setting names it.
    served: Path
    host: str

    def put(self, sample: SampleList) -> None:
        """Put a list where its source will say that it is."""
        if sample.file == LARGE_LIST:
            with (self.folder / LARGE_LIST).open("w", encoding="utf-8") as file:
                file.writelines(large_list())
            return
        with shipped(sample.file) as path:
            if sample.source == "url":
                self.storage.put_file(_stored_name(sample), path)
            else:
                shutil.copy(path, self.served if sample.source == "remote_url" else self.folder)

    def source(self, sample: SampleList) -> dict[str, object]:
        """The request's field `source`."""
        path = self.folder / sample.file
        match sample.source:
            case "rows":
                return {"rows": path.read_text(encoding="utf-8").splitlines()}
            case "url":
                return {"url": self.storage.url(_stored_name(sample))}
            case "remote_url":
                return {"remote_url": f"http://{self.host}/{sample.file}"}
            case _:
                return {"path": str(path)}


@contextmanager
def places(folder: Path, storage: Path) -> Iterator[Places]:
    """Put every list into its place below `folder` or into `storage`; one of the folders is served within the block."""
    lists, served = folder / "lists", folder / "served"
    for part in (lists, served):
        part.mkdir()
    with _serving(served) as host:
        found = Places(lists, LocalStorage(storage), served, host)
        for sample in LISTS:
            found.put(sample)
        yield found


class _Files(SimpleHTTPRequestHandler):
    """Gives the files of a folder to whoever on this machine asks."""

    def log_message(self, *_: object) -> None:
        """Say nothing: a person is reading what the uploads say."""


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Serve `folder` on loopback; its host and port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(STOP_LOOK_SECONDS,), name="demo-lists", daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _stored_name(sample: SampleList) -> str:
    return f"{INPUTS_FOLDER}/{sample.file}"
