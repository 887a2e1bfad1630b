"""The recorded series, as promtool evaluates them: what each is worth, and where it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.alert_cases.scene import MAIN, lasting, promtool_series, scraped
from tests.builders.promtool import needs_promtool, promtool_tests
from worker.alerting.files import RECORDING_FILE, recording_rules
from worker.alerting.recordings import (
    ERROR_WINDOWS,
    ERRORS,
    LATE_COUNT_WINDOWS,
    LATE_WINDOWS,
    RECORDINGS,
    STUCK_AFTER,
    THROTTLED,
    error_ratio,
    late_ratio,
    late_results,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: A quarter of all results is late, of four a minute.
LAG = {
    scraped("completion_lag_seconds_count", **MAIN): lasting((0, 11, 4)),
    scraped("completion_lag_seconds_bucket", le="1200.0", **MAIN): lasting((0, 11, 3)),
}
#: Of twenty calls a minute one fails by its status, and one by what a good status brings.
CALLS = {
    scraped("http_requests_total", operation="list", code_class="2xx", **MAIN): lasting((0, 11, 19)),
    scraped("http_requests_total", operation="list", code_class="timeout", **MAIN): lasting((0, 11, 1)),
    scraped("provider_soft_errors_total", operation="list", reason="success_false", **MAIN): lasting((0, 11, 1)),
}
PAUSES = {
    scraped("account_paused", what="calls", reason="throttled", **MAIN): lasting((1, 11)),
    scraped("account_paused", what="spending", reason="", **MAIN): lasting((0, 11)),
    scraped("account_paused", what="calls", reason="malformed", provider="ipqs", account="other"): lasting((1, 11)),
}
#: All jobs took between four and eight hours: 99% up to 7.96, three times which is nearly a day.
STAGES = {
    scraped("stage_duration_seconds_bucket", kind="email", stage="remote", le="14400.0", **MAIN): lasting((0, 11)),
    scraped("stage_duration_seconds_bucket", kind="email", stage="remote", le="28800.0", **MAIN): lasting((0, 11, 1)),
    scraped("stage_duration_seconds_bucket", kind="email", stage="remote", le="+Inf", **MAIN): lasting((0, 11, 1)),
    scraped("active_jobs", **MAIN): lasting((1, 11)),
}
OTHER = {"provider": "ipqs", "account": "other"}
#: By recorded series: what is scraped, and the values that it has at minute 10, by further labels.
EXPECTED: dict[str, tuple[Mapping[str, str], list[tuple[Mapping[str, str], float]]]] = {
    **{late_ratio(window): (LAG, [(MAIN, 0.25)]) for window in LATE_WINDOWS},
    **{late_results(window): (LAG, [(MAIN, 10)]) for window in LATE_COUNT_WINDOWS},
    **{error_ratio(window): (CALLS, [(MAIN, 0.1)]) for window in ERROR_WINDOWS},
    ERRORS: (CALLS, [(MAIN, 20)]),
    THROTTLED: (PAUSES, [(MAIN, 1), (OTHER, 0)]),
    STUCK_AFTER: (STAGES, [({"record": "part", **MAIN}, 85_968), ({"record": "upload", **MAIN}, 21_600)]),
}


def rounded(series: str) -> dict[str, Any]:
    """A promtool query of a recorded series at minute 10, to a thousandth: rates are computed in floating point."""
    return {"eval_time": "10m", "expr": f"round({series}, 0.001)"}


@needs_promtool
@pytest.mark.parametrize("name", [recording.name for recording in RECORDINGS])
def test_a_recorded_series_is_worth_what_it_says(tmp_path: Path, name: str) -> None:
    """Each has the value that its inputs give, by job and account, and none where nothing is scraped."""
    scraped_series, values = EXPECTED[name]
    samples = [{"labels": promtool_series("", job="bulkverify", **labels), "value": value} for labels, value in values]
    test = {
        "interval": "1m",
        "input_series": [{"series": series, "values": text} for series, text in scraped_series.items()],
        "promql_expr_test": [{**rounded(name), "exp_samples": samples}],
    }
    nothing = {"interval": "1m", "input_series": [], "promql_expr_test": [{**rounded(name), "exp_samples": []}]}
    rules = {RECORDING_FILE: recording_rules([rule for rule in RECORDINGS if rule.name == name])}
    assert not promtool_tests(tmp_path, rules, test, nothing)
