"""The token: the same on every attempt, different for every part, and recognised in the names that providers show."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from worker.core.token import (
    CUT_TOKEN_CHARACTERS_MIN,
    NAME_CHARACTERS_MAX,
    TOKEN_BYTES,
    matching,
    part_token,
    remote_name,
    token_in,
)

PART = {"installation_id": "one", "account": "main", "upload_id": "list-1", "kind": "email", "digest": "d" * 64}
TOKEN = part_token(**PART, index=0)
#: Tokens as they are: a prefix and 16 base-32 characters.
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16).map("bv-".__add__)


def test_a_part_has_one_token_for_ever() -> None:
    """The token of the same part is the same in every process and every version: jobs are found by it years later."""
    assert part_token(**PART, index=0) == "bv-talcdwwtdh3ewaba"


@pytest.mark.parametrize("field", PART)
def test_every_part_of_the_identity_changes_the_token(field: str) -> None:
    """Another installation, account, upload, kind or content is another token."""
    assert part_token(**(PART | {field: "other"}), index=0) != TOKEN


def test_parts_of_one_upload_have_tokens_of_their_own() -> None:
    """A thousand parts have a thousand tokens."""
    assert len({part_token(**PART, index=index) for index in range(1_000)}) == 1_000


def test_fields_cannot_be_shifted_into_each_other() -> None:
    """Two identities whose fields only joined are equal have different tokens."""
    one = part_token(**(PART | {"account": "a", "upload_id": "bc"}), index=0)
    two = part_token(**(PART | {"account": "ab", "upload_id": "c"}), index=0)
    assert one != two


def test_a_token_holds_eighty_bits() -> None:
    """Sixteen base-32 characters tell a part from every other."""
    assert TOKEN_BYTES * 8 == 80
    assert len(TOKEN.removeprefix("bv-")) == 16


@given(label=st.text(max_size=200))
def test_the_token_is_found_in_every_name_made_with_it(label: str) -> None:
    """Whatever the label is, the name is short, plain, begins with the token and gives it back."""
    name = remote_name(TOKEN, label)
    assert token_in(name) == TOKEN
    assert len(name) <= NAME_CHARACTERS_MAX
    assert name.isascii()
    assert not set(name) & set(" /\\\"'\n,;")


@pytest.mark.parametrize(
    ("name", "token"),
    [
        (f"{TOKEN}-spring.csv", TOKEN),
        (f"{TOKEN}.csv", TOKEN),
        (f"copy of {TOKEN}", None),
        (TOKEN.upper(), None),
        (TOKEN[:-1], None),
        ("bv-0000000000000000", None),
        ("newsletter.csv", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_name_that_begins_with_a_whole_token_has_one(name: str | None, token: str | None) -> None:
    """A name of somebody else's job is not taken for ours."""
    assert token_in(name) == token


@given(token=TOKENS, others=st.sets(TOKENS), label=st.text(max_size=100), cut=st.integers(0, NAME_CHARACTERS_MAX))
def test_a_cut_name_is_recognised_by_fifty_bits_and_by_no_less(
    token: str, others: set[str], label: str, cut: int
) -> None:
    """Cut at every length, a name is recognised as long as ten base-32 characters of its token are left."""
    assume(not any(other[:CUT_TOKEN_CHARACTERS_MIN] == token[:CUT_TOKEN_CHARACTERS_MIN] for other in others))
    shown = remote_name(token, label)[:cut]
    expected = token if len(shown) >= CUT_TOKEN_CHARACTERS_MIN else None
    assert matching(shown, {token, *others}) == expected
    assert matching(shown, others) is None


def test_fifty_bits_are_ten_characters_and_the_prefix() -> None:
    """A character of a token is five bits, so ten of them are the fifty that tell jobs apart."""
    assert matching(TOKEN[:13], [TOKEN]) == TOKEN
    assert matching(TOKEN[:12], [TOKEN]) is None


@given(
    token=TOKENS,
    cut=st.integers(CUT_TOKEN_CHARACTERS_MIN, 19),
    folders=st.lists(st.text("abv-27 .", max_size=8)),
    separator=st.sampled_from("/\\"),
    ending=st.text(st.characters(exclude_characters="/\\"), max_size=20),
    upper=st.booleans(),
)
def test_what_a_provider_does_to_a_name_hides_no_token(
    *, token: str, cut: int, folders: list[str], separator: str, ending: str, upper: bool
) -> None:
    """Folders before a name, an ending after it and another case leave the token recognisable, whole or cut."""
    shown = separator.join([*folders, token[:cut]])
    assert matching((shown.upper() if upper else shown) + ending, [token]) == token


@given(start=st.text("abcdefghij234567", min_size=10, max_size=15), data=st.data())
def test_a_name_that_fits_several_tokens_is_given_to_none_of_them(start: str, data: st.DataObject) -> None:
    """Where the name was cut before tokens differ nobody can tell whose job it is; one character more, and one can."""
    rest = 16 - len(start)
    one, two = (f"bv-{start}{letter * rest}" for letter in data.draw(st.permutations(["x", "y", "z"]))[:2])
    assert matching(f"bv-{start}", [one, two]) is None
    assert matching(one[: len(start) + 4], [one, two]) == one
    assert matching(f"{two}-spring.csv", [one, two]) == two


@pytest.mark.parametrize("name", [f"copy of {TOKEN}", f"x{TOKEN}", f"{TOKEN}/newsletter.csv", "", None, "bv-"])
def test_a_name_that_does_not_begin_with_a_token_fits_none(name: str | None) -> None:
    """A job that only mentions a token, as somebody's copy of our file does, is not taken for ours."""
    assert matching(name, [TOKEN]) is None
