"""What is known of the values of each kind."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.request import Kind as RequestKind
from worker.core.rows import RowState
from worker.providers.port import Kind
from worker.rows.values import fold_key, looks_like, names_column, normal_name, row_value, values_digest


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        (Kind.EMAIL, "Jo@Example.COM", "Jo@example.com", True),
        (Kind.EMAIL, "Jo@example.com", "jo@example.com", False),
        (Kind.EMAIL, " jo@example.com\t", "jo@example.com", True),
        (Kind.EMAIL, '"A@B"@Example.com', '"A@B"@example.com', True),
        (Kind.EMAIL, "No At", "no at", False),
        (Kind.PROXY, "2001:DB8::0:1", "2001:db8::1", True),
        (Kind.PROXY, "192.0.2.1", "192.0.2.10", False),
        (Kind.PROXY, "not an IP", "not an ip", False),
        (Kind.PHONE, "+1 202 555 0143", "+12025550143", False),
        (Kind.PHONE, " +1 202 555 0143", "+1 202 555 0143 ", True),
        (Kind.URL, "HTTPS://Example.COM/Path", "https://example.com/Path", True),
        (Kind.URL, "https://example.com/Path", "https://example.com/path", False),
        (Kind.URL, "https://Jo@EXAMPLE.com:80?Q", "https://Jo@example.com:80?Q", True),
        (Kind.URL, "https://Jo@example.com", "https://jo@example.com", False),
        (Kind.URL, "https://example.com", "https://example.com/", False),
        (Kind.URL, "http://example.com", "https://example.com", False),
        (Kind.URL, "Example.com", "example.com", False),
        (Kind.LEAKED_EMAIL, "Jo@Example.COM", "Jo@example.com", True),
        (Kind.LEAKED_USERNAME, " jo ", "jo", True),
        (Kind.LEAKED_USERNAME, "Jo", "jo", False),
        (Kind.LEAKED_PASSWORD, "secret", "Secret", False),
        (Kind.LEAKED_PASSWORD, "secret ", "secret", False),
    ],
)
def test_only_certainly_equal_values_fold(kind: Kind, one: str, other: str, same: bool) -> None:
    """Values share a verdict only where no provider could tell them apart."""
    assert (fold_key(kind, one) == fold_key(kind, other)) is same


@given(kind=st.sampled_from(Kind), value=st.text(max_size=30))
def test_folding_twice_changes_nothing(kind: Kind, value: str) -> None:
    """A fold key is its own fold key, so it may be computed wherever it is needed."""
    assert fold_key(kind, fold_key(kind, value)) == fold_key(kind, value)


@pytest.mark.parametrize(
    ("kind", "cell", "value", "state"),
    [
        (Kind.EMAIL, "  a@b.example ", "a@b.example", None),
        (Kind.EMAIL, "\N{NO-BREAK SPACE}\t\r\n", "", RowState.EMPTY),
        (Kind.EMAIL, "", "", RowState.EMPTY),
        (Kind.EMAIL, "a@b.example\nc@d.example", "a@b.example\nc@d.example", RowState.WITHHELD),
        (Kind.EMAIL, "a\N{LINE SEPARATOR}b", "a\N{LINE SEPARATOR}b", RowState.WITHHELD),
        (Kind.LEAKED_USERNAME, " jo ", "jo", None),
        (Kind.LEAKED_PASSWORD, " secret ", " secret ", None),
        (Kind.LEAKED_PASSWORD, "secret\t", "secret\t", RowState.WITHHELD),
        (Kind.LEAKED_PASSWORD, "   ", "", RowState.EMPTY),
    ],
)
def test_a_cell_is_a_value_empty_or_withheld(kind: Kind, cell: str, value: str, state: RowState | None) -> None:
    """White space is dropped around all but passwords; a value that would take two lines of a part is not sent."""
    assert row_value(kind, cell) == (value, state)


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        (Kind.EMAIL, " jo@example.com", True),
        (Kind.EMAIL, "@handle", False),
        (Kind.EMAIL, "Jo <jo@example.com>", False),
        (Kind.EMAIL, "1;jo@example.com", False),
        (Kind.PROXY, "2001:db8::1", True),
        (Kind.PROXY, "192.0.2.256", False),
        (Kind.URL, "HTTPS://example.com/a", True),
        (Kind.URL, "https://example.com/a,b;c", True),
        (Kind.URL, "example.com", False),
        (Kind.URL, "https://", False),
        (Kind.URL, "see https://example.com", False),
        (Kind.URL, "https://example.com see", False),
        (Kind.PHONE, "+1 (202) 555-0199", True),
        (Kind.PHONE, "(202) 555-0199", True),
        (Kind.PHONE, "555.0143", True),
        (Kind.PHONE, "+123456789012345", True),
        (Kind.PHONE, "+1234567890123456", False),
        (Kind.PHONE, "555014", False),
        (Kind.PHONE, "1+5550143", False),
        (Kind.PHONE, "555-0143 ext 2", False),
        (Kind.LEAKED_EMAIL, "jo@example.com", True),
        (Kind.LEAKED_EMAIL, "jo", False),
        (Kind.LEAKED_USERNAME, "jo", False),
        (Kind.LEAKED_PASSWORD, "correct horse", False),
    ],
)
def test_looks_are_strict(kind: Kind, cell: str, expected: bool) -> None:
    """Only a whole cell of the right form looks like a value."""
    assert looks_like(kind, cell) is expected


@pytest.mark.parametrize("kind", Kind)
def test_a_column_named_like_the_kind_holds_it(kind: Kind) -> None:
    """The name that a column without one gets in a result is found in a header again."""
    assert names_column(kind, kind.value)
    assert names_column(kind, kind.value.replace("_", " ").upper())


def test_values_without_a_form_need_the_plain_name() -> None:
    """A dot may belong to a password or user name, so a dotted prefix is no part of the name of their columns."""
    assert names_column(Kind.LEAKED_EMAIL, "contact.email")
    assert not names_column(Kind.LEAKED_PASSWORD, "correct.password")
    assert not names_column(Kind.LEAKED_USERNAME, "jo.user")


def test_applications_may_ask_for_every_kind() -> None:
    """The kinds of the request's contract are those of the providers' port."""
    assert set(get_args(RequestKind)) == set(Kind)


@pytest.mark.parametrize("name", ["E-Mail", " e_mail ", "contact.E mail", "e--mail"])
def test_column_names_compare_by_their_words(name: str) -> None:
    """Case, separators and a dotted prefix do not matter in a column name."""
    assert normal_name(name) == "e_mail"


@given(keys=st.lists(st.text(max_size=5), max_size=8), seed=st.randoms())
def test_a_values_digest_ignores_order_and_nothing_else(keys: list[str], seed: object) -> None:
    """Equal lists in any order have equal digests; one value more has another."""
    assert values_digest(reversed(keys)) == values_digest(keys)
    assert values_digest([*keys, "one more"]) != values_digest(keys)
