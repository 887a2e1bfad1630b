"""Where IPQualityScore's adapter puts the key, and what each method of submitting looks like on the wire."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from tests.builders.provider_bench import KEYS, Bench, CountingGate, Notes, account_for, told, traced_memory
from tests.builders.scripted_server import ScriptedServer
from worker.providers.errors import ProviderError, Refused
from worker.providers.port import Kind, Submission, SubmitMethod
from worker.providers.registry import build

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.scripted_server import Heard
    from worker.providers.port import Provider

KEY = KEYS["ipqs"]
NAME = "tk0123456789abcdef-people"
LINK = "https://files.example.com/list.csv?sig=a%2Fb&x=1"

#: The two shapes of an upload's address and of the list's, with and without the key.
KEYED, KEYLESS = f"/api/json/csv/{KEY}/email/upload", "/api/json/csv/upload"


def scripted(server: ScriptedServer, key_in: str) -> Provider:
    """An adapter to scripted answers."""
    return build(account_for("ipqs", f"{server.base_url}/api", key_in=key_in), CountingGate(), Notes())


def part(folder: Path, method: SubmitMethod, *values: str, rows: int | None = None) -> Submission:
    """A staged part that says it has `rows` values."""
    path = folder / "part.csv"
    path.write_text("".join(f"{value}\n" for value in values), encoding="utf-8")
    return Submission(path, len(values) if rows is None else rows, Kind.EMAIL, NAME, 5, method, LINK)


def submitted(folder: Path, method: SubmitMethod, key_in: str) -> Heard:
    """The request that a submit makes."""
    with ScriptedServer() as server:
        server.then({"success": True, "id": 12})
        scripted(server, key_in).submit(part(folder, method, "a@example.com", '"b,c"'))
    (request,) = server.heard
    assert (request.method, request.body_bytes) == ("POST", int(request.headers["content-length"]))
    assert "transfer-encoding" not in request.headers
    return request


# --- uploads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key_in", "target"),
    [
        ("header", f"{KEYLESS}?type=email&file_name={NAME}"),
        ("path", f"{KEYED}?file_name={NAME}"),
        ("param", f"{KEYLESS}?type=email&file_name={NAME}"),
        ("json", f"{KEYED}?file_name={NAME}"),
    ],
)
def test_a_form_has_the_file_and_at_most_the_key(tmp_path: Path, key_in: str, target: str) -> None:
    """The file is the one part of a form, unless the key is to stand in the body; type and name are in the address."""
    request = submitted(tmp_path, SubmitMethod.FORM, key_in)
    assert request.target == target
    assert request.headers.get("ipqs-key") == (KEY if key_in == "header" else None)
    assert request.body.count(b"Content-Disposition: form-data") == (2 if key_in == "param" else 1)
    assert (f'name="key"\r\n\r\n{KEY}\r\n--'.encode() in request.body) is (key_in == "param")
    assert b'\r\n\r\na@example.com\n"b,c"\n\r\n--' in request.body


@pytest.mark.parametrize(
    ("key_in", "target", "fields"),
    [
        ("header", KEYLESS, {"type": "email"}),
        ("path", KEYED, {}),
        ("param", KEYLESS, {"key": KEY, "type": "email"}),
        ("json", KEYLESS, {"key": KEY, "type": "email"}),
    ],
)
def test_json_has_every_value_as_a_row_of_one_cell(
    tmp_path: Path, key_in: str, target: str, fields: dict[str, str]
) -> None:
    """Rows are arrays of one string; whatever the address does not have is a field beside them."""
    request = submitted(tmp_path, SubmitMethod.JSON, key_in)
    assert (request.target, request.headers["content-type"]) == (target, "application/json")
    assert request.headers.get("ipqs-key") == (KEY if key_in == "header" else None)
    rows = [["a@example.com"], ["b,c"]]
    assert json.loads(request.body) == {**fields, "file_name": NAME, "input": rows}


@pytest.mark.parametrize(
    ("key_in", "target", "fields"),
    [
        ("header", KEYLESS, {"type": "email"}),
        ("path", KEYED, {}),
        ("param", KEYLESS, {"key": KEY, "type": "email"}),
        ("json", KEYED, {}),
    ],
)
def test_a_pull_has_the_link_in_its_body(tmp_path: Path, key_in: str, target: str, fields: dict[str, str]) -> None:
    """The link is a parameter of the body, where access logs do not keep it, and nothing of the file is sent."""
    request = submitted(tmp_path, SubmitMethod.PULL, key_in)
    assert (request.target, request.headers["content-type"]) == (target, "application/x-www-form-urlencoded")
    assert request.headers.get("ipqs-key") == (KEY if key_in == "header" else None)
    assert dict(parse_qsl(request.body.decode())) == {**fields, "file_name": NAME, "url": LINK}


def test_json_of_another_length_than_announced_is_refused(tmp_path: Path) -> None:
    """A staged file with other values than the part says never reaches the provider, nor does one with two columns."""
    with ScriptedServer() as server:
        provider = scripted(server, "header")
        with pytest.raises(Refused, match="1 values, the part 2"):
            provider.submit(part(tmp_path, SubmitMethod.JSON, "a@example.com", rows=2))
        with pytest.raises(Refused, match="line 1"):
            provider.submit(part(tmp_path, SubmitMethod.JSON, "a@example.com,b", rows=1))
    assert server.heard == []


@pytest.mark.parametrize("method", [SubmitMethod.FORM, SubmitMethod.JSON])
def test_a_large_upload_takes_constant_memory(tmp_path: Path, method: SubmitMethod) -> None:
    """A part of many megabytes is sent without being held in memory."""
    staged = part(tmp_path, method, *(f"person.{number:0120}@example.com" for number in range(120_000)))
    with ScriptedServer() as server:
        provider = scripted(server.then({"success": True, "id": 12}), "header")
        with traced_memory() as peak:
            provider.submit(replace(staged, deadline_seconds=60))
    assert server.heard[0].body_bytes > staged.path.stat().st_size > 10_000_000
    assert peak.bytes < 3_000_000


# --- reading calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key_in", "target"),
    [
        ("header", "/api/json/csv/list?page=1"),
        ("path", f"/api/json/csv/{KEY}/list?page=1"),
        ("param", f"/api/json/csv/list?key={KEY}&page=1"),
        ("json", f"/api/json/csv/{KEY}/list?page=1"),
    ],
)
def test_only_the_list_has_the_key_where_the_account_wants_it(key_in: str, target: str) -> None:
    """Status and account have the key in the documented path, whatever the account says."""
    with ScriptedServer() as server:
        server.then({"success": True, "csvs": []}).then({"success": True, "id": 12}).then(
            {"success": True, "credits": 1}
        )
        provider = scripted(server, key_in)
        provider.list_page()
        provider.observe(["12"])
        provider.credits()
    heard = [(request.method, request.target, request.headers.get("ipqs-key")) for request in server.heard]
    assert heard == [
        ("GET", target, KEY if key_in == "header" else None),
        ("GET", f"/api/json/csv/{KEY}/status/12", None),
        ("GET", f"/api/json/account/{KEY}", None),
    ]


@pytest.mark.parametrize("key_in", ["path", "param"])
@pytest.mark.parametrize("kind", ["http_404", "answer_lost", "bad_key", "refuse"])
def test_no_error_holds_a_key_in_the_address(
    tmp_path: Path, key_in: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither errors nor log lines show a key that is part of the path or of the query."""
    caplog.set_level(logging.DEBUG)
    with Bench("ipqs", tmp_path, key_in=key_in) as bench:
        bench.fault("*", kind, times=2, text=KEY)
        with pytest.raises(ProviderError) as reading:
            bench.provider.list_page()
        with pytest.raises(ProviderError) as submitting:
            bench.submit()
    assert "{key}" in str(reading.value)
    assert KEY not in told(reading.value) + told(submitting.value) + caplog.text
