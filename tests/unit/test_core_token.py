"""The token: the same on every attempt, different for every part, and recognised in the names that providers show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.token import NAME_CHARACTERS_MAX, TOKEN_BYTES, part_token, remote_name, token_in

PART = {"installation_id": "one", "account": "main", "upload_id": "list-1", "kind": "email", "digest": "d" * 64}
TOKEN = part_token(**PART, index=0)


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
