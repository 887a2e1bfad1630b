"""What is nearly enough for an alert, on a real installation: nobody is called for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.observed.near_misses import NEAR_MISSES
from tests.builders.observed.shortened import NEAR_AGES, NEAR_WAITS
from tests.builders.observed.site import an_observed_site
from tests.builders.promtool import needs_prometheus

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240), needs_prometheus]


def test_what_is_nearly_enough_calls_nobody(tmp_path: Path) -> None:
    """Every near miss, one after the other: no alert fires, neither its own nor another, at any time."""
    with an_observed_site(tmp_path, NEAR_AGES, NEAR_WAITS) as site:
        account = "doubt-ipqs"
        site.records.wait_for_uploads("completed", site.submit("control", account))
        site.prometheus.nobody_was_called()
        for nearly in dict.fromkeys(NEAR_MISSES.values()):
            nearly(site)
            assert site.prometheus.names_fired() == set(), nearly.__name__
        site.prometheus.wait_for_evaluations()
        assert site.prometheus.names_fired() == set()
