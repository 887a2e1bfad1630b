"""Collecting: a result that is kept from being fetched is told of before it goes, and the provider's files are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.line import running_line
from worker.core.states import PartState, UploadState
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.line import Line

DAY_SECONDS = 86_400.0
LIST = "email\nann@example.com\nbob@example.com\nann@example.com\n"


def raw_files(line: Line) -> list[str]:
    """The provider's own files, wherever they are kept."""
    return [name for name in line.plant.context.storage.list() if "/raw/" in name]


def test_a_result_that_goes_soon_is_told_of_once(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A paid result that cannot be fetched for five and a half of its seven days is told of once, then fetched."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.whoisxml.knobs.faults.append(Fault(operation="completed", kind="http_500", times=1_000))
        line.submit(line.file("list.csv", LIST), "whoisxml-main", upload_id="late")
        wait_until(lambda: "collect_later" in line.decisions("late"), what="a download that fails")
        store = line.plant.context.store
        store.clock_offset_seconds += 5.5 * DAY_SECONDS
        wait_until(lambda: "result_at_risk" in line.decisions("late"), what="the warning")
        (part,) = line.parts("late")
        assert part.state is PartState.FINISHED
        assert part.result_ends_at == pytest.approx((part.remote_finished_at or 0.0) + 7 * DAY_SECONDS)
        told = CommandLine(redis_url, tmp_path).parsed("why", "late", "--json")
        known = [fact["what"] for step in told["next"] for fact in step["known"]]
        assert known == ["the provider deletes its result, which is paid for, at that time"]
        tries = part.tries
        store.clock_offset_seconds += DAY_SECONDS / 2
        wait_until(lambda: line.parts("late")[0].tries > tries, what="another try")
        line.whoisxml.knobs.faults.clear()
        store.clock_offset_seconds += DAY_SECONDS / 2
        line.finish("late")
        assert line.upload("late").state is UploadState.COMPLETED
        assert line.decisions("late").count("result_at_risk") == 1
        counted = store.client.hget(store.key("counters"), "parts|result_at_risk")
        assert counted == "1"


@pytest.mark.parametrize("account", ["ipqs-main", "whoisxml-main"])
@pytest.mark.parametrize("keep", [False, True])
def test_the_providers_files_are_kept_where_it_is_set(
    tmp_path: Path, redis_url: str, broker_url: str, account: str, *, keep: bool
) -> None:
    """With the staged files by default, and beside the result with KEEP_RAW; whole, as the provider gave them."""
    with running_line(tmp_path, redis_url, broker_url, keep_raw=keep) as line:
        line.submit(line.file("list.csv", LIST), account, upload_id="kept")
        line.finish("kept")
        names = {"ipqs-main": ["all.csv"], "whoisxml-main": ["completed.json", "failed.json"]}[account]
        where = "results/kept/raw/part-00000." if keep else "uploads/kept/parts/00000/raw/"
        assert raw_files(line) == [where + name for name in names]
        assert b"ann@example.com" in line.plant.context.storage.read(where + names[0], 1_000_000)


def test_files_with_secrets_are_never_kept_beside_the_result(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Passwords go with what is staged, whatever is set."""
    with running_line(tmp_path, redis_url, broker_url, keep_raw=True) as line:
        line.submit(
            line.file("list.csv", "secret\nhunter2\n"),
            "ipqs-main",
            kind="leaked_password",
            upload_id="kept",
            options={"column": "secret"},
        )
        line.finish("kept")
        assert raw_files(line) == ["uploads/kept/parts/00000/raw/all.csv"]
