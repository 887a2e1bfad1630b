"""The samples for applications: the pages show the files word for word, and each of them gets a list accepted."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.intake_bench import IntakeBench
from tests.builders.line import running_line
from tests.builders.server_process import a_server, free_port, with_password

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "snippets"
USERS = ROOT / "config" / "redis" / "users.conf"

#: How each sample is run: the program that has to be there, and its arguments before the file.
RUN = {
    "submit.sh": ("redis-cli", ["sh"]),
    "submit.py": (sys.executable, [sys.executable]),
    "submit.mjs": ("node", ["node"]),
    "submit.go": ("go", ["go", "run"]),
}
#: What the samples have in common.
UPLOAD_ID, PATH = "crm-2026-11", "/srv/lists/newsletter.csv"
#: Seconds that a sample may take; the first run of a Go program compiles its libraries.
SECONDS_MAX = 100


@pytest.fixture(scope="module")
def producer_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a server of this module's own, for a user with a producer's rights and an awkward password."""
    users = USERS.read_text(encoding="utf-8")
    for user in ("bulkverify-producer", "bulkverify-worker"):
        users = with_password(users, user, "p@ss word")
    port = free_port()
    with a_server(tmp_path_factory.mktemp("snippets"), f"port {port}\n{users}", f"redis://127.0.0.1:{port}"):
        yield f"redis://bulkverify-producer:p%40ss%20word@127.0.0.1:{port}/3"


@pytest.mark.parametrize("page", ["README.md", "docs/contract.md"])
def test_a_page_shows_every_file_word_for_word(page: str) -> None:
    """Between its markers a page holds each sample of the folder, and there is no marker without a file."""
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = re.findall(r"<!-- snippets/(\S+) -->\n```[a-z]+\n(.*?)```\n<!-- end -->", text, flags=re.DOTALL)
    assert dict(shown) == {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("submit.*")}
    assert sorted(RUN) == sorted(name for name, _ in shown)


@pytest.mark.parametrize("name", RUN)
def test_a_sample_gets_its_list_accepted(tmp_path: Path, producer_url: str, name: str) -> None:
    """A sample, run as it is but for the list's path, says under what id its request is; intake accepts that one."""
    program, command = RUN[name]
    if shutil.which(program) is None:
        pytest.skip(f"this machine has no {program}")
    worker_url = producer_url.replace("producer", "worker")
    with running_line(tmp_path, worker_url, worker_url.removesuffix("3") + "4", start=False) as line:
        bench = IntakeBench(line)
        sample = tmp_path / name
        sample.write_text((FOLDER / name).read_text(encoding="utf-8").replace(PATH, str(bench.list_file())))
        done = _run([*command, str(sample)], tmp_path, producer_url)
        assert done.returncode == 0, done.stderr
        [(entry, _)] = bench.client.xrange("bulkverify:uploads")[-1:]
        assert done.stdout.strip() == (UPLOAD_ID if name == "submit.py" else entry)
        line.intake.read()
        assert bench.accepted()[-1][0] == UPLOAD_ID
        assert line.upload(UPLOAD_ID).producer == "crm"
        bench.client.delete(*bench.client.keys("bulkverify:*"))


@pytest.mark.parametrize("name", RUN)
def test_a_sample_fails_when_nothing_was_added(tmp_path: Path, producer_url: str, name: str) -> None:
    """A sample that Redis refuses ends with an error, prints no id, and shows no password."""
    program, command = RUN[name]
    if shutil.which(program) is None:
        pytest.skip(f"this machine has no {program}")
    (tmp_path / "list.csv").write_text("email\na@example.com\n")
    sample = tmp_path / name
    sample.write_text((FOLDER / name).read_text(encoding="utf-8").replace(PATH, str(tmp_path / "list.csv")))
    done = _run([*command, str(sample)], tmp_path, producer_url.replace("p%40ss", "wrong-canary"))
    assert done.returncode != 0
    assert done.stdout == ""
    assert "canary" not in done.stderr


def _run(command: list[str], folder: Path, redis_url: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
    places = {"PYTHONPATH": str(ROOT), "BULKVERIFY_REDIS_URL": redis_url, "GOCACHE": str(folder / "go")}
    return subprocess.run(
        command, env=kept | places, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
