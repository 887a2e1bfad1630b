"""What is repeated of a request that was not accepted."""

from __future__ import annotations

import json

import pytest

from worker.refused_request import LOOKED_AT_CHARACTERS, named_upload, repeatable


def test_the_beginning_of_a_refused_request_is_repeated() -> None:
    """What is no secret stands there as it was sent."""
    text = '{"version": 1, "account": "ipqs-main", "kind": "fax", "source": {"path": "/srv/a?b"}}'
    assert repeatable(text) == text
    assert repeatable("x" * 3_000) == "x" * 2_000


@pytest.mark.parametrize(
    "text",
    [
        '{"source": {"rows": ["hunter2"]}}',
        '{"source": {"rows": ["a] hunter2", "b"]}, "label": "x"}',
        '{"source": {"rows": {"0": "hunter2"}}}',
        '{"source": {"rows" : [ "x", "hunter2',
        '{"source": {"url": "https://crm:hunter2@files.example.com/a.csv"}}',
        '{"source": {"remote_url": "https://files.example.com/a.csv?token=hunter2"}}',
        '{"source": {"remote_url": "https://files.example.com/a.csv#hunter2',
        "see https://hunter2@example.com now",
        'x" * 9, "rows":[' + "1," * LOOKED_AT_CHARACTERS + '"hunter2"]',
        " " * (LOOKED_AT_CHARACTERS - 20) + "https://crm:hunter2@files.example.com",
    ],
)
def test_no_value_and_no_secret_of_a_url_is_repeated(text: str) -> None:
    """Whatever else is wrong with a request, the values of its list and the secrets of its URLs are left out."""
    assert "hunter2" in text
    assert "hunter" not in repeatable(text)


def test_hostile_text_takes_no_time() -> None:
    """A text made of beginnings that never end is looked at for a bounded time."""
    for piece in ("://", '"rows":[', "://a@", "?://"):
        assert len(repeatable(piece * 100_000)) <= 2_000


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"upload_id": "crm-1", "kind": "fax"}', "crm-1"),
        ('{"upload_id": "../crm"}', ""),
        ('{"upload_id": 7}', ""),
        ('["upload_id"]', ""),
        ("{", ""),
        ("[" * 50_000, ""),
        (json.dumps({"upload_id": "crm-1", "label": "x" * 70_000}), ""),
    ],
)
def test_an_upload_is_named_when_that_is_certain(text: str, named: str) -> None:
    """Somebody who waits for an id learns of the refusal, and nobody of an id that is none."""
    assert named_upload(text) == named
