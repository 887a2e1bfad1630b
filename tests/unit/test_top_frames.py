"""The frames of `bulkverify top`: the numbers of one reading, and how they are laid out on a terminal of any size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.health import ACCOUNT, a_reading, a_record, account_figures, an_account, figures, members, waiting
from tests.builders.records import NOW, a_part, an_attempt
from worker.cli.top.frame import Frame
from worker.cli.top.layout import layout
from worker.cli.top.pace import WINDOW_SECONDS, Pace, Rate, Rows
from worker.core.states import Lane, PartState, UploadState
from worker.core.values import Pause
from worker.exporter.queues import Boxes

if TYPE_CHECKING:
    from pathlib import Path

    from worker.cli.health.reading import Reading

ROWS = Rows(1_200, 900)
NARROW, LOW = 80, 24


def a_frame(reading: Reading, rate: Rate | None = None) -> Frame:
    """The frame of a reading."""
    return Frame.of(reading, ROWS, rate)


def text(frame: Frame, width: int = 160, height: int | None = None) -> list[str]:
    """Its lines."""
    return [line.text for line in layout(frame, width, height)]


def a_busy_reading(home: Path, **fields: Any) -> Reading:
    """Much under way, and a few things that are not well."""
    account = account_figures(
        record=a_record(calls_pause=Pause(reason="throttled", until=NOW + 90.0)),
        active=3,
        overdue={Lane.POLL: 2},
        budget_used_rows=400,
        drift={"open:stalled_remote": "1", "open:foreign_remote": "7"},
    )
    census = figures(
        account,
        members=[
            members("upload", UploadState.RUNNING, 2, age_seconds=600.0),
            members("upload", UploadState.COMPLETED, 40),
            members("part", PartState.SUBMITTED, 3, age_seconds=300.0),
            members("part", PartState.QUARANTINED, 1, age_seconds=200.0),
        ],
        backlog_entries=4,
        backlog_oldest_at=NOW - 1,
    )
    quarantined = (a_part("crm-1", 0, PartState.QUARANTINED, attempt=an_attempt(), reason="no_control"),)
    known: dict[str, Any] = {"quarantined": quarantined, "waiting": waiting(submit=Boxes(3, 1, 0))}
    return a_reading(home, census, **(known | fields))


def test_a_quiet_installation_is_told_in_a_few_lines(tmp_path: Path) -> None:
    """Nothing needs anybody, and every line is there with what there is."""
    head, needs, *more = text(a_frame(a_reading(tmp_path)))
    assert "intake 1  worker 1  poller 1  timekeeper 1" in head
    assert needs == "Nothing needs anybody."
    assert more == [
        "Rows     1,200 sent and 900 delivered in all",
        "Uploads  -",
        "Parts    -",
        "Oldest   -",
        "Queues   0 delayed · 0 requests",
        "",
        "account        jobs  late  rows today  credits  drift  now",
        "whoisxml-main  0/20     0     0/1,000    5,000      0  calls are made; credits told 60 s ago",
    ]


def test_a_busy_installation_is_told_with_what_needs_somebody_first(tmp_path: Path) -> None:
    """Each thing that is not well comes with the first command that helps; then the figures."""
    told = text(a_frame(a_busy_reading(tmp_path), Rate(120.0, 90.4)))
    assert told[1] == "Needs somebody: 4; `bulkverify doctor` tells more"
    assert told[2:10:2] == [
        "! whoisxml-main: calls are kept back (throttled), tried again in 90 s",
        "! part crm-1/0 waits for a person: no control",
        "! 2 work items are due for more than 5 s: 2 of poll",
        "! whoisxml-main: 1 open findings of stalled_remote",
    ]
    assert told[5] == "    bulkverify why crm-1"
    assert told[10:15] == [
        "Rows     120 a minute sent, 90 delivered; 1,200 sent and 900 delivered in all",
        "Uploads  running 2 · completed 40",
        "Parts    submitted 3 · quarantined 1",
        "Oldest   running 10 min · submitted 5 min · quarantined 3 min",
        "Queues   submit 3+1 · 0 delayed · 4 requests",
    ]
    assert told[-1] == "whoisxml-main  3/20     2   400/1,000    5,000      1  throttled: no calls, tried in 90 s"


def test_problems_come_before_warnings(tmp_path: Path) -> None:
    """Where money or results are at stake is told first."""
    census = figures(account_figures(budget_used_rows=950, drift={"open:missing_artifact": "1"}))
    frame = a_frame(a_reading(tmp_path, census))
    assert [check.name for check in frame.needs] == ["open_missing_artifact", "budget"]
    assert [line.style for line in layout(frame, NARROW)][2:6] == ["red", "dim", "yellow", "dim"]


@pytest.mark.parametrize(("width", "height"), [(NARROW, LOW), (40, 12), (200, 60), (20, 5), (1, 1)])
@pytest.mark.parametrize("accounts", [1, 40])
@pytest.mark.parametrize("parts", [1, 10])
def test_a_frame_fits_any_terminal(width: int, height: int, accounts: int, parts: int, tmp_path: Path) -> None:
    """No line is longer and none is too many, whatever there is to tell."""
    several = [account_figures(name=f"{ACCOUNT}-{number}", active=number) for number in range(accounts)]
    configured = {account.name: an_account(name=account.name) for account in several}
    quarantined = [a_part("crm-1", number, PartState.QUARANTINED, reason="no_control") for number in range(parts)]
    reading = a_busy_reading(tmp_path, accounts=configured, quarantined=tuple(quarantined))
    for account in several:
        assert isinstance(reading.figures.accounts, list)
        reading.figures.accounts.append(account)
    lines = text(a_frame(reading), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_on_a_low_terminal_the_most_important_stays_and_the_rest_is_counted(tmp_path: Path) -> None:
    """What needs somebody has a few lines, the accounts those that are left, and both say how many are not shown."""
    several = [account_figures(name=f"{ACCOUNT}-{number:02}", active=number) for number in range(30)]
    configured = {account.name: an_account(name=account.name) for account in several}
    reading = a_reading(
        tmp_path,
        figures(accounts=several, members=[members("part", PartState.QUARANTINED, 10)]),
        accounts=configured,
        quarantined=tuple(a_part("crm-1", n, PartState.QUARANTINED, reason="no_control") for n in range(10)),
    )
    lines = text(a_frame(reading), NARROW, LOW)
    assert len(lines) == LOW
    assert lines[1].startswith("Needs somebody: 10")
    assert lines[2].startswith("! part crm-1/0")
    assert lines[4].startswith("! part crm-1/1")
    assert lines[6].startswith("! part crm-1/2")
    assert lines[8] == "… and 7 more"
    assert lines[9].startswith("Rows")
    assert lines[-1] == "… and 23 more"
    assert lines[-2].startswith(f"{ACCOUNT}-23")


def test_what_others_wrote_cannot_move_the_cursor(tmp_path: Path) -> None:
    """Control characters in a message are spaces on the screen."""
    part = a_part("crm-1", 0, PartState.QUARANTINED, message="odd\x1b[2Jname\n")
    reading = a_reading(tmp_path, figures(members=[members("part", "quarantined")]), quarantined=(part,))
    assert "! part crm-1/0 waits for a person: odd [2Jname " in text(a_frame(reading))


def test_without_the_broker_its_queues_are_not_known(tmp_path: Path) -> None:
    """The other figures are told all the same, and that it is away needs somebody."""
    frame = a_frame(a_reading(tmp_path, waiting=None, broker_fault="Check BULKVERIFY_BROKER_URL."))
    told = text(frame)
    assert "Queues   not known · 0 requests" in told
    assert told[2:4] == ["! the database of the queues does not answer", "    Check BULKVERIFY_BROKER_URL."]
    assert frame.as_document()["queues"] is None


def test_a_document_has_the_numbers(tmp_path: Path) -> None:
    """What is on the screen is in the document, which is JSON."""
    document = json.loads(json.dumps(a_frame(a_busy_reading(tmp_path), Rate(120.0, 90.0)).as_document()))
    assert document["at"] == NOW
    assert document["uploads"] == {"running": 2, "completed": 40}
    assert document["uploads_under_way"] == 2
    assert document["rows_per_minute"] == {"sent": 120.0, "delivered": 90.0}
    assert document["queues"]["submit"] == {"ready": 3, "inflight": 1, "dead": 0}
    (account,) = document["accounts"]
    assert account["kept_back"] == [{"what": "calls", "reason": "throttled", "until": NOW + 90.0}]
    assert (account["jobs"], account["overdue"], account["drift_open"]) == (3, 2, 1)
    assert "bulkverify why crm-1" in document["needs"][1]["commands"]


# The pace


def test_rows_are_counted_over_all_providers_and_kinds() -> None:
    """Sent are those that went out, delivered those that came back in a result, whatever became of them."""
    counters = {
        "rows|ipqs|email|sent": 100,
        "rows|whoisxml|email|sent": 20,
        "rows|ipqs|email|matched": 70,
        "rows|ipqs|email|missing": 5,
        "rows|ipqs|email|reused": 9,
        "uploads|ipqs|email|completed": 3,
    }
    assert Rows.of(counters) == Rows(120, 75)


def test_the_rate_is_that_of_the_last_minute() -> None:
    """There is none at the first look; what was longer than a minute ago does not count."""
    pace = Pace()
    assert pace.rate(NOW, Rows(0, 0)) is None
    assert pace.rate(NOW + 30, Rows(60, 30)) == Rate(120.0, 60.0)
    later = NOW + 30 + WINDOW_SECONDS
    assert pace.rate(later, Rows(60, 90)) == Rate(0.0, 60.0)
    assert pace.rate(later + WINDOW_SECONDS, Rows(60, 90)) == Rate(0.0, 0.0)


def test_counters_that_went_back_begin_a_new_count() -> None:
    """After a flush there is no rate, rather than a wrong one."""
    pace = Pace()
    pace.rate(NOW, Rows(900, 900))
    assert pace.rate(NOW + 10, Rows(5, 0)) is None
    assert pace.rate(NOW + 70, Rows(15, 0)) == Rate(10.0, 0.0)
