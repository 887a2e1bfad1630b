"""Screening: what cannot be of its kind is told, and nothing that may be."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.rows import RowState
from worker.providers.port import Kind
from worker.rows.screening import impossible
from worker.rows.values import row_value

LABEL_63, LOCAL_64 = "x" * 63, "x" * 64

#: RFC 5322's atext, and the tails of RFC 6531.
_ATEXT = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~"
_LETTERS = st.sampled_from(string.ascii_letters + string.digits + "äßλж中한ñ")
_ATOM = st.text(st.sampled_from(_ATEXT + "äλ中"), min_size=1, max_size=12)
_QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=20)
_LOCAL = st.one_of(
    st.lists(_ATOM, min_size=1, max_size=4).map(".".join),
    _QUOTED.map(lambda text: f'"{text}"'),
    _QUOTED.map(lambda text: f'"{text}\\"\\\\"'),
)
_LABEL = st.builds(
    lambda first, middle, last: first + middle + last,
    _LETTERS,
    st.text(st.one_of(_LETTERS, st.just("-")), max_size=10),
    _LETTERS,
)
_DOMAIN = st.one_of(
    st.lists(_LABEL, min_size=1, max_size=4).map(".".join),
    st.ip_addresses(v=4).map(lambda address: f"[{address}]"),
    st.ip_addresses(v=6).map(lambda address: f"[IPv6:{address}]"),
)


@given(_LOCAL, _DOMAIN)
def test_no_address_that_the_standards_allow_is_impossible(local: str, domain: str) -> None:
    """Every address by RFC 5321 and RFC 6531 is possible: atoms, quoted local parts, literals, other scripts."""
    assert not impossible(Kind.EMAIL, f"{local}@{domain}")
    assert not impossible(Kind.LEAKED_EMAIL, f"{local}@{domain}")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.EMAIL, "a@b"),
        (Kind.EMAIL, f"{LOCAL_64}@{LABEL_63}.example"),
        (Kind.EMAIL, '"a@b c"@example.com'),
        (Kind.EMAIL, '"very.(),:;<>[]\\".VERY.\\"very@\\\\ \\"very\\".unusual"@strange.example.com'),
        (Kind.EMAIL, "jo(a comment @ work)@example.com"),
        (Kind.EMAIL, "jo@[x:a@b]"),
        (Kind.EMAIL, "δοκιμή@παράδειγμα.δοκιμή"),
        (Kind.EMAIL, "jo@xn--mnchen-3ya.example"),
        (Kind.EMAIL, "jo..x.@docomo.example"),
        (Kind.EMAIL, "jo@under_score.example."),
        (Kind.EMAIL, "x/y=z!%+'@example.com"),
        (Kind.PROXY, "192.0.2.1"),
        (Kind.PROXY, "2001:DB8::1"),
        (Kind.URL, "example.com"),
        (Kind.URL, "http://localhost/a b"),
        (Kind.URL, "https://jo:pw@[2001:db8::1]:8080/?q=a b#c"),
        (Kind.URL, "//example.com/x"),
        (Kind.URL, "münchen.example/straße"),
        (Kind.PHONE, "+1 (202) 555-0143"),
        (Kind.PHONE, "5550143"),
        (Kind.PHONE, "011 49 30 12345678901"),
        (Kind.PHONE, "1-800-FLOWERS"),
        (Kind.PHONE, "+1 202 555 0143 ext. 123456"),
        (Kind.PHONE, "\u0661\u0662\u0663\u0664\u0665\u0666\u0667"),
        (Kind.LEAKED_PASSWORD, "x"),
        (Kind.LEAKED_USERNAME, "@@"),
    ],
)
def test_what_may_be_of_its_kind_is_possible(kind: Kind, value: str) -> None:
    """Values that look odd, and are of their kind or may be."""
    assert not impossible(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.EMAIL, "n/a"),
        (Kind.EMAIL, "ann.example.com"),
        (Kind.EMAIL, "@example.com"),
        (Kind.EMAIL, "ann@"),
        (Kind.EMAIL, "ann@."),
        (Kind.EMAIL, "ann lee@example.com"),
        (Kind.EMAIL, "ann@exam ple.com"),
        (Kind.EMAIL, "ann@example..com"),
        (Kind.EMAIL, "ann@.example.com"),
        (Kind.EMAIL, "ann@-example.com"),
        (Kind.EMAIL, "ann@example-.com"),
        (Kind.EMAIL, "ann@exam,ple.com"),
        (Kind.EMAIL, "ann@example.com\u00a0x"),
        (Kind.EMAIL, "ann@bob@example.com"),
        (Kind.EMAIL, "Ann <ann@example.com>"),
        (Kind.EMAIL, "mailto:ann@example.com"),
        (Kind.EMAIL, "ann@example.com;bob@example.com"),
        (Kind.EMAIL, f"{LOCAL_64}x@example.com"),
        (Kind.EMAIL, f"ann@{LABEL_63}x.com"),
        (Kind.EMAIL, "ann@" + ".".join([LABEL_63] * 4)),
        (Kind.LEAKED_EMAIL, "ann"),
        (Kind.PROXY, "example.com"),
        (Kind.PROXY, "192.0.2.256"),
        (Kind.PROXY, "192.0.2.1:80"),
        (Kind.URL, "word"),
        (Kind.URL, "https://"),
        (Kind.URL, "https:///path"),
        (Kind.URL, "https://exam ple.com/"),
        (Kind.URL, "/path/to"),
        (Kind.URL, "..."),
        (Kind.PHONE, "555-014"),
        (Kind.PHONE, "unknown"),
        (Kind.PHONE, "n/a"),
        (Kind.PHONE, "1234567890123456"),
    ],
)
def test_what_cannot_be_of_its_kind_is_impossible(kind: Kind, value: str) -> None:
    """Values for which no provider could have anything but one answer."""
    assert impossible(kind, value)


def test_only_screened_rows_are_withheld() -> None:
    """Without `screen` an impossible value is sent as it stands; with it the row is withheld, and empty stays empty."""
    assert row_value(Kind.EMAIL, " n/a ") == ("n/a", None)
    assert row_value(Kind.EMAIL, " n/a ", screen=True) == ("n/a", RowState.WITHHELD)
    assert row_value(Kind.EMAIL, " a@x.example ", screen=True) == ("a@x.example", None)
    assert row_value(Kind.EMAIL, "  ", screen=True) == ("", RowState.EMPTY)
