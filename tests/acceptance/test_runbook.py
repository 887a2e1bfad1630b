"""Each command of the runbook, typed on a real installation in the state of which its alert tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.runbook.desk import a_desk
from tests.builders.runbook.page import FIRST_LOOK, PARTS, commands, runbook
from tests.builders.runbook.states.table import STATES
from worker.alerting import money, provider, reconciling, results, running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.builders.runbook.desk import Desk
    from worker.alerting.rule import Alert

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

PAGE = runbook()
AFTERWARDS = tuple(part for part in PARTS if part != FIRST_LOOK)
#: Alerts that share an installation.
GROUPS = {module.__name__: module.ALERTS for module in (results, money, provider, reconciling, running)}


def follow(desk: Desk, alert: Alert) -> Iterator[str]:
    """Bring the alert's state about and do all that its section says, in its order; what is not as it says."""
    section = PAGE.sections[alert.name]
    with STATES[alert.name](desk) as state:
        for command in section.commands(FIRST_LOOK):
            yield desk.type(command, state.names)
        state.mend()
        for command in section.commands(*AFTERWARDS):
            yield desk.type(command, state.names)


@pytest.mark.parametrize("alerts", GROUPS.values(), ids=GROUPS)
def test_every_command_of_the_runbook_can_be_typed(tmp_path: Path, alerts: Iterable[Alert]) -> None:
    """It ends with what the page says, prints what the page says, and shows no traceback."""
    with a_desk(tmp_path) as desk:
        wrong = [desk.type(command, {}) for command in commands(PAGE.start)]
        wrong += [f"{alert.name}: {told}" for alert in alerts for told in follow(desk, alert) if told]
        assert not any(wrong), "\n".join(wrong)
