"""`bulkverify verify`: what it believes, and what it finds wrong."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tests.builders.delivered import Delivered
from worker.cli.main import bulkverify
from worker.rows.result_check import added_place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def verify(*arguments: object, home: Path | None = None, **environment: str) -> Result:
    """Run the command with nothing set but what is given: no Redis URL, no accounts."""
    settings = {"BULKVERIFY_HOME": str(home)} if home else {}
    return CliRunner().invoke(bulkverify, ["verify", *map(str, arguments)], env=settings | environment)


def told(*arguments: object, exit_code: int = 0) -> Any:
    """What the command tells programs."""
    result = verify(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def checks(*arguments: object) -> list[str]:
    """The checks that found something in a result that is not good."""
    return [finding["check"] for finding in told(*arguments, exit_code=1)["findings"]]


def test_a_good_result_is_told_with_its_counts(tmp_path: Path) -> None:
    """Every row is counted anew, files beside it are compared, and a partial result is good and said to be partial."""
    delivered = Delivered(tmp_path)
    found = told(delivered.result)
    assert found["good"]
    assert found["findings"] == []
    assert (found["upload_id"], found["rows"], found["partial"]) == ("crm-1", 5, True)
    assert found["states"] == {"matched": 2, "folded": 1, "empty": 1, "missing": 1}
    assert found["verdicts"] == {"ok": 2, "bad": 1}
    assert found["sha256"] == hashlib.sha256(delivered.result.read_bytes()).hexdigest()
    assert found["bytes"] == delivered.result.stat().st_size
    assert found["objects"] == 1


def test_people_are_told_that_it_is_good(tmp_path: Path) -> None:
    """The counts and one word, and nothing on standard error."""
    result = verify(Delivered(tmp_path).folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "2 matched, 1 folded, 1 empty, 1 missing" in result.stdout
    assert "1 rows have no verdict" in result.stdout
    assert result.stdout.endswith("good  the result is what its manifest tells\n")


def test_a_result_is_named_in_any_way(tmp_path: Path) -> None:
    """By its file, its manifest, its folder, its address, its upload's id, or as a copy with a manifest elsewhere."""
    storage = (tmp_path / "storage").as_uri()
    delivered = Delivered(tmp_path / "storage")
    for named in (delivered.result, delivered.manifest, delivered.folder, delivered.result.as_uri()):
        assert told(named)["good"], named
    by_id = verify("crm-1", "--json", home=tmp_path, BULKVERIFY_STORAGE_URL=storage)
    assert json.loads(by_id.stdout)["result"] == "results/crm-1/result.csv"
    copy = tmp_path / "copy.csv"
    copy.write_bytes(delivered.result.read_bytes())
    assert told(copy, "--manifest", delivered.manifest)["result"] == str(copy)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda d: d.rewrite(b"bob@", b"bib@"), ["digest"]),
        (
            lambda d: d.result.write_bytes(d.result.read_bytes().rpartition(b"lost")[0]),
            ["bytes", "digest", "rows", "states"],
        ),
        (lambda d: d.rewrite(b"again,folded", b"again,matched"), ["bytes", "digest", "states", "states"]),
        (lambda d: d.rewrite(b"again,folded", b"again,folden"), ["digest", "state", "states", "verdicts"]),
        (lambda d: d.rewrite(b"matched,bad", b"matched,   "), ["digest", "verdict", "verdicts"]),
        (lambda d: d.rewrite(b"missing,", b"missing,ok"), ["bytes", "digest", "verdict"]),
        (lambda d: d.rewrite(b",empty,,,,", b",empty,,,,1"), ["bytes", "digest", "verdict"]),
        (lambda d: d.rewrite(b"bad,ipqs", b"bad,spqi"), ["digest", "provider"]),
        (
            lambda d: d.rewrite(b"bob@example.com,", b"bob@example.com"),
            ["bytes", "digest", "cells", "states", "verdicts"],
        ),
        (lambda d: d.rewrite(b"email,note", b"email,nota"), ["digest", "rows"]),
        (lambda d: d.rewrite(b"again,", b'"gain,'), ["digest", "rows"]),
        (lambda d: d.rewrite(b"bob@", b"b\xffb@"), ["digest", "rows"]),
        (lambda d: d.rewrite(b"bob@", b"b\x00b@"), ["digest"]),
        (lambda d: d.result.write_bytes(b""), ["bytes", "digest", "rows"]),
        (lambda d: d.result.unlink(), ["result"]),
        (lambda d: d.segment.write_bytes(b"email\n"), ["digest"]),
        (lambda d: d.tell("counts", matched=1, folded=2), ["states", "states"]),
        (lambda d: d.tell("counts", matched=3, folded=1), ["manifest"]),
        (lambda d: d.tell(verdicts={"ok": 1, "bad": 2}), ["verdicts", "verdicts"]),
        (lambda d: d.tell(verdicts={"ok": 1}), ["manifest", "verdicts", "verdicts"]),
        (lambda d: d.tell(credits=99), ["manifest"]),
        (lambda d: d.tell(partial=False), ["manifest"]),
        (lambda d: d.tell("result", bytes=1), ["bytes"]),
        (lambda d: d.tell("result", columns=["email"]), ["manifest", "rows"]),
        (lambda d: d.tell("result", delimiter=";"), ["rows"]),
        (lambda d: d.tell("result", delimiter="\n"), ["manifest"]),
        (lambda d: d.tell("result", format="parquet"), ["rows"]),
        (lambda d: d.manifest.write_bytes(b"{"), ["manifest"]),
    ],
)
def test_every_damage_is_found(tmp_path: Path, damage: Callable[[Delivered], object], expected: list[str]) -> None:
    """A byte, a row, a state, a verdict, a count, a column or a whole file that is not as it was: exit code 1."""
    delivered = Delivered(tmp_path)
    damage(delivered)
    assert sorted(checks(delivered.manifest)) == sorted(expected)


def test_a_row_more_is_found_and_counted(tmp_path: Path) -> None:
    """A row that was added shows in bytes, digest, rows and counts."""
    delivered = Delivered(tmp_path)
    row = delivered.result.read_bytes().splitlines(keepends=True)[-1]
    delivered.result.write_bytes(delivered.result.read_bytes() + row)
    findings = told(delivered.result, exit_code=1)["findings"]
    assert [finding["check"] for finding in findings] == ["bytes", "digest", "rows", "states"]
    assert findings[2]["message"] == "it has 6 rows, and the manifest tells 5"


def test_the_first_row_of_a_difference_is_told_and_what_to_do(tmp_path: Path) -> None:
    """The row's number is exact, quoted line breaks or not; further rows alike are counted; the remedy comes last."""
    delivered = Delivered(tmp_path)
    data = delivered.result.read_bytes()
    delivered.result.write_bytes(
        data.replace(b"again,folded,ok", b"again,folded,no").replace(b"matched,bad", b"matched,bat")
    )
    result = verify(delivered.result)
    assert result.exit_code == 1
    assert (
        "row 2: it is matched, and its verdict is none of ok, bad, risky, unknown (1 more row alike)" in result.stdout
    )
    assert "Fetch the result and its manifest" in result.stderr
    (finding,) = (f for f in told(delivered.result, exit_code=1)["findings"] if f["check"] == "verdict")
    assert finding["row"] == 2


def test_results_of_older_programs_and_of_results_are_read(tmp_path: Path) -> None:
    """A manifest without format and delimiter means CSV with commas; the columns that were added may have a suffix."""
    text = (
        "email,bv_row,bv_verdict,bv_provider,bv_checked_at\nann@example.com,missing,,,\nbob@example.com,matched,ok,x,\n"
    )
    delivered = Delivered(tmp_path, text)
    document = json.loads(delivered.manifest.read_bytes())
    for name in ("format", "delimiter", "spreadsheet_safe"):
        del document["result"][name]
    delivered.manifest.write_text(json.dumps(document))
    assert told(delivered.result)["states"] == {"matched": 2}
    assert delivered.told().result.columns[5] == "bv_row_2"


def test_other_delimiters_line_ends_and_a_header_made_safe_are_read(tmp_path: Path) -> None:
    """Cells are parted as the manifest tells, rows end with any line end; an apostrophe in a header is no name's."""
    delivered = Delivered(tmp_path)
    text = delivered.result.read_text().replace(",", ";").replace("\n", "\r\n").replace("email;", "'=email;")
    delivered.result.write_text(text, newline="")
    columns = ["=email", *delivered.told().result.columns[1:]]
    delivered.tell("result", delimiter=";", columns=columns, spreadsheet_safe=True)
    assert checks(delivered.result) == ["bytes", "digest"]
    delivered.tell("result", spreadsheet_safe=False)
    assert checks(delivered.result) == ["bytes", "digest", "rows"]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda text: text, []),
        (lambda text: text.replace('"bv_row": "empty"', '"bv_row": "matched"'), ["states", "states", "verdict"]),
        (lambda text: text.replace('{"email": "bob', '{"mail": "bob'), ["rows"]),
        (lambda text: text.replace('"bob@example.com"', "7"), ["rows"]),
        (lambda text: text[:-9], ["rows"]),
        (lambda text: text + "[]\n", ["rows"]),
        (lambda text: text.partition("\n")[2], ["rows", "states", "verdicts"]),
    ],
)
def test_json_lines_are_checked_alike(tmp_path: Path, damage: Callable[[str], str], expected: list[str]) -> None:
    """An object a row with the columns in their order; the same damage is found as in a CSV."""
    delivered = Delivered(tmp_path)
    path = delivered.as_json_lines()
    path.write_text(damage(path.read_text()))
    data = path.read_bytes()
    delivered.tell("result", bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    if expected:
        assert sorted(checks(path)) == expected
    else:
        assert told(path)["good"]


def test_what_is_not_there_is_a_wrong_command_line(tmp_path: Path) -> None:
    """No such file, no manifest beside it, no such upload, another storage's address: exit code 2, and what to name."""
    lonely = tmp_path / "lonely.csv"
    lonely.write_text("email\n")
    storage = {"home": tmp_path, "BULKVERIFY_STORAGE_URL": (tmp_path / "storage").as_uri()}
    for named, remedy in (
        (lonely, "--manifest"),
        (tmp_path / "no.csv", "no result in the storage"),
        ("crm-9", "bulkverify show crm-9"),
        ("s3://bucket/results/crm-1/result.csv", "no result in the storage"),
    ):
        result = verify(named, **storage)  # type: ignore[arg-type]  # a home and a variable
        assert result.exit_code == 2, result.output
        assert remedy in " ".join(result.stderr.split())


def test_the_added_columns_are_the_last_of_their_names() -> None:
    """Four names beside each other with one suffix; the input may have some, and a provider one of the names."""
    four = ("bv_row", "bv_verdict", "bv_provider", "bv_checked_at")
    assert added_place(("email", *four, "score")) == 1
    assert added_place((*four, *(name + "_2" for name in four))) == 4
    assert added_place((*four[:3], "x", four[3])) is None
