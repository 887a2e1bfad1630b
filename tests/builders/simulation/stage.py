"""Where simulated runs take place, one after the other: a Redis, both simulated providers, and one folder for all."""

from __future__ import annotations

import contextlib
import copy
import shutil
import traceback
from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

from config.accounts import load_accounts
from config.settings import Settings
from tests.builders.line import IPQS_KEY, WHOISXML_KEY, accounts_file
from tests.builders.redis_copies import copy_of, put_back
from tests.builders.simulation.aftermath import drift_left, second_charges
from tests.builders.simulation.drift_faults import GONE_BACK
from tests.builders.simulation.drift_told import drift_noted
from tests.builders.simulation.faults import FAULTS
from tests.builders.simulation.plan import JOB_SECONDS
from tests.builders.simulation.provider_faults import GIVEN_UP, JOINED, PAGE_FAULTS
from tests.builders.simulation.world import World
from tests.builders.snapshot import state_of
from tests.builders.stepping import Stepping
from tests.builders.watched_redis import VirtualClock
from tests.builders.watched_storage import watched_files
from worker.actors import submit
from worker.core.states import PartState, UploadState
from worker.host.embedded import EmbeddedServer
from worker.providers.sandbox import ipqs as ipqs_module
from worker.providers.sandbox.clock import MANUAL_START_SECONDS
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.knobs import IpqsKnobs, WhoisXmlKnobs
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox
from worker.store.client import connect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.redis_copies import RedisCopy
    from tests.builders.simulation.plan import Plan

#: Jobs on a page of both remote lists, and jobs of others on an account whose list has to have several pages.
PAGE_JOBS = 10
JOBS_OF_OTHERS = 12
#: Rows of one part.
PART_ROWS = 2
#: By reason of a quarantine the faults that together leave nothing but a person's decision: whose the one job of two
#: equal lists is, and what became of a job that was done, then under way, and then given up.
RIGHTLY = {"identity_collision": (JOINED,), "status_regression": (GONE_BACK, GIVEN_UP)}
#: Lines of the trail that are told of a run that failed.
TRAIL_LINES = 40

#: The program's own settings, but for how often it looks: the runs are short.
SETTINGS: dict[str, Any] = {
    "poll_floor_seconds": 30.0,
    "poll_epsilon": 0.5,
    "work_lease_seconds": 300.0,
    "safety_look_seconds": 900.0,
    "reconcile_period_seconds": 1800.0,
    "drift_uncollected_seconds": 1800.0,
    "drift_stalled_seconds": 1800.0,
    "missing_job_seconds": 3600.0,
    "crashes_max": 20,
}


@dataclass
class Report:
    """What became of one run."""

    plan: Plan
    #: What is wrong, in words; empty when nothing is.
    failure: str = ""
    struck: list[tuple[str, str]] = field(default_factory=list)
    #: Part, reason and message of every quarantine.
    quarantines: list[tuple[str, str, str]] = field(default_factory=list)
    #: Second charges that the protocol is known to allow for, and that were detected.
    detected: int = 0
    charges: int = 0
    effects: int = 0
    #: Findings that have begun and ended, by event and class.
    drift: Counter[tuple[str, str]] = field(default_factory=Counter)
    virtual_seconds: float = 0.0
    trail: list[str] = field(default_factory=list)

    def left_to_a_person(self, reason: str) -> str:
        """The faults for which a quarantine of that reason is right though all evidence is there; empty: it is not."""
        faults = RIGHTLY.get(reason, ())
        right = faults and {name for name, _ in self.struck}.issuperset(faults)
        return ", ".join(faults) if right else ""


class Stage:
    """A context manager; `play` may be called any number of times in it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is best in memory: every run writes some hundred small files."""
        self.folder = folder
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> Self:
        enter = self._exit.enter_context
        self._noted = enter(drift_noted())
        enter(mock.patch.object(ipqs_module, "PAGE_JOBS", PAGE_JOBS))
        enter(watched_files())
        url = enter(EmbeddedServer(self.folder / "redis")).url(0)
        self._redis = enter(connect(url, 5.0))
        self.clock = VirtualClock(self._redis)
        # The deadline of a submit is kept in virtual time too: a worker that was frozen sends nothing late.
        enter(mock.patch.object(submit, "time", SimpleNamespace(monotonic=self.clock.now)))
        (self.folder / "inputs").mkdir()
        ipqs = IpqsSandbox(key=IPQS_KEY, clock=self.clock, folder=self.folder / "ipqs")
        whoisxml = WhoisXmlSandbox(key=WHOISXML_KEY, clock=self.clock, folder=self.folder / "whoisxml")
        self._server = enter(SandboxServer(ipqs, whoisxml))
        more = f"max_part_rows = {PART_ROWS}\nmax_active = 2\nlist_page_rows = {PAGE_JOBS}"
        file = accounts_file(self.folder, self._server.base_url, more=more.replace("list_page_rows = 10", ""))
        file.write_text(file.read_text() + f"\nlist_page_rows = {PAGE_JOBS}\n")
        self._accounts = load_accounts(file)
        self._settings = Settings.model_validate(
            SETTINGS
            | {
                "home": self.folder,
                "redis_url": url,
                "storage_url": (self.folder / "storage").as_uri(),
                "input_roots": (self.folder,),
                "accounts_file": file,
            }
        )
        self._unused = self._kept()
        self._used = self._use_the_accounts()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def play(self, plan: Plan) -> Report:
        """Carry out one run, whatever becomes of it."""
        self._set_back(self._used if plan.used_before else self._unused, plan.job_seconds)
        if any(injection.fault in PAGE_FAULTS for injection in plan.injections):
            self._add_jobs_of_others()
        report = Report(plan)
        self._noted.clear()
        with self._world() as world:
            world.begin(plan)
            report.struck = world.struck
            try:
                _ask(world, plan)
                world.run()
                _judge(world, report)
            except Exception as defect:  # noqa: BLE001 - whatever a run ends with is told in its report
                report.failure = _told(defect)
            report.trail = world.trail
            report.drift = Counter(self._noted)
            report.effects = world.effects
            report.charges = len(world.ipqs.ledger) + len(world.whoisxml.ledger)
            report.virtual_seconds = self.clock.now() - MANUAL_START_SECONDS
        return report

    def _world(self) -> World:
        return World(self.folder, self._settings, self._accounts, self.clock, self._server)

    # Between runs

    def _use_the_accounts(self) -> _Kept:
        """One upload on each account, completed: from then on it has a job that is known to be its own."""
        self._set_back(self._unused)
        with Stepping(self.folder, self._settings, self._accounts, self.clock, self._server) as line:
            for account in self._accounts:
                path = self.folder / "inputs" / f"earlier-{account}.csv"
                path.write_text(f"earlier@{account}.example\n")
                line.client.submit(path, account=account, kind="email", upload_id=f"earlier-{account}")
            line.settle(*(f"earlier-{account}" for account in self._accounts))
        return self._kept()

    def _kept(self) -> _Kept:
        copied = self.folder / f"kept-{self.clock.now():.0f}"
        storage = self.folder / "storage"
        storage.mkdir(exist_ok=True)
        shutil.copytree(storage, copied, dirs_exist_ok=True)
        providers = [state_of(provider) for provider in (self._server.ipqs, self._server.whoisxml)]
        return _Kept(copy_of(self._redis), copied, providers, self.clock.now())

    def _set_back(self, kept: _Kept, job_seconds: float = JOB_SECONDS[0]) -> None:
        put_back(self._redis, kept.redis)
        self.clock.turn_to(kept.now)
        shutil.rmtree(self.folder / "storage")
        shutil.copytree(kept.storage, self.folder / "storage")
        for provider, state in zip((self._server.ipqs, self._server.whoisxml), kept.providers, strict=True):
            vars(provider).update(copy.deepcopy(state))
        self._server.ipqs.knobs = IpqsKnobs(job_seconds=job_seconds)
        self._server.whoisxml.knobs = WhoisXmlKnobs(job_seconds=job_seconds)

    def _add_jobs_of_others(self) -> None:
        """Give both lists a second page of jobs that are older than everything of ours."""
        for provider in (self._server.ipqs, self._server.whoisxml):
            ours = dict(provider.jobs)
            others = provider.add_jobs_of_others(JOBS_OF_OTHERS)
            for job in others:
                job.accepted_at -= 30 * 86_400.0
            provider.jobs.clear()
            provider.jobs.update({job.remote_id: job for job in others} | ours)


@dataclass(frozen=True)
class _Kept:
    """The world at one moment between two runs."""

    redis: RedisCopy
    storage: Path
    providers: list[dict[str, Any]]
    now: float


def _ask(world: World, plan: Plan) -> None:
    for number, (account, parts) in enumerate(plan.uploads):
        owner = 0 if plan.alike and number == 1 else number
        rows = parts if not (plan.alike and number == 1) else plan.uploads[0][1]
        values = [f"row{row}@list{owner}.example" for row in range(rows * PART_ROWS - 1)]
        world.ask(f"list-{number}", account, values)


def _judge(world: World, report: Report) -> None:
    """Raise `AssertionError` where a run ended otherwise than it must."""
    kinds = [FAULTS[name] for name, _ in world.struck]
    if any(kind.beyond_protocol for kind in kinds):
        report.detected = second_charges(world)
    left = drift_left(world)
    assert not left, "; ".join(left)
    world.check()
    for upload_id, asked in world.asked.items():
        upload = world.upload(upload_id)
        report.quarantines += [
            (part.part_id, part.reason, part.message)
            for part in world.parts(upload_id)
            if part.state is PartState.QUARANTINED
        ]
        waits_for_a_person = upload.state is UploadState.ATTENTION or not upload.terminal
        if waits_for_a_person or any(kind.loses_rows for kind in kinds):
            continue
        assert upload.state is UploadState.COMPLETED, f"{upload_id} is {upload.state}: {upload.reason}"
        matched = 0 if upload.result is None else upload.result.counts.matched
        assert matched == len(asked["values"]), f"{upload_id} has lost rows: {upload.result}"
    evidence = report.plan.used_before and all(kind.leaves_evidence for kind in kinds)
    unexplained = [found for found in report.quarantines if not report.left_to_a_person(found[1])]
    assert not (evidence and unexplained), f"quarantine though there is evidence: {unexplained}"


def _told(defect: Exception) -> str:
    if isinstance(defect, AssertionError):
        return str(defect)
    return "".join(traceback.format_exception(defect))
