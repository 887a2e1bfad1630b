"""IPQualityScore's calls: what may be told of them, and which pieces of a list's link may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.account import KEY_PLACES
from tests.builders.provider_bench import KEYS, account_for
from worker.providers.ipqs_calls import IpqsCalls, secrets_of
from worker.providers.port import Kind, Submission, SubmitMethod

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("method", SubmitMethod)
@pytest.mark.parametrize("key_in", KEY_PLACES["ipqs"])
def test_no_call_shows_key_or_link(tmp_path: Path, key_in: str, method: SubmitMethod) -> None:
    """Printing a call, its subject or its body tells nothing secret, wherever the key is."""
    path = tmp_path / "part.csv"
    path.write_text("a@example.com\n", encoding="utf-8")
    url = "https://files.example.com/list.csv?sig=s3cret"
    calls = IpqsCalls(account_for("ipqs", "https://api.example.com", key_in=key_in))
    upload, body = calls.upload(Submission(path, 1, Kind.EMAIL, "tk0-people", 5, method, url))
    shown = [upload, body, calls.listing(1), calls.status("5"), calls.credits(), calls.download("5", "bad", url)]
    texts = [repr(shown), *(getattr(call, "subject", "") for call in shown)]
    assert not [text for text in texts if KEYS["ipqs"] in text or "s3cret" in text]
    assert KEYS["ipqs"] in f"{upload.url} {upload.headers} {b''.join(body)!r}"


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://example.com/list.csv", {"https://example.com/list.csv"}),
        ("https://example.com/list.csv?sig=1&x=2", {"https://example.com/list.csv?sig=1&x=2", "sig=1&x=2"}),
        ("ftp://anna:pa@ss@example.com/a@b", {"ftp://anna:pa@ss@example.com/a@b", "anna:pa@ss"}),
        ("", set()),
    ],
)
def test_a_links_query_and_credentials_are_secrets(url: str, secrets: set[str]) -> None:
    """The link as a whole and the pieces of it that open something are never repeated."""
    assert set(secrets_of(url)) - {""} == secrets
