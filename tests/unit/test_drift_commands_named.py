"""The commands that findings name are there, and so are their options."""

from __future__ import annotations

import shlex

import click
import pytest

from tests.builders.drift_cases import FOUND
from worker.cli.finding_words import commands_of, finding_document, what
from worker.cli.main import bulkverify
from worker.core.drift.classes import DriftClass
from worker.core.drift.evaluate import evaluate


@pytest.mark.parametrize("drift", DriftClass)
def test_a_command_that_is_named_can_be_given(drift: DriftClass) -> None:
    """Its name and every option of it are those of the program."""
    finding = evaluate(FOUND[drift][0]).findings[0].model_copy(update={"times": 2})
    assert finding_document(finding, finding.first_seen_at + 1.0)["commands"] == commands_of(finding)
    assert what(finding).endswith(finding.subject)
    context = click.Context(bulkverify, info_name="bulkverify")
    for line in commands_of(finding):
        _, name, *arguments = shlex.split(line)
        command = bulkverify.get_command(context, name)
        assert command is not None, line
        known = {option for parameter in command.params for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= known, line
