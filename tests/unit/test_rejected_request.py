"""What is kept of a refused request: enough to see its fault, and neither rows nor secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from config.redaction import redactor
from producers.contract import REJECTED_REQUEST_CHARS_MAX, REQUEST_BYTES_MAX
from worker.intake.rejected_request import kept_request, named_upload

SECRET = "hunter2hunter2"


def kept(**fields: object) -> dict[str, Any]:
    """What is kept of a request with these fields."""
    shown: dict[str, Any] = json.loads(kept_request(json.dumps(fields)))
    return shown


def test_the_contracts_own_fields_stay_as_they_are() -> None:
    """Account, kind, path, options and label of a refused request can be read."""
    request = {
        "version": 7,
        "account": "nobody",
        "kind": "fax",
        "source": {"path": "/srv/lists/a.csv"},
        "options": {"column": "email", "header": True},
        "label": "Grüße",
    }
    assert kept(**request) == request


def test_rows_are_counted() -> None:
    """Of the values in a request only their number stays, wherever a producer puts them."""
    values = ["a@example.com", "b@example.com"]
    assert kept(source={"rows": values})["source"] == {"rows": "(2 values)"}
    assert kept(source=values, rows=values, label=values) == dict.fromkeys(("source", "rows", "label"), "(2 values)")
    assert kept(source={"rows": "a@example.com"})["source"] == {"rows": "(13 characters)"}
    assert kept(source={"rows": {"a@example.com": 1}})["source"] == {"rows": "(1 fields)"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"https://user:{SECRET}@files.example.com/list.csv", "https://files.example.com/list.csv"),
        (f"https://{SECRET}@files.example.com:8443/list.csv", "https://files.example.com:8443/list.csv"),
        (f"https://files.example.com/list.csv?token={SECRET}", "https://files.example.com/list.csv"),
        (f"https://files.example.com/list.csv#{SECRET}", "https://files.example.com/list.csv"),
        (f"https://user:p?{SECRET}@files.example.com/list.csv", "https://(the rest is not kept)"),
        (f"https://user:p/{SECRET}@files.example.com/list.csv", "https://(the rest is not kept)"),
        (f"https://files.example.com/list.csv?mail=a@{SECRET}", "https://(the rest is not kept)"),
        (f"https://user:p {SECRET}@files.example.com", "(47 characters)"),
        (SECRET, "(14 characters)"),
    ],
)
def test_urls_lose_what_may_be_a_secret(url: str, shown: str) -> None:
    """User, query and fragment of a URL are gone; where it is not sure which is which, so is the rest."""
    assert kept(source={"remote_url": url})["source"] == {"remote_url": shown}
    if " " not in url and url != SECRET:
        assert kept(label=f"see {url}")["label"] == f"see {shown}"


def test_unknown_fields_keep_their_names_only() -> None:
    """A misspelt field can be found, and what stands in it is not repeated."""
    assert kept(acount="ipqs", api_token=SECRET, nested={"key": SECRET}) == {
        "acount": "(4 characters)",
        "api_token": "(14 characters)",
        "nested": "(1 fields)",
    }
    assert kept(source={"password": SECRET})["source"] == {"password": "[redacted]"}


@pytest.mark.parametrize(
    "text", ["", SECRET, f'"{SECRET}"', f'["{SECRET}"]', f'{{"a": "{SECRET}"', "[" * 100_000, "1" * 5_000]
)
def test_of_a_text_that_is_no_object_size_and_digest_stay(text: str) -> None:
    """What is not a JSON object is told by its size and the beginning of its digest."""
    shown = kept_request(text)
    assert shown.startswith(f"({len(text):,} bytes that are not kept, SHA-256 ")
    assert SECRET not in shown
    assert len(shown) < 100


def test_a_text_that_is_too_large_is_not_even_read() -> None:
    """An object beyond the size of a request is told by its size."""
    shown = kept_request(json.dumps({"label": "x" * REQUEST_BYTES_MAX}))
    assert shown.startswith("(262,157 bytes")


@given(st.text() | st.dictionaries(st.text(), st.text() | st.lists(st.text())).map(json.dumps))
def test_any_text_gives_a_bounded_text(text: str) -> None:
    """Whatever a producer sent, what is kept can be written as UTF-8 and is bounded."""
    assert len(kept_request(text).encode()) <= 4 * REJECTED_REQUEST_CHARS_MAX


def test_a_registered_key_is_masked() -> None:
    """A key that stands in a field of the contract is masked like in any other sink."""
    redactor.register(SecretStr("Rejected0Canary1Key2"))
    assert kept(label="with Rejected0Canary1Key2")["label"] == "with [redacted]"


def test_bytes_that_are_no_utf_8_are_no_defect() -> None:
    """A text that was decoded from foreign bytes is told by its size."""
    assert kept_request(b"caf\xe9".decode("utf-8", "surrogateescape")).startswith("(4 bytes")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"upload_id": "crm-1", "kind": "fax"}', "crm-1"),
        ('{"upload_id": "../crm"}', ""),
        ('{"upload_id": 7}', ""),
        ('["upload_id"]', ""),
        ("{", ""),
        ("[" * 50_000, ""),
        (json.dumps({"upload_id": "crm-1", "label": "x" * REQUEST_BYTES_MAX}), ""),
    ],
)
def test_an_upload_is_named_when_that_is_certain(text: str, named: str) -> None:
    """Somebody who waits for an id learns of the refusal, and nobody of an id that is none."""
    assert named_upload(text) == named
