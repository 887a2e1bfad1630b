"""What `bulkverify up` prints about its processes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from worker.cli.process_output import ConsoleOutput, JsonOutput, sentence
from worker.host.installation import emptied_metrics_folder
from worker.host.supervisor import ProcessEvent

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ProcessEvent("worker.1", "started", 5), "worker.1 (process 5) started"),
        (ProcessEvent("worker.1", "ended", 5, 1), "worker.1 (process 5) ended with exit code 1"),
        (ProcessEvent("worker.1", "ended", 5, -9), "worker.1 (process 5) was ended by signal 9"),
        (ProcessEvent("worker.1", "restarting", 5, -9, 0.5), "worker.1 starts again in 0.5 s"),
    ],
)
def test_events_are_sentences(event: ProcessEvent, text: str) -> None:
    """People read what happened to which process, and what happens next."""
    assert sentence(event) == text


def test_console_lines_name_their_process(capsys: pytest.CaptureFixture[str]) -> None:
    """On a console every line begins with its process's name, all in one column, without colours in a file."""
    output = ConsoleOutput(["intake.1", "worker.1"])
    output.line("intake.1", "hello")
    output.event(ProcessEvent("worker.1", "gave_up", 5, 1))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "intake.1   | hello"
    assert second.startswith("supervisor | worker.1 ended too often")


def test_json_lines_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON a process's line is untouched and an event is one object without empty fields."""
    output = JsonOutput()
    output.line("worker.1", '{"event": "x"}')
    output.event(ProcessEvent("worker.1", "ended", 5, -9))
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == {"event": "x"}
    del second["timestamp"]
    assert second == {"level": "info", "event": "process_ended", "process": "worker.1", "pid": 5, "exit_code": -9}


def test_only_metrics_are_removed(tmp_path: Path) -> None:
    """Emptying the metrics folder removes the metrics of earlier processes and nothing that somebody else put there."""
    (tmp_path / "counter_17.db").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in emptied_metrics_folder(tmp_path).iterdir()] == ["notes.txt"]
