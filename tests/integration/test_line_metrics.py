"""What the line counts and times of one list on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.line import running_line
from worker.core.states import UploadState
from worker.metric_families import PREFIX
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.line import Line

LIST = "email\nann@example.com\nbob@example.com\n"
AT = {"provider": "whoisxml", "account": "whoisxml-main"}
STAGES = ("prepare", "queued", "submit", "remote", "collect", "upload")


def value(line: Line, name: str, **labels: str) -> float | None:
    """One sample of the line's process."""
    return line.plant.context.metrics.registry.get_sample_value(PREFIX + name, AT | labels)


def test_each_stage_is_timed_once_and_each_download_counted(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A list whose first download fails: every stage has one duration, and both downloads are counted by outcome."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.whoisxml.knobs.faults.append(Fault(operation="completed", kind="http_500", times=1))
        line.submit(line.file("list.csv", LIST), "whoisxml-main", upload_id="list")
        line.finish("list")
        assert line.upload("list").state is UploadState.COMPLETED
        for stage in STAGES:
            assert value(line, "stage_duration_seconds_count", kind="email", stage=stage) == 1, stage
        assert value(line, "downloads_total", outcome="unavailable") == 1
        assert value(line, "downloads_total", outcome="verified") == 1
        assert value(line, "downloads_total", outcome="mismatch") == 0
        assert (value(line, "result_bytes_total") or 0) > len(LIST)
        assert value(line, "completion_lag_seconds_count") == 1
