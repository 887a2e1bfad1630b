"""A provider's words in our messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.secret_forms import encodings
from worker.providers.quotation import QUOTED_CHARACTERS_MAX, quoted


def test_secrets_links_and_tokens_are_hidden() -> None:
    """A known secret in any spelling, a link, and a long run of key characters never come through."""
    told = quoted("key a/b+c, also a%2Fb%2Bc, see https://x.example/?k=1 or Q7xT2mZp9LrK4vBn8WcJ5hYd3FgS6aEu", "a/b+c")
    assert told == "key <hidden>, also <hidden>, see <link> or <hidden>"


@pytest.mark.parametrize("form", sorted(set(encodings('k+/=y 1"2'))))
def test_a_secret_is_hidden_in_every_encoding(form: str) -> None:
    """However short and oddly spelled a known secret is, the quotation does not have it."""
    assert form not in quoted(f"say {form}, twice {form}", 'k+/=y 1"2')


def test_plain_words_come_through_on_one_line() -> None:
    """Ordinary text is repeated, without line ends and control characters."""
    assert quoted("Please\r\ncheck\x1b[31m the Größe") == "Please check [31m the Größe"


@given(st.text(), st.text(alphabet="qxz-/+", min_size=8, max_size=20))
def test_every_quotation_is_short_and_printable(text: str, secret: str) -> None:
    """Whatever a provider says, the quotation has one line, a limit and not the secret."""
    told = quoted(f"{text}{secret}{text}" * 50, secret)
    assert len(told) <= QUOTED_CHARACTERS_MAX
    assert told.isprintable()
    assert secret not in told


@given(st.text(alphabet="abcXYZ0189", min_size=24, max_size=64), st.text(max_size=50))
def test_a_key_that_nobody_registered_is_hidden_too(key: str, text: str) -> None:
    """Anything as long as a key that looks like one is hidden, also without being known."""
    assert key not in quoted(f"{text} {key} {text}")
