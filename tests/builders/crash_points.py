"""One scenario, and what becomes of it when the process dies at one of its effects, or is not answered there.

First an earlier upload is completed on the account, so that the provider is known to show our names (if it does) and
its list has a job that is known to be ours. Then the upload in question is run once without a fault, and its effects
are numbered: these are the points. Each run after that begins at the same moment of the same world.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from tests.builders.effects import Crashed, Effect, EffectKind, Fate
from tests.builders.file_server import FileServer
from tests.builders.invariants import broken_invariants
from tests.builders.published import unfit_results
from tests.builders.snapshot import Snapshot
from tests.builders.stepping import NotAtRest, Stepping, stepping
from worker.core.states import UploadState
from worker.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.providers.sandbox.simulated import Charge

#: The list of the upload in question, a value a row.
VALUES = ("ann@example.com", "bob@example.com", "cyd@example.com")
UPLOAD, EARLIER = "crm-1", "crm-0"
#: Seconds of the providers' time that a job takes: long enough for a look that finds it unfinished.
JOB_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """Which upload is made, and how it goes to the provider."""

    account: str
    method: str
    parts: int

    def __str__(self) -> str:
        return f"{self.account.partition('-')[0]}-{self.method}-{self.parts}"


#: A list is pulled as a whole, so that there is no pull of several parts.
SCENARIOS = (
    Scenario("ipqs-main", "form", 1),
    Scenario("ipqs-main", "form", 3),
    Scenario("ipqs-main", "json", 1),
    Scenario("ipqs-main", "json", 3),
    Scenario("ipqs-main", "pull", 1),
    Scenario("whoisxml-main", "json", 1),
    Scenario("whoisxml-main", "json", 3),
)


@dataclass(frozen=True, slots=True)
class Point:
    """An effect, and what becomes of it there."""

    effect: Effect
    fate: Fate

    def __str__(self) -> str:
        return f"{self.effect.number} {self.fate}: {self.effect}"


class CrashPoints:
    """One scenario's points, and the runs that crash there. Made by `crash_points`."""

    def __init__(self, line: Stepping, scenario: Scenario, files: FileServer) -> None:
        self.line = line
        self._scenario = scenario
        self._files = files
        self._ask(EARLIER, ("eve@example.com",))
        line.settle(EARLIER)
        assert line.upload(EARLIER).state is UploadState.COMPLETED
        self._snapshot = Snapshot(line)
        self._charged_before = len(self._ledger)
        self.effects = self._numbered()

    def points(self) -> Iterator[Point]:
        """Every effect with everything that can become of it."""
        for effect in self.effects:
            yield Point(effect, Fate.CRASH_BEFORE)
            yield Point(effect, Fate.CRASH_AFTER)
            yield Point(effect, Fate.LOSE_REPLY)
            if effect.kind is EffectKind.MESSAGE:
                yield Point(effect, Fate.DOUBLE)

    def run(self, point: Point) -> list[str]:
        """Run the scenario with that one fault, let another process finish, and say what is wrong at its end."""
        self._begin()
        watcher = _At(point)
        self.line.process.effects.watcher = watcher
        unfit: list[str] = []
        try:
            try:
                self.line.settle(UPLOAD)
            except Crashed:
                # What whoever reads the storage sees meanwhile.
                unfit = list(unfit_results(open_storage(self.line.settings.storage_url)))
                self.line.restart()
                self.line.settle(UPLOAD)
            # What nobody knew may be found by the next walk over the remote list.
            self.line.sweep()
            self.line.settle(UPLOAD)
        except NotAtRest as moving:
            return [str(moving)]
        if watcher.met != point.effect.name:
            return [f"the run took another way than the one that was numbered: there it came to {watcher.met}"]
        return unfit + self._wrong()

    def _numbered(self) -> Sequence[Effect]:
        """The effects of a run without a fault."""
        seen: list[Effect] = []

        def note(effect: Effect) -> Fate:
            seen.append(effect)
            return Fate.PERFORM

        self._begin()
        self.line.process.effects.watcher = note
        self.line.settle(UPLOAD)
        wrong = self._wrong()
        assert not wrong, wrong
        return seen

    def _begin(self) -> None:
        self._snapshot.restore()
        self.line.restart()
        self._ask(UPLOAD, VALUES)

    def _ask(self, upload_id: str, values: Sequence[str]) -> None:
        path = self.line.folder / f"{upload_id}.csv"
        path.write_text("\n".join(values) + "\n")
        scenario = self._scenario
        wish: dict[str, Any] = {"account": scenario.account, "kind": "email", "method": scenario.method}
        wish["upload_id"] = upload_id
        options: dict[str, object] = {"header": False}
        if scenario.method == "pull":
            place = f"http://127.0.0.1:{self._files.port}"
            self.line.client.submit(remote_url=f"{place}/{path.name}", options=options, **wish)
        else:
            self.line.client.submit(path, options=options, **wish)

    @property
    def _ledger(self) -> list[Charge]:
        return (self.line.ipqs if self._scenario.account == "ipqs-main" else self.line.whoisxml).ledger

    def _wrong(self) -> list[str]:
        """What is not as it must be after everything has come to rest."""
        line, storage = self.line, open_storage(self.line.settings.storage_url)
        wrong = broken_invariants(line.store, storage, (line.ipqs, line.whoisxml))
        upload = line.upload(UPLOAD)
        if upload.state is not UploadState.COMPLETED:
            return [f"the upload is not completed: {line.story(UPLOAD)}", *wrong]
        charges = self._ledger[self._charged_before :]
        if sorted(charge.rows for charge in charges) != [len(VALUES) // self._scenario.parts] * self._scenario.parts:
            wrong.append(f"not one charge for each part: {charges}")
        if upload.result is None or upload.result.counts.matched != len(VALUES):
            wrong.append(f"not every row has a verdict: {upload.result}")
        methods = {part.method for part in line.parts(UPLOAD)}
        if methods != {self._scenario.method}:
            wrong.append(f"the parts went by {methods}")
        if {part.remote_id for part in line.parts(UPLOAD)} != {str(charge.remote_id) for charge in charges}:
            wrong.append("the parts' remote jobs are not those that were charged")
        return wrong


class _At:
    """The watcher that gives one point its fate."""

    def __init__(self, point: Point) -> None:
        self._point = point
        #: Name of the effect that it came to at that number.
        self.met: str | None = None

    def __call__(self, effect: Effect) -> Fate:
        """The fate of an effect."""
        if effect.number != self._point.effect.number:
            return Fate.PERFORM
        self.met = effect.name
        return self._point.fate


@contextlib.contextmanager
def crash_points(folder: Path, redis_url: str, scenario: Scenario, *, logs: bool = False) -> Iterator[CrashPoints]:
    """A scenario on a line of its own, until the end of the block; without `logs` thousands of runs write none."""
    rows = len(VALUES) // scenario.parts
    with contextlib.nullcontext() if logs else _silence(), FileServer(folder) as files:
        hosts, knobs = (f"127.0.0.1:{files.port}",), {"job_seconds": JOB_SECONDS}
        with stepping(folder, redis_url, max_part_rows=rows, pull_hosts=hosts, ipqs=knobs, whoisxml=knobs) as line:
            yield CrashPoints(line, scenario, files)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    try:
        yield
    finally:
        structlog.configure(**before)
