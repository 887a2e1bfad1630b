"""How IPQualityScore's segments are collected: few calls, single-use links, nothing half done."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from tests.builders.provider_bench import Bench
from worker.providers.errors import Malformed, Throttled, Unavailable
from worker.providers.ipqs_downloads import DOWNLOAD_LINKS_MAX, SEGMENTS
from worker.providers.port import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.providers.port import Artifact


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """An IPQS adapter and its simulated provider."""
    with Bench("ipqs", tmp_path) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where results go."""
    path = tmp_path / "result"
    path.mkdir()
    return path


def job(bench: Bench) -> str:
    """A finished job with rows in every segment."""
    return bench.submit(*(f"person{number}@shop{number % 40}.com" for number in range(400)), "no address").remote_id


def calls(bench: Bench) -> tuple[int, int]:
    """Status calls and downloads so far."""
    return bench.ipqs.calls["status"], bench.ipqs.calls["download"]


def values_of(artifact: Artifact) -> set[str]:
    """The values in a file."""
    with artifact.path.open(encoding="utf-8", newline="") as file:
        return {row["email"] for row in csv.DictReader(file)}


def test_one_status_call_gives_every_segment(bench: Bench, folder: Path) -> None:
    """All files of a job come with one status call, the whole result first, each under the name of its segment."""
    artifacts = bench.provider.collect(job(bench), folder, ["clean", "bad", "pristine"])
    assert calls(bench) == (1, 4)
    assert [(artifact.name, artifact.segment) for artifact in artifacts] == [
        ("all.csv", None),
        ("bad.csv", "bad"),
        ("clean.csv", "clean"),
        ("pristine.csv", "pristine"),
    ]
    whole, bad, clean, pristine = map(values_of, artifacts)
    assert (bad | clean, bad & clean) == (whole, set())
    assert pristine < clean
    assert len(list(bench.provider.read(artifacts, Kind.EMAIL))) == len(whole) == 401


def test_only_what_is_wanted_is_downloaded(bench: Bench, folder: Path) -> None:
    """Segments that nobody asked for cost no call."""
    artifacts = bench.provider.collect(job(bench), folder, {"bad"})
    assert [artifact.segment for artifact in artifacts] == [None, "bad"]
    assert calls(bench) == (1, 2)


def test_an_empty_segment_is_left_out(bench: Bench, folder: Path) -> None:
    """A link that is null is a segment without rows: no file, no call, no error."""
    remote_id = bench.submit("no address").remote_id
    artifacts = bench.provider.collect(remote_id, folder, SEGMENTS)
    assert [artifact.segment for artifact in artifacts] == [None, "bad"]
    assert calls(bench) == (1, 2)


@pytest.mark.parametrize("ends_old", [False, True])
@pytest.mark.parametrize("kind", ["http_404", "truncate", "truncate_silent", "answer_html", "reset"])
@pytest.mark.parametrize("whole_first", [False, True])
def test_after_a_break_only_what_is_missing_is_fetched_again(
    bench: Bench, folder: Path, kind: str, whole_first: bool, ends_old: bool
) -> None:
    """One more status call and one more download mend one broken file, whichever it was."""
    bench.ipqs.knobs.update({"new_links_end_old": ends_old})
    remote_id = job(bench)
    bench.fault("download", kind, after_bytes=700, times=1 if whole_first else 2)
    artifacts = bench.provider.collect(remote_id, folder, SEGMENTS)
    assert [artifact.segment for artifact in artifacts] == [None, "bad", "clean", "pristine"]
    assert calls(bench) == (2, 5 if whole_first else 6)


def test_links_that_expire_on_the_way_are_minted_again(bench: Bench, folder: Path) -> None:
    """Files that were not reached within the links' fifteen minutes are taken by fresh links."""
    remote_id = job(bench)
    acquire = bench.gate.acquire

    def slowly(operation: str) -> None:
        acquire(operation)
        bench.clock.advance(500 if operation == "download" else 0)

    bench.gate.acquire = slowly  # type: ignore[method-assign]  # the gate is where a call waits
    artifacts = bench.provider.collect(remote_id, folder, SEGMENTS)
    assert len(artifacts) == 4
    assert bench.ipqs.calls["status"] > 1


def test_a_segment_that_never_arrives_leaves_nothing_behind(bench: Bench, folder: Path) -> None:
    """When one file cannot be had, none of the others stays, and everything can be collected again later."""
    remote_id = job(bench)
    bench.provider.collect(remote_id, folder, ())
    for path in folder.iterdir():
        path.unlink()
    bench.ipqs.knobs.update({"link_seconds": 0.0})
    with pytest.raises(Unavailable, match=f"{DOWNLOAD_LINKS_MAX} fresh links"):
        bench.provider.collect(remote_id, folder, SEGMENTS)
    assert list(folder.iterdir()) == []
    bench.ipqs.knobs.update({"link_seconds": 900.0})
    assert len(bench.provider.collect(remote_id, folder, SEGMENTS)) == 4


def test_a_token_that_is_missing_halfway_leaves_nothing_behind(bench: Bench, folder: Path) -> None:
    """When the account's own rate ends in the middle, the files that had arrived are removed."""
    remote_id = job(bench)
    bench.fault("download", "drip", piece_bytes=65_536, pause_seconds=0)
    bench.fault("download", "http_429")
    with pytest.raises(Throttled):
        bench.provider.collect(remote_id, folder, SEGMENTS)
    assert calls(bench) == (1, 2)
    assert list(folder.iterdir()) == []


def test_the_whole_result_is_never_left_out(bench: Bench, folder: Path) -> None:
    """A job that offers segments and no whole result is malformed: rows would be missing."""
    bench.ipqs.knobs.update({"missing_row_every": 1})
    remote_id = job(bench)
    links = bench.provider._downloads  # type: ignore[attr-defined]
    links._offer = lambda _: {"all": None, "bad": "http://127.0.0.1/download?download=x"}
    with pytest.raises(Malformed, match="offers no result"):
        bench.provider.collect(remote_id, folder, ["bad"])
