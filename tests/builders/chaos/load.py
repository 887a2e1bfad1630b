"""An application that never stops asking: short lists, one after the other, and again those that nobody knows."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING

from producers.client import Client
from producers.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.builders.chaos.redis_server import ChaosRedis

#: Rows of a part at most.
PART_ROWS = 10
#: Values of a list of one part, and of a list of three.
SHORT_VALUES, LONG_VALUES = 4, 25
#: Seconds after which an application asks again for an upload of which there is no record.
ASK_AGAIN_SECONDS = 2.0
#: Seconds between two looks at all open uploads, and between two looks at whatever is waited for.
LOOK_SECONDS = 0.1
STEP_SECONDS = 0.02
#: What is asked for in turn: account, kind, method, values.
TURNS = (
    ("ipqs-main", "email", "form", SHORT_VALUES),
    ("whoisxml-main", "email", "auto", SHORT_VALUES),
    ("ipqs-main", "email", "json", LONG_VALUES),
    ("whoisxml-main", "email", "auto", LONG_VALUES),
    ("ipqs-main", "proxy", "form", LONG_VALUES),
    ("ipqs-main", "proxy", "json", SHORT_VALUES),
)


@dataclass
class Wanted:
    """One upload that the application wants. Times are seconds of the monotonic clock."""

    upload_id: str
    account: str
    kind: str
    method: str
    #: The list: its last row repeats the first.
    rows: tuple[str, ...]
    first_asked_at: float = 0.0
    asked_at: float = 0.0
    #: Whether nothing more happened to it by itself at the last look.
    settled: bool = False
    #: When it was first seen completed; what is forgotten afterwards the application already has.
    completed_at: float | None = None
    #: Whether the provider was made to lose rows of it, or a person gave some up: they have no verdict.
    gives_up_rows: bool = False

    @property
    def parts(self) -> int:
        """Remote jobs that the list needs: the repeated row is sent once."""
        return -(-(len(self.rows) - 1) // PART_ROWS)


@dataclass
class Load:
    """Asks for a list every `period_seconds`, and follows what it has asked for."""

    redis: ChaosRedis
    lists: Path
    period_seconds: float
    wanted: list[Wanted] = field(default_factory=list)
    #: Requests that were sent again because nobody knew of the upload.
    repeats: int = 0

    def __post_init__(self) -> None:
        self._client = Client(redis=self.redis.client(), producer="chaos")
        self._turns = cycle(TURNS)
        self._ask_at = 0.0
        self._look_at = 0.0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def completed(self) -> list[Wanted]:
        """What is completed."""
        return [wanted for wanted in self.wanted if wanted.completed_at is not None]

    @property
    def moving(self) -> list[Wanted]:
        """What is neither at its end nor waits for a person, as far as the last look tells."""
        return [wanted for wanted in self.wanted if not wanted.settled]

    def stop_asking(self) -> None:
        """Ask for nothing new from now on, and follow all that was ever asked for: it may be under way once more."""
        self._ask_at = math.inf
        for wanted in self.wanted:
            wanted.settled = False

    def go_on(self, seconds: float) -> None:
        """Ask and look for that long."""
        self.reached(lambda: False, seconds=seconds)

    def until(self, holds: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Ask and look until something holds, which it must within `seconds`."""
        assert self.reached(holds, seconds=seconds), f"{what} did not come within {seconds} s"

    def reached(self, holds: Callable[[], bool], *, seconds: float) -> bool:
        """Ask and look until something holds, and whether it did within `seconds` (and one answer that is late)."""
        deadline = time.monotonic() + seconds
        while not (held := holds()) and time.monotonic() < deadline:
            self._ask_if_due()
            self._look_if_due()
            threading.Event().wait(STEP_SECONDS)
        return held

    def wait_longer(self, wanted: Wanted, seconds: float) -> None:
        """Ask for it again only after that long, though nobody knows of it."""
        wanted.asked_at = time.monotonic() + seconds

    def ask_again(self, wanted: Wanted) -> None:
        """Ask once more, be it for what is completed already: an application may have forgotten that."""
        self.repeats += 1
        self._ask(wanted)

    def _look_if_due(self) -> None:
        """See what is completed by now, and ask again for what nobody knows. A Redis that is away is no news."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        try:
            for wanted in self.wanted:
                if not (wanted.settled and wanted.completed_at):
                    self._follow(wanted)
        except Unavailable:
            return

    def _follow(self, wanted: Wanted) -> None:
        """See how far one upload has come. Raises `Unavailable`."""
        status, now = self._client.status(wanted.upload_id), time.monotonic()
        if status is not None:
            wanted.settled = status.settled
            if status.state == "completed":
                wanted.completed_at = wanted.completed_at or now
        elif now - wanted.asked_at > ASK_AGAIN_SECONDS:
            wanted.settled = wanted.completed_at is not None
            if not wanted.settled:
                self.ask_again(wanted)

    def _ask_if_due(self) -> None:
        if time.monotonic() < self._ask_at:
            return
        self._ask_at = time.monotonic() + self.period_seconds
        account, kind, method, values = next(self._turns)
        number = len(self.wanted)
        rows = tuple(_value(kind, number, index) for index in range(values))
        self.ask_for(account, kind, method, (*rows, rows[0]))

    def ask_for(self, account: str, kind: str, method: str, rows: tuple[str, ...]) -> Wanted:
        """Ask for a list now; its last row repeats the first."""
        wanted = Wanted(f"chaos-{len(self.wanted):05d}", account, kind, method, rows)
        (self.lists / f"{wanted.upload_id}.txt").write_text("".join(f"{row}\n" for row in wanted.rows))
        self.wanted.append(wanted)
        self._ask(wanted)
        return wanted

    def _ask(self, wanted: Wanted) -> None:
        """Put the request into the stream; one that is not confirmed is sent again when nobody knows of it."""
        wanted.asked_at = time.monotonic()
        wanted.first_asked_at = wanted.first_asked_at or wanted.asked_at
        try:
            self._client.submit(
                self.lists / f"{wanted.upload_id}.txt",
                account=wanted.account,
                kind=wanted.kind,
                method=wanted.method,
                upload_id=wanted.upload_id,
                options={"header": False},
            )
        except Unavailable:
            return


def _value(kind: str, upload: int, index: int) -> str:
    """A value that no other list has, so that nobody can take one list's verdicts for another's."""
    if kind == "proxy":
        number = upload * LONG_VALUES + index
        return f"198.{18 + (number >> 16) % 2}.{number >> 8 & 255}.{number & 255}"
    return f"reader{index}.of{upload}@example.com"
