"""Logging: one chain for this program's events, for every library's messages, for warnings and for uncaught exceptions.

The order is what keeps keys out: exceptions become text first, then the whole event is redacted, then it is rendered,
and the rendered line is redacted once more, whatever rendering may have put together.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from typing import TYPE_CHECKING, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter

from config.redaction import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

#: Libraries whose messages below `warning` would repeat URLs, commands and payloads.
QUIET_LIBRARIES = ("urllib3", "requests", "redis")

#: The event under which a library's own words are logged; they stand in `message`, the library's logger in `logger`.
LIBRARY_EVENT = "library_message"

#: What is written in the place of an event that cannot be rendered. Nothing of that event is in it.
UNRENDERABLE = '{"event": "log_event_unrenderable", "level": "error"}\n'

log = structlog.get_logger()


def configure_logging(
    log_format: Literal["console", "json"],
    level: Literal["debug", "info", "warning", "error"],
    *,
    sink: str = "log",
    on_event: Callable[[str, str], None] | None = None,
) -> None:
    """Write everything that is logged in this process to standard error, one event after the other.

    `sink` is what the redactor's hook hears when something was masked. `on_event(event, level)` counts: this program's
    events by name, libraries' messages by the library's name; it must not log. May be called again.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    handler = _Handler()
    handler.setFormatter(ProcessorFormatter(processors=_chain(log_format, sink, on_event)))
    logging.basicConfig(handlers=[handler], level=least, force=True)
    for library in QUIET_LIBRARIES:
        logger = logging.getLogger(library)
        logger.setLevel(max(logger.level, least, logging.WARNING))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(least),
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_thread_death
    sys.unraisablehook = _log_unraisable


@contextlib.contextmanager
def only_warnings() -> Iterator[None]:
    """Within it, what this program's parts log is written to standard error from warnings on; for a command.

    A process that has configured its logging keeps it.
    """
    if structlog.is_configured():
        yield
        return
    redact = _Redact("command")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            redact,
            _renderer("console"),
            redact,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.reset_defaults()


def _chain(log_format: str, sink: str, on_event: Callable[[str, str], None] | None) -> list[Processor]:
    """From a record to a line. The bound ids are merged here, in the thread that logs."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_library,
        _Count(on_event),
        ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _Redact(sink),
        _renderer(log_format),
        _Redact(sink),
    ]


def _renderer(log_format: str) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer()
    # By the time it renders, exceptions are redacted text; it must not look at them once more.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
    )


class _Redact:
    """Mask what is secret: in an event before it is rendered, or in the line after."""

    def __init__(self, sink: str) -> None:
        self._sink = sink

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        clean: EventDict = redactor.redact_value(event, sink=self._sink)
        return clean


class _Count:
    """Tell the hook of every event, by a name of which there are few."""

    def __init__(self, on_event: Callable[[str, str], None] | None) -> None:
        self._on_event = on_event

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if self._on_event is not None:
            name = event["event"] if event["_from_structlog"] else event["logger"].partition(".")[0]
            self._on_event(name, event["level"])
        return event


def _name_library(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if not event["_from_structlog"]:
        event.update(event=LIBRARY_EVENT, logger=event["_record"].name, message=event["event"])
    return event


class _Handler(logging.StreamHandler[TextIO]):
    """Standard error. Where logging itself fails, the standard handler would print the raw event; this one does not."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Say that an event was lost, and nothing of what it held."""
        del record
        # A closed standard error leaves nobody to tell.
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(UNRENDERABLE)
            self.flush()


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        log.info("interrupted")
        return
    log.critical("uncaught_exception", exc_info=(kind, error, traceback))


def _log_thread_death(death: threading.ExceptHookArgs) -> None:
    if death.exc_type is SystemExit or death.exc_value is None:
        return
    name = death.thread.name if death.thread else "unknown"
    log.critical("thread_died", thread=name, exc_info=(death.exc_type, death.exc_value, death.exc_traceback))


def _log_unraisable(failure: sys.UnraisableHookArgs) -> None:
    if failure.exc_value is not None:
        log.error("unraisable_exception", exc_info=(failure.exc_type, failure.exc_value, failure.exc_traceback))
