"""The runbook has a section for each alert, and everything in it leads somewhere."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from tests.builders.runbook.page import FIRST_LOOK, PAGE, PARTS, ROOT, Command, commands, runbook, unlike
from tests.builders.runbook.states.table import STATES
from worker.alerting.files import ALERTS, Links
from worker.cli.main import bulkverify
from worker.core.drift.classes import DriftClass, Severity
from worker.core.drift.rules import RULES, runbook_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.runbook.page import Section
    from worker.alerting.rule import Alert

TEXT = PAGE.read_text(encoding="utf-8")
RUNBOOK = runbook()
#: Words that a section has, at least: what is shorter says nothing to whoever is called at night.
WORDS_MIN = 100


def anchor(heading: str) -> str:
    """Where a heading is found on its page."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """All of a page."""
    return {anchor(heading) for heading in re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))}


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    """In the order of the alerts, each once, with nothing between them."""
    assert list(RUNBOOK.sections) == [alert.name for alert in ALERTS]
    assert re.findall(r"(?m)^## (.+)$", TEXT) == ["How to use it", *RUNBOOK.sections]


@pytest.mark.parametrize("section", RUNBOOK.sections.values(), ids=RUNBOOK.sections)
def test_a_section_is_whole(section: Section) -> None:
    """It has the five parts, says something in each, and has a command for the first look."""
    assert tuple(section.parts) == PARTS
    assert all(text.strip() for text in section.parts.values())
    assert section.commands(FIRST_LOOK)
    assert len(section.text.split()) >= WORDS_MIN


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_leads_to_its_section(alert: Alert) -> None:
    """The link of the rule is the address of the heading."""
    page, _, place = Links().of(alert)["runbook_url"].partition("#")
    assert page.endswith(f"docs/{PAGE.name}")
    assert place in anchors(PAGE)


def test_every_alert_has_a_state_in_which_its_section_is_tried() -> None:
    """No section's commands are left out, and no state is left over."""
    assert set(STATES) == set(RUNBOOK.sections)


@pytest.mark.parametrize("found", DriftClass)
def test_a_class_of_drift_has_its_place(found: DriftClass) -> None:
    """Its page has its section, and the runbook leads to that of each class that calls somebody."""
    page, _, place = runbook_of(found).partition("#")
    assert place in anchors(ROOT / page)
    assert RULES[found].severity is Severity.INFO or f"](drift.md#{found})" in TEXT


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT))))
def test_a_link_resolves(link: str) -> None:
    """The file is there, and in it the heading."""
    path, _, place = link.partition("#")
    target = (PAGE.parent / path).resolve() if path else PAGE
    assert target.exists()
    assert not place or place in anchors(target)


def named() -> list[str]:
    """Every command of this program that the page names, typed or in a sentence."""
    lines = [command.line for command in commands(TEXT)] + re.findall(r"`([^`\n]+)`", TEXT)
    return sorted({line for line in lines if line.startswith("bulkverify ")})


@pytest.mark.parametrize("line", named())
def test_a_command_that_is_named_is_there(line: str) -> None:
    """Its name and every option of it are those of the program."""
    context, words = click.Context(bulkverify, info_name="bulkverify"), shlex.split(line, comments=True)[1:]
    command: click.Command | None = bulkverify
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_what_stands_below_a_command_is_compared_with_its_output() -> None:
    """Blanks do not count, `…` is anything, and a line that is not printed is told."""
    output = "account   credits\nmain         10\n"
    assert unlike(("account credits", "main …"), output) == []
    assert unlike(("main 11", "account"), output) == ["main 11", "account"]


def test_a_block_is_read_as_it_is_typed() -> None:
    """Each line after a `$` is a command with the lines below it, and the comment beside it tells its exit codes."""
    first, second = commands("```console\n$ a b  # ends with 2 or 28: so\nc\n…\n$ d\n```\n")
    assert first == Command("a b  # ends with 2 or 28: so", ("c", "…"))
    assert (first.exit_codes, second.exit_codes) == (frozenset({2, 28}), frozenset({0}))
    assert second.prints == ()
