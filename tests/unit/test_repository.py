"""What the repository's files may say: nothing about the machine they were made on, and nothing unfinished."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Folders that tools fill; none of them is committed.
NOT_OURS = {".venv", ".demo", "build", "dist", "__pycache__"}
#: Files that hold whatever their case needs.
SAMPLES = {".csv", ".gz", ".png"}

#: What no file may hold. Written in pieces, so that this file does not hold it either.
FORBIDDEN = {
    "a package registry's host": "|".join(
        re.escape(".".join(host))
        for host in (
            ("pypi", "org"),
            ("files", "pythonhosted", "org"),
            ("registry", "npmjs", "org"),
            ("deb", "debian", "org"),
            ("proxy", "golang", "org"),
        )
    ),
    "a path of one machine": r"/(?:root|work|Users)" + r"/\w",
    "a mark of unfinished work": r"\b(?:TO" + r"DO|FIX" + r"ME)\b",
    "a mark of an unfinished merge": r"^(?:<{7}|>{7}|={7}$)",
}


def files() -> list[Path]:
    """Return every file of the repository that is text."""
    found = []
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [name for name in subfolders if name not in NOT_OURS and (name == ".ci" or name[0] != ".")]
        found += [Path(folder, name) for name in names if Path(name).suffix not in SAMPLES]
    return [path for path in found if path.name not in {".git", ".env", "uv.lock"} and ".coverage" not in path.name]


def pins(lock: str) -> dict[str, str]:
    """Return the version that a lock file pins for each package."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    """No file names a registry or a path of somebody's machine, or says that something is still to be done."""
    pattern = re.compile(FORBIDDEN[what], flags=re.MULTILINE)
    found = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files()
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_text_files_are_tidy() -> None:
    """Every text file is UTF-8 with Unix line ends and ends with one."""
    untidy = [
        str(path.relative_to(ROOT))
        for path in files()
        if (content := path.read_bytes()) and (b"\r\n" in content or not content.endswith(b"\n"))
    ]
    assert untidy == []


def test_generated_files_are_not_committed() -> None:
    """What tools generate, and the lock file that would name a registry, are ignored by git."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/uv.lock", "/.venv/", "/.demo/", ".env"} <= set(ignored)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_a_hash(lock: str) -> None:
    """Every requirement of a lock file is one exact version with at least one hash."""
    requirements = re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8").strip())
    # A package that has left an older Python behind is pinned once for it, and once for the others.
    assert [text for text in requirements if not re.match(r"[a-z0-9-]+==[^ ]+ (; [^\\]+)?\\", text)] == []
    assert len(pins(lock)) > 20
    assert [text for text in requirements if "--hash=sha256:" not in text] == []


def test_development_runs_what_is_shipped() -> None:
    """The lock file for development pins everything that the other one does, at the same versions."""
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


def test_ci_script_can_be_run() -> None:
    """The CI script is executable."""
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
