"""Logging: what reaches standard error of a process, in the order rendered exception, redaction, line."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

#: A registered secret; it is in most events of these tests and may be in no line.
CANARY = "CANARY0key0of0the0logging0tests"

#: What every script begins with. `KEY` is known to the redactor, `told` is what the hooks heard.
PREAMBLE = f"""
import gc, json, logging, sys, threading, warnings
import structlog
from pydantic import SecretStr
from config.logs import configure_logging
from config.redaction import redactor

KEY = "{CANARY}"
redactor.register(SecretStr(KEY))
told = []
redactor.on_redaction(lambda sink: told.append(["redaction", sink]))
configure_logging(*sys.argv[1:], on_event=lambda event, level: told.append([event, level]))
log = structlog.get_logger()
"""


def run(script: str, log_format: str = "json", level: str = "info") -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own; whatever it wrote, the secret is not in it."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(script), log_format, level],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert CANARY not in done.stdout + done.stderr
    return done


def events(script: str, level: str = "info") -> list[dict[str, Any]]:
    """The events that a script logs as JSON, one per line."""
    return [json.loads(line) for line in run(script, level=level).stderr.splitlines()]


def test_an_event_is_one_json_line_with_its_bound_ids_and_the_time_in_utc() -> None:
    """What a log collector needs to find everything about one upload."""
    (event,) = events("""
        structlog.contextvars.bind_contextvars(upload_id="u-1")
        log.info("part_submitted", part=3)
    """)
    at = datetime.fromisoformat(event.pop("timestamp"))
    assert event == {"event": "part_submitted", "level": "info", "upload_id": "u-1", "part": 3}
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)


def test_a_secret_is_masked_wherever_in_an_event_it_is() -> None:
    """In the name, in values at any depth, in objects that only rendering turns into text."""
    (event,) = events("""
        class Holder:
            def __repr__(self):
                return f"<Holder {KEY}>"
        deep = {"a": [KEY.encode(), {KEY}]}
        log.info(KEY, url=f"https://x/?key={KEY}", deep=deep, error=ValueError(KEY), holder=Holder())
    """)
    assert event["event"] == "[redacted]"
    assert event["url"] == "https://x/?key=[redacted]"
    assert event["error"] == "ValueError('[redacted]')"
    assert event["holder"] == "<Holder [redacted]>"


def test_a_secret_that_only_rendering_puts_together_is_masked_in_the_line() -> None:
    """The line itself goes through the redactor once more."""
    (event,) = events("""
        class Sly:
            def __repr__(self):
                return "harmless"
            def __structlog__(self):
                return {"apiKey": KEY}
        log.info("rendered", sly=Sly())
    """)
    assert event["sly"] == {"apiKey": "[redacted]"}


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_exceptions_become_text_before_redaction(log_format: str) -> None:
    """A traceback is readable, with its cause, and without the key that both messages held."""
    text = run(
        """
        try:
            try:
                raise ValueError("inner " + KEY)
            except ValueError as error:
                raise RuntimeError("outer " + KEY) from error
        except RuntimeError:
            log.exception("step_crashed")
        """,
        log_format,
    ).stderr
    assert "step_crashed" in text
    assert "ValueError: inner [redacted]" in text
    assert "RuntimeError: outer [redacted]" in text
    assert "direct cause" in text


def test_libraries_go_through_the_same_chain() -> None:
    """Messages and tracebacks of the standard logging become events with the same fields."""
    one, other = events("""
        structlog.contextvars.bind_contextvars(upload_id="u-1")
        logging.getLogger("dramatiq.worker").info("Failed %s", KEY)
        try:
            raise ValueError(KEY)
        except ValueError:
            logging.getLogger("dramatiq").exception("crash")
    """)
    del one["timestamp"]
    assert one == {
        "event": "library_message",
        "level": "info",
        "logger": "dramatiq.worker",
        "message": "Failed [redacted]",
        "upload_id": "u-1",
    }
    assert other["exception"].endswith("ValueError: [redacted]")


def test_libraries_that_would_log_urls_are_quiet() -> None:
    """Even at `debug`, the HTTP and Redis libraries say nothing below `warning`."""
    found = events(
        """
        for name in ("urllib3.connectionpool", "requests", "redis.connection", "dramatiq"):
            logging.getLogger(name).debug("detail")
        logging.getLogger("urllib3.connectionpool").warning("retrying")
        """,
        level="debug",
    )
    assert [(event["logger"], event["message"]) for event in found] == [
        ("dramatiq", "detail"),
        ("urllib3.connectionpool", "retrying"),
    ]


def test_a_library_that_was_silenced_stays_silent() -> None:
    """Configuring never makes a library louder than whoever uses it allowed."""
    assert (
        events("""
            logging.getLogger("urllib3").setLevel(logging.CRITICAL)
            configure_logging("json", "debug")
            logging.getLogger("urllib3.connectionpool").warning("retrying")
        """)
        == []
    )


def test_the_level_is_the_least_severe_event_that_is_written() -> None:
    """For this program's events and for libraries alike."""
    found = events(
        """
        log.info("no")
        log.warning("yes")
        logging.getLogger("dramatiq").info("no")
        logging.getLogger("dramatiq").error("yes")
        """,
        level="warning",
    )
    assert [event["level"] for event in found] == ["warning", "error"]


def test_an_uncaught_exception_is_an_event() -> None:
    """The interpreter's own traceback, which knows no redaction, is never printed."""
    done = run('raise RuntimeError("end " + KEY)')
    assert done.returncode == 1
    (event,) = map(json.loads, done.stderr.splitlines())
    assert (event["event"], event["level"]) == ("uncaught_exception", "critical")
    assert event["exception"].endswith("RuntimeError: end [redacted]")


def test_the_death_of_a_thread_is_an_event() -> None:
    """It names the thread, whose traceback would go to standard error otherwise."""
    (event,) = events("""
        def work():
            raise RuntimeError(KEY)
        thread = threading.Thread(target=work, name="timekeeper")
        thread.start()
        thread.join()
    """)
    assert (event["event"], event["thread"]) == ("thread_died", "timekeeper")
    assert event["exception"].endswith("RuntimeError: [redacted]")


def test_a_thread_that_ends_by_system_exit_is_no_event() -> None:
    """As the interpreter itself treats it."""
    assert (
        events("""
            thread = threading.Thread(target=sys.exit)
            thread.start()
            thread.join()
        """)
        == []
    )


def test_an_exception_in_a_finaliser_is_an_event() -> None:
    """Python prints these itself, with their text, unless it is told otherwise."""
    (event,) = events("""
        class Fragile:
            def __del__(self):
                raise RuntimeError(KEY)
        Fragile()
        gc.collect()
    """)
    assert event["event"] == "unraisable_exception"
    assert event["exception"].endswith("RuntimeError: [redacted]")


def test_an_interrupt_is_not_a_crash() -> None:
    """Ctrl-C leaves one event without a traceback."""
    (event,) = events("raise KeyboardInterrupt")
    assert event["event"] == "interrupted"
    assert "exception" not in event


def test_warnings_are_events() -> None:
    """What a library warns of goes where everything goes."""
    (event,) = events('warnings.warn("old " + KEY, stacklevel=1)')
    assert (event["logger"], event["level"]) == ("py.warnings", "warning")
    assert "old [redacted]" in event["message"]


@pytest.mark.parametrize(
    "broken",
    [
        'logging.getLogger("dramatiq").warning("%d", KEY)',
        'log.info("unrenderable", value={(1, KEY): object()})',
        'log.info("unrenderable", value=Broken())',
    ],
)
def test_an_event_that_cannot_be_rendered_gives_nothing_away(broken: str) -> None:
    """The standard handler would print the raw arguments; here a line says that an event was lost."""
    (event,) = events(f"""
        class Broken:
            def __repr__(self):
                raise ValueError(KEY)
        {broken}
    """)
    assert event == {"event": "log_event_unrenderable", "level": "error"}


def test_hooks_hear_of_every_event_and_of_what_was_masked() -> None:
    """Events are counted by name, libraries by their own name, redactions by sink."""
    done = run("""
        log.info("part_submitted")
        log.debug("not_written")
        logging.getLogger("dramatiq.worker").warning("free text with a number 3")
        log.error("step_crashed", detail=KEY)
        print(json.dumps(told))
    """)
    assert json.loads(done.stdout) == [
        ["part_submitted", "info"],
        ["dramatiq", "warning"],
        ["step_crashed", "error"],
        ["redaction", "log"],
    ]


def test_the_console_format_is_a_readable_line() -> None:
    """For people: time, level, event, then the fields; no colours where there is no terminal."""
    text = run('log.warning("part_held", part=3, reason="throttled")', "console").stderr
    assert "[warning  ] part_held" in text
    assert text.endswith("part=3 reason=throttled\n")
    assert "\x1b" not in text


def test_configuring_again_replaces_what_was_there() -> None:
    """A launcher may have set up logging before; each event is still written once."""
    found = events("""
        logging.basicConfig()
        configure_logging("json", "info")
        configure_logging("json", "info")
        log.info("once")
    """)
    assert [event["event"] for event in found] == ["once"]
