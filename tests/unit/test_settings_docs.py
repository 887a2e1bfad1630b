"""The settings' documentation: complete, correct, and the page in `docs/` is what the program prints."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import pytest

from config.environment import variable_of
from config.fields import bounds_of, default_of, doc_of, example_of
from config.settings import GROUPS, Settings
from config.settings_docs import markdown

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_field_is_documented(field: str) -> None:
    """Meaning, unit, example and default of each field can be shown, and numbers have bounds."""
    info = Settings.model_fields[field]
    assert doc_of(info).meaning
    assert doc_of(info).unit
    assert example_of(info)
    assert default_of(info)
    if info.annotation in {int, float}:
        assert "at most" in bounds_of(info)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_example_is_accepted(field: str) -> None:
    """What an error suggests works."""
    variable = variable_of(field)
    example = example_of(Settings.model_fields[field])
    environ = {variable: example} | ({"BULKVERIFY_REDIS_URL": "redis://other"} if field == "broker_url" else {})
    assert field in Settings.load(environ).model_fields_set


def test_every_group_is_part_of_the_settings() -> None:
    """The documentation leaves no field out."""
    grouped = [name for group in GROUPS for name in group.model_fields]
    assert grouped == list(Settings.model_fields)


def test_the_settings_page_is_what_the_program_prints() -> None:
    """`docs/settings.md` is generated: write it anew with `bulkverify config docs > docs/settings.md`."""
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert "".join(unified_diff(page.splitlines(keepends=True), markdown().splitlines(keepends=True))) == ""
