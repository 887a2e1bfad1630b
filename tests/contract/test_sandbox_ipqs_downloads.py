"""The simulated IPQualityScore's result files and the one-shot links to them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.builders.sandbox_bench import EMAILS, Bench, make_bench
from worker.providers.sandbox.faults import Fault
from worker.providers.sandbox.ipqs_columns import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Both simulators without sockets."""
    return make_bench(tmp_path)


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a result file by column name."""
    return list(csv.DictReader(text.splitlines()))


def test_a_link_looks_as_documented(bench: Bench) -> None:
    """A link names the downloads host, a token of 256 letters and digits, and a file name with job and segment."""
    answer = bench.status(bench.upload(name="my list")["id"])
    parts = urlsplit(answer["downloads"]["all"])
    query = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "downloads.ipqualityscore.com", "/download")
    assert (len(query["download"][0]), query["download"][0].isalnum()) == (256, True)
    assert query["filename"] == ["my list-IPQualityScore-Email-Verification-All-Results.csv"]
    assert "my+list" in parts.query
    assert "Invalid-Results" in answer["downloads"]["bad"]


def test_links_exist_only_when_finished(bench: Bench) -> None:
    """All four links are null until the job is finished."""
    bench.ipqs.knobs.job_seconds = 10
    remote_id = bench.upload()["id"]
    assert set(bench.status(remote_id)["downloads"].values()) == {None}
    bench.clock.advance(10)
    assert bench.status(remote_id)["downloads"]["all"]


def test_an_empty_segment_has_no_link(bench: Bench) -> None:
    """A finished job with one malformed row has links for `bad` and `all` only."""
    downloads = bench.status(bench.upload(["not an address"])["id"])["downloads"]
    assert {name for name, link in downloads.items() if link} == {"bad", "all"}


def test_a_link_works_once(bench: Bench) -> None:
    """The second use of a link is answered with 404 and HTML; a fresh status gives a fresh link."""
    remote_id = bench.upload()["id"]
    link = bench.status(remote_id)["downloads"]["all"]
    first, second = bench.session.get(link), bench.session.get(link)
    assert (first.status_code, first.headers["content-type"]) == (200, "text/csv; charset=UTF-8")
    assert (second.status_code, second.headers["content-type"]) == (404, "text/html; charset=UTF-8")
    assert bench.result(remote_id) == first.text


def test_a_link_lives_fifteen_minutes(bench: Bench) -> None:
    """A link that was never used is dead 15 minutes after the status call that minted it."""
    remote_id = bench.upload()["id"]
    early, late = (bench.status(remote_id)["downloads"]["all"] for _ in range(2))
    bench.clock.advance(899)
    assert bench.session.get(early).status_code == 200
    bench.clock.advance(1)
    assert bench.session.get(late).status_code == 404


@pytest.mark.parametrize("status", [200, 403, 410])
def test_what_a_spent_link_answers_is_a_knob(bench: Bench, status: int) -> None:
    """A dead link may answer other statuses, 200 among them, always with HTML."""
    bench.ipqs.knobs.update({"spent_link_status": status})
    response = bench.session.get("https://downloads.ipqualityscore.com/download?download=x&filename=y")
    assert (response.status_code, response.headers["content-type"]) == (status, "text/html; charset=UTF-8")


def test_a_broken_download_burns_the_link(bench: Bench) -> None:
    """A link whose download broke off is used up, unless the knob says otherwise."""
    remote_id = bench.upload(EMAILS * 2000)["id"]
    for burns, status in ((True, 404), (False, 200)):
        bench.ipqs.knobs.broken_download_burns_link = burns
        link = bench.status(remote_id)["downloads"]["all"]
        bench.ipqs.knobs.faults.append(Fault("download", "truncate_silent", after_bytes=10))
        assert len(bench.session.get(link).content) == 10
        assert bench.session.get(link).status_code == status


def test_new_links_may_end_old_ones(bench: Bench) -> None:
    """With the knob set, asking for the status again makes the links given before useless."""
    bench.ipqs.knobs.new_links_end_old = True
    remote_id = bench.upload()["id"]
    old, new = (bench.status(remote_id)["downloads"]["all"] for _ in range(2))
    assert [bench.session.get(link).status_code for link in (old, new)] == [404, 200]


@pytest.mark.parametrize(("kind", "column"), [("email", "email"), ("proxy", "ip")])
def test_a_result_has_the_input_and_the_documented_columns(bench: Bench, kind: str, column: str) -> None:
    """The header names the input column and every field of the single lookup; each row is as wide."""
    lines = list(csv.reader(bench.result(bench.upload(kind=kind)["id"]).splitlines()))
    assert tuple(lines[0]) == (column, *COLUMNS[kind])
    assert {len(line) for line in lines} == {len(COLUMNS[kind]) + 1}
    assert [line[0] for line in lines[1:]] == list(EMAILS)


def test_obvious_addresses_get_obvious_verdicts(bench: Bench) -> None:
    """Malformed is invalid, a throw-away domain is disposable, a dead domain has no DNS, a free one is common."""
    rows = {row["email"]: row for row in rows_of(bench.result(bench.upload()["id"]))}
    assert (rows["not an address"]["valid"], rows["not an address"]["fraud_score"]) == ("false", "100")
    assert rows["eve@mailinator.com"]["disposable"] == "true"
    assert (rows["zed@nowhere.invalid"]["dns_valid"], rows["zed@nowhere.invalid"]["valid"]) == ("false", "false")
    assert rows["ann@gmail.com"]["common"] == "true"


def test_segments_split_the_rows(bench: Bench) -> None:
    """`bad` and `clean` together are all rows; `pristine` is a part of `clean`."""
    remote_id = bench.upload([f"user{number}@shop{number % 40}.com" for number in range(400)])["id"]
    parts = {
        segment: {row["email"] for row in rows_of(bench.result(remote_id, segment))}
        for segment in ("all", "bad", "clean", "pristine")
    }
    assert parts["bad"] | parts["clean"] == parts["all"]
    assert not parts["bad"] & parts["clean"]
    assert parts["pristine"] < parts["clean"]
    assert 0.05 < len(parts["bad"]) / 400 < 0.4


def test_verdicts_depend_on_seed_and_value_only(tmp_path: Path) -> None:
    """The same seed gives the same verdicts in another simulator; another seed gives others."""
    rows = [f"user{number}@example.org" for number in range(50)]
    texts = []
    for number, seed in enumerate((0, 0, 1)):
        bench = make_bench(tmp_path / str(number))
        bench.ipqs.seed = seed
        texts.append(bench.result(bench.upload(rows)["id"]))
    assert texts[0] == texts[1] != texts[2]


def test_odd_values_come_back_as_they_were_sent(bench: Bench) -> None:
    """Commas, quotes, spaces and letters beyond ASCII survive the way through file and result."""
    values = ['"a,b"@example.com', " spaced@example.com ", "Ünï@exämple.com", 'quo"te', "=cmd()"]
    quoted = ['"' + value.replace('"', '""') + '"' for value in values]
    remote_id = bench.upload(quoted)["id"]
    assert [row["email"] for row in rows_of(bench.result(remote_id))] == values


def test_result_rows_may_be_fewer_reordered_lowered_or_wider(bench: Bench) -> None:
    """Knobs take rows away, change their order and case, rename the input column and add unknown ones."""
    bench.ipqs.knobs.update(
        {
            "missing_row_every": 5,
            "reorder_rows": True,
            "lowercase_values": True,
            "input_column": "Input",
            "extra_columns": ["new_thing"],
        },
    )
    values = [f"User{number}@Example.com" for number in range(1, 11)]
    rows = rows_of(bench.result(bench.upload(values)["id"]))
    kept = [f"user{number}@example.com" for number in (2, 4, 6, 8, 1, 3, 7, 9)]
    assert [row["Input"] for row in rows] == kept
    assert {row["new_thing"] for row in rows} == {"?"}


def test_duplicates_may_be_folded_at_acceptance(bench: Bench) -> None:
    """With the knob set, equal rows are dropped before they are charged."""
    bench.ipqs.knobs.deduplicate_rows = True
    remote_id = bench.upload(["a@b.co", "c@d.co", "a@b.co"])["id"]
    assert [row["email"] for row in rows_of(bench.result(remote_id))] == ["a@b.co", "c@d.co"]
    assert [charge.rows for charge in bench.ipqs.ledger] == [2]


@pytest.mark.parametrize(("header_row", "rows"), [("record", 2), ("detected", 1)])
def test_a_header_row_is_a_record_unless_detected(bench: Bench, header_row: str, rows: int) -> None:
    """Whether a first row that names the column counts is a knob; by default it is charged like any other."""
    bench.ipqs.knobs.update({"header_row": header_row})
    bench.upload(["Email", "a@b.co"])
    assert bench.ipqs.ledger[0].rows == rows
