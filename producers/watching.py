"""A watch at work: one round after the other over a folder's files, each of which Redis and its place tell all about.

Nothing is remembered elsewhere. A file in the folder is still to be done; its upload id follows from its content, so a
watch that was stopped anywhere finds the same upload again, and no list is paid for twice.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from producers.errors import RecordUnreadable, RequestInvalid, SourceUnusable, Unavailable
from producers.watch import Next, Seen, Steady, is_complete, is_unfinished, next_step, observe
from producers.watch_events import Told, Why, Word
from producers.watch_folder import fault_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from producers.client import Client
    from producers.errors import Rejected
    from producers.records import Status
    from producers.request import UploadRequest
    from producers.uploading import Wish
    from producers.watch_folder import Folder

#: Complete files in hand at once: submitted, and not staged yet. The next ones wait for a place.
HELD_MAX = 100
#: Seconds for which an empty or unreadable file is tried again before it is rejected.
UNUSABLE_SECONDS = 60.0
#: Seconds after which a request that nobody has answered is sent again: the stream may have been lost.
ASK_AGAIN_SECONDS = 900.0

_NOTHING = Why()
_CHANGED = Why("changed", "It was written to or taken away before the workers had it; its upload may fail.")


class Stopped(Exception):
    """The watch was asked to end while it read a file."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the command line asks."""

    pattern: str
    settle_seconds: float
    period_seconds: float


@dataclass(slots=True)
class Held:
    """A complete file in hand, whose content has been read."""

    name: str
    seen: Seen
    request: UploadRequest
    #: When its request was put into the stream, by the watch's clock.
    asked_at: float | None = None
    refusal: Rejected | None = None

    @property
    def upload_id(self) -> str:
        """Id of its upload."""
        return str(self.request.upload_id)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that is complete and cannot be submitted."""

    seen: Seen
    since: float


@dataclass(slots=True)
class Watching:
    """A folder, and what this watch knows of its files."""

    client: Client
    folder: Folder
    wish: Wish
    rules: Rules
    tell: Callable[[Told], None]
    #: Files by name, as the newest look found them.
    files: dict[str, Steady] = field(default_factory=dict)
    #: Files that this watch has rejected.
    rejected: int = 0
    #: Whether Redis is away.
    away: bool = False
    _held: dict[str, Held] = field(default_factory=dict)
    _unusable: dict[str, Unusable] = field(default_factory=dict)
    #: Newest trouble told of each file, so that it is told once.
    _troubles: dict[str, str] = field(default_factory=dict)
    _refusals_since: str = "$"
    _stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, *, once: bool, timeout_seconds: float) -> tuple[str, ...]:
        """Watch until stopped; with `once`, until the files that the first look finds are dealt with or time is up.

        Names of those that are not dealt with.
        """
        deadline = time.monotonic() + timeout_seconds
        self.round(time.monotonic())
        first = dict.fromkeys(self._lists())
        while not self._stopping.is_set():
            left = tuple(name for name in first if name in self.files)
            if once and (not left or time.monotonic() >= deadline):
                return left
            self._stopping.wait(self.rules.period_seconds)
            self.round(time.monotonic())
        return ()

    def stop(self) -> None:
        """End after the step at hand."""
        self._stopping.set()

    def round(self, now: float) -> None:
        """Look at the folder once, and take every complete file one step further. `now` never goes back, seconds."""
        try:
            snapshot = self.folder.look(self.rules.pattern, self.files)
        except OSError as error:
            self._trouble("", f"{self.folder.path} cannot be read: {fault_of(error)}.")
            return
        self.files = observe(self.files, snapshot, now)
        self._let_go()
        try:
            self._hear()
            for name in self._complete(now):
                if self._stopping.is_set():
                    return
                self._advance(name, now)
            self._redis(None)
        except Unavailable as error:
            self._redis(error)
        except Stopped:
            return

    def _lists(self) -> Iterator[str]:
        return (name for name in self.files if not is_unfinished(name))

    def _complete(self, now: float) -> list[str]:
        """Names of the files to look after: those in hand, then the oldest of the others."""
        settle, period = self.rules.settle_seconds, self.rules.period_seconds
        complete = [
            name
            for name in self._lists()
            if is_complete(self.files[name], now, settle_seconds=settle, period_seconds=period)
        ]
        return sorted(complete, key=lambda name: (name not in self._held, self.files[name].seen.modified_ns, name))

    def _let_go(self) -> None:
        """Forget files that are not there any more, or not as they were."""
        for name, held in tuple(self._held.items()):
            if not self._still(name, held.seen):
                del self._held[name]
                if held.asked_at is not None:
                    self.tell(self._told(Word.CHANGED, held, why=_CHANGED))
        self._unusable = {name: each for name, each in self._unusable.items() if self._still(name, each.seen)}
        self._troubles = {name: each for name, each in self._troubles.items() if name in self.files}

    def _still(self, name: str, seen: Seen) -> bool:
        return name in self.files and self.files[name].seen == seen

    def _hear(self) -> None:
        """Learn what intake has refused since the last round."""
        refused, self._refusals_since = self.client.refusals(self._refusals_since)
        for held in self._held.values():
            if held.asked_at is not None:
                held.refusal = refused.get(held.upload_id, held.refusal)

    def _advance(self, name: str, now: float) -> None:
        """Take one complete file a step further. Raises `Unavailable`, `Stopped`."""
        held = self._held.get(name) or self._take(name, now)
        if held is None:
            return
        try:
            status = self.client.status(held.upload_id)
        except RecordUnreadable as error:
            self._trouble(name, str(error))
            return
        match next_step(status, held.refusal, asked=self._asked(held, now)):
            case Next.ASK:
                self.client.submit_request(held.request)
                held.asked_at = now
                self.tell(self._told(Word.SUBMITTED, held))
            case Next.FINISH:
                self._finish(held, status)
            case Next.REJECT if held.refusal is not None:
                self._reject(held, Why.of_error(held.refusal))
            case Next.REJECT if status is not None:
                self._reject(held, Why.of_status(status), status)
            case _:
                pass

    def _asked(self, held: Held, now: float) -> bool:
        """Whether a request for this content is under way, be it for another file that holds the same."""
        return any(
            other.asked_at is not None and now - other.asked_at < ASK_AGAIN_SECONDS
            for other in self._held.values()
            if other.upload_id == held.upload_id
        )

    def _take(self, name: str, now: float) -> Held | None:
        """Read a file's content and take it in hand, if there is room for it and it can be used."""
        seen = self.files[name].seen
        if len(self._held) >= HELD_MAX:
            return None
        try:
            request = self.client.request(
                self.folder.path / name,
                account=self.wish.account,
                kind=self.wish.kind,
                options=self.wish.options,
                method=self.wish.method,
                segments=self.wish.segments,
                result=self.wish.result,
                screen=self.wish.screen,
                format=self.wish.format,
                spreadsheet_safe=self.wish.spreadsheet_safe,
                label=self.wish.label,
                on_bytes=lambda _: self._go_on(),
            )
        except SourceUnusable as error:
            self._cannot_use(name, seen, error, now)
            return None
        except RequestInvalid as error:
            self._move_out(Told(time.time(), Word.REJECTED, name, why=Why.of_error(error)), seen)
            return None
        if self.folder.seen(name) != seen:
            return None
        return self._held.setdefault(name, Held(name, seen, request))

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise Stopped

    def _cannot_use(self, name: str, seen: Seen, error: SourceUnusable, now: float) -> None:
        """Tell of an unusable file, and reject it when it stays so."""
        if self.folder.seen(name) != seen:
            return
        since = self._unusable.setdefault(name, Unusable(seen, now)).since
        if now - since >= UNUSABLE_SECONDS:
            self._move_out(Told(time.time(), Word.REJECTED, name, why=Why.of_error(error)), seen)
        else:
            self._trouble(name, f"{error.message} It is tried again for {UNUSABLE_SECONDS:.0f} s, then rejected.")

    def _finish(self, held: Held, status: Status | None) -> None:
        try:
            moved_to = self.folder.finish(held.name, held.seen)
        except OSError as error:
            self._trouble(held.name, f"{held.name} cannot be moved to {self.folder.done}: {fault_of(error)}.")
            return
        if moved_to is not None:
            self._forget(held.name)
            self.tell(replace(self._told(Word.DONE, held, status), moved_to=moved_to))

    def _reject(self, held: Held, why: Why, status: Status | None = None) -> None:
        self._move_out(self._told(Word.REJECTED, held, status, why), held.seen)

    def _move_out(self, told: Told, seen: Seen) -> None:
        """Move a file to `rejected/` and tell why."""
        try:
            moved_to = self.folder.reject(told.file, seen, told.as_reason())
        except OSError as error:
            self._trouble(told.file, f"{told.file} cannot be moved to {self.folder.rejected}: {fault_of(error)}.")
            return
        if moved_to is not None:
            self.rejected += 1
            self._forget(told.file)
            self.tell(replace(told, moved_to=moved_to))

    def _forget(self, name: str) -> None:
        self._held.pop(name, None)
        self.files.pop(name, None)

    def _redis(self, error: Unavailable | None) -> None:
        """Tell when Redis goes away, and when it is back."""
        if error is not None and not self.away:
            self.tell(Told(time.time(), Word.REDIS_AWAY, why=Why.of_error(error)))
        if error is None and self.away:
            self.tell(Told(time.time(), Word.REDIS_BACK))
        self.away = error is not None

    def _trouble(self, name: str, message: str) -> None:
        """Tell of something that keeps a file, or the folder, where it is; the same thing once."""
        if self._troubles.get(name) != message:
            self._troubles[name] = message
            self.tell(Told(time.time(), Word.PROBLEM, name, why=Why(message=message)))

    def _told(self, word: Word, held: Held, status: Status | None = None, why: Why = _NOTHING) -> Told:
        known = status is not None and held.asked_at is None
        return Told(time.time(), word, held.name, held.upload_id, status.state if status else "", known, why)
