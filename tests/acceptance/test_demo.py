"""`bulkverify demo`: one command, everything at work, nothing left behind."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import os
import re
import signal
import subprocess
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, get_args

import pytest

from producers.contract import result_key
from producers.exit_codes import ExitCode
from producers.request import Kind, Method
from producers.request_source import Source
from tests.builders.deadline import wait_until
from tests.builders.installation import PROGRAM, START_SECONDS, STOP_SECONDS
from tests.builders.leftovers import processes_in
from worker.cli.demo.lists import LARGE_ROWS, LISTS
from worker.cli.demo.stage import IPQS_KEY, WHOISXML_KEY
from worker.host.embedded import socket_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.processes

#: Seconds that a whole demo may take on a machine that does other things too.
DEMO_SECONDS = 100.0
#: The files that may hold a key: the two that the accounts file refers to, and what the simulated providers print for
#: whoever wants to try them by hand.
KEY_FILES = {"home/ipqs.key", "home/whoisxml.key", "providers.log"}


@contextmanager
def running_demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A demo in `folder`, whose parent is the current folder of all its processes; nothing outlives the block."""
    scratch = folder.with_name("scratch")
    scratch.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
    demo = subprocess.Popen(
        [*PROGRAM, "demo", "--folder", folder.name, *arguments],
        cwd=folder.parent,
        env=environment | {"TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield demo
        assert processes_in(folder.parent) == {}
        assert list(scratch.iterdir()) == []
        assert not socket_path(folder / "home").parent.exists()
    finally:
        for pid in processes_in(folder.parent):
            os.kill(pid, signal.SIGKILL)
        demo.communicate()


def key_forms() -> list[bytes]:
    """The demo's keys as they are, percent-encoded, in hexadecimal, and in base64 wherever in a text they may stand."""
    forms = []
    for key in (IPQS_KEY.encode(), WHOISXML_KEY.encode()):
        forms += [key, key.hex().encode(), "".join(f"%{byte:02X}" for byte in key).encode(), key.replace(b"_", b"%5F")]
        for before in range(3):
            # The first and the last group of four characters may share a byte with what stands beside the key.
            forms.append(base64.b64encode(b"\0" * before + key)[4:-4])
    return forms


def files_with_a_key(folder: Path) -> set[str]:
    """The files below `folder` in which a key is found in any form."""
    return files_with(folder, key_forms())


def files_with(folder: Path, forms: list[bytes]) -> set[str]:
    """The files below `folder` in which one of `forms` is found, compressed or not."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if content.startswith(b"\x1f\x8b"):
                content = gzip.decompress(content)
            if any(form in content for form in forms):
                found.add(str(path.relative_to(folder)))
    return found


def table(told: str, *titles: str) -> list[dict[str, str]]:
    """The rows of the table whose head begins with `titles`; its cells hold no two spaces in a row."""
    lines = iter(told.splitlines())
    head = next(found for line in lines if (found := re.split(" {2,}", line))[: len(titles)] == list(titles))
    rows = (re.split(" {2,}", line) for line in takewhile(bool, lines))
    return [dict(zip(head, row, strict=False)) for row in rows]


def test_demo_shows_everything_and_leaves_nothing(tmp_path: Path) -> None:
    """After a demo that gave up, in its folder, every list is completed and shown, and no key is found in any file."""
    folder = tmp_path / "demo"
    with running_demo(folder, "--timeout", "1", "--json") as gives_up:
        document = json.loads(gives_up.communicate(timeout=DEMO_SECONDS)[0])
        assert gives_up.returncode == ExitCode.NOT_FINISHED
    # After a second, some may not be accepted yet.
    assert {upload["upload_id"] for upload in document["uploads"]} <= {sample.upload_id for sample in LISTS}
    assert set(document["calls"]) == {sample.account for sample in LISTS}
    with running_demo(folder) as demo:
        told, followed = demo.communicate(timeout=DEMO_SECONDS)
        assert demo.returncode == ExitCode.OK, followed
    check_ways(table(told, "upload", "account"))
    check_results(folder / "home" / "storage" / "results", told)
    charged = table(told, "account", "calls")
    assert {row["account"]: row["charges"] for row in charged} == {row["account"]: row["parts"] for row in charged}
    assert f"Rows conserved in {len(LISTS)} of {len(LISTS)} uploads" in told

    assert files_with_a_key(folder) == KEY_FILES
    assert not any(form.decode() in told + followed for form in key_forms())
    secrets = passwords(folder)
    assert not any(secret.decode() in told + followed for secret in secrets)
    # In the storage they are in the result, and until that is cleaned in what was staged.
    elsewhere = {name for name in files_with(folder, secrets) if not name.startswith("home/storage/")}
    assert elsewhere == {"lists/passwords.csv"}


def check_ways(rows: list[dict[str, str]]) -> None:
    """Every list was completed for its account, and among them is every kind, source and method."""
    assert [(row["upload"], row["account"], row["state"]) for row in rows] == [
        (sample.upload_id, sample.account, "completed") for sample in LISTS
    ]
    assert {row["kind"] for row in rows} == set(get_args(Kind))
    assert {row["source"] for row in rows} == set(Source.model_fields)
    methods = [row["method"] for row in rows]
    assert {method.partition(" ")[0] for method in methods} == set(get_args(Method)) - {"auto"}
    assert {method for method in methods if " " in method} == {"form (auto)", "json (auto)"}
    assert sum(int(row["parts"]) for row in rows) > len(rows)


def check_results(results: Path, told: str) -> None:
    """Every result and segment that the demo shows is there, and what was asked for in Redis was seen there."""
    shown = {results / row["file"] for row in table(told, "file", "what it is")}
    assert all(path.stat().st_size > 0 for path in shown)
    for sample in LISTS:
        assert results / sample.upload_id / "result.csv" in shown
        for segment in sample.segments:
            assert results / sample.upload_id / "segments" / f"part-00000.{segment}.csv" in shown
    copies = {row["key"]: row["what it is"] for row in table(told, "key", "what it is")}
    assert list(copies) == [result_key(sample.upload_id) for sample in LISTS if sample.result == "rows"]
    assert all("byte for byte the result's file" in words for words in copies.values())
    newsletter = results / "newsletter" / "result.csv"
    assert newsletter.read_bytes().count(b"\n") == 1 + LARGE_ROWS


def passwords(folder: Path) -> list[bytes]:
    """The passwords that the demo has looked for."""
    with (folder / "lists" / "passwords.csv").open(newline="", encoding="utf-8") as file:
        return [row["password"].encode() for row in csv.DictReader(file)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_demo_that_is_interrupted_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, a service manager's stop and a closed terminal end the demo and every process that it started."""
    folder = tmp_path / "demo"
    with running_demo(folder) as demo:
        log = folder / "bulkverify.log"
        wait_until(
            lambda: log.exists() and '"event": "prepared"' in log.read_text(), seconds=START_SECONDS, what="work begun"
        )
        demo.send_signal(number)
        assert demo.wait(STOP_SECONDS) == ExitCode.INTERRUPTED


def test_demo_refuses_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """A folder with other things in it is left as it is, and the exit code is that of wrong usage."""
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with running_demo(folder) as demo:
        _, told = demo.communicate(timeout=START_SECONDS)
        assert demo.returncode == ExitCode.USAGE
    assert "is not empty and not a demo's folder" in told
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
