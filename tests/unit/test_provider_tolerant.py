"""Values that are written in more than one way."""

from __future__ import annotations

import pytest

from worker.providers.tolerant import LEVELS_MAX, as_bool, as_int, as_remote_id, as_text, nested_too_deeply


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (True, True),
        ("true", True),
        (" TRUE ", True),
        (1, True),
        ("1", True),
        (False, False),
        ("false", False),
        (0, False),
        ("0", False),
        (None, None),
        ("null", None),
        ("", None),
        ("maybe", None),
        (2, None),
        ([], None),
    ],
)
def test_booleans(value: object, meant: bool | None) -> None:
    """Every documented spelling of yes and no is read; everything else is neither."""
    assert as_bool(value) is meant


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (5, 5),
        ("5", 5),
        (" 5 ", 5),
        ("-5", -5),
        ("007", 7),
        (5.0, 5),
        (5.5, None),
        (float("inf"), None),
        (True, None),
        (None, None),
        ("5x", None),
        ("", None),
        ("-", None),
        ("²", None),
        ("\N{ARABIC-INDIC DIGIT FIVE}", None),
        ("9" * 19, None),
        (10**18 - 1, 10**18 - 1),
        (10**18, None),
        (-(10**400), None),
        (1e300, None),
        ([5], None),
    ],
)
def test_whole_numbers(value: object, meant: int | None) -> None:
    """Numbers and strings of digits are read; what is no whole number is none."""
    assert as_int(value) == meant


def test_remote_ids_have_one_spelling() -> None:
    """The same id in any spelling is the same text, and nothing negative is an id."""
    assert {as_remote_id(value) for value in (12, "12", "012", 12.0)} == {"12"}
    assert as_remote_id(-1) is None


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("as it is", "as it is"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        (["mx1", "mx2"], "mx1 mx2"),
        ({"a": "ä"}, '{"a": "ä"}'),
        ("a\ud800b", "a\ufffdb"),
        ({"\udfff": ["\ud83d\ude00"]}, '{"\ufffd": ["\N{GRINNING FACE}"]}'),
    ],
)
def test_cells(value: object, cell: str) -> None:
    """JSON values become the text that the documentation shows for them."""
    assert as_text(value) == cell


def test_levels_are_counted() -> None:
    """Lists and objects in one another are taken up to a limit, and an empty one at its end counts."""
    value: object = []
    for level in range(2, LEVELS_MAX + 1):
        value = [value] if level % 2 else {"a": value, "b": 1}
    assert not nested_too_deeply(value)
    assert nested_too_deeply([value, 2])
