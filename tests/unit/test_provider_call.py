"""The words under which calls to providers are counted."""

from __future__ import annotations

import pytest

from worker.providers.call import outcome_of


@pytest.mark.parametrize(
    ("status", "word"),
    [(200, "2xx"), (302, "3xx"), (404, "4xx"), (429, "throttled"), (500, "5xx"), (503, "5xx"), (509, "throttled")],
)
def test_answers_that_mean_too_many_calls_have_a_word_of_their_own(status: int, word: str) -> None:
    """Every other status is counted with its class."""
    assert outcome_of(status) == word
