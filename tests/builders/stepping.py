"""The whole line one step at a time, in one thread and at a virtual time: waits of hours take milliseconds.

Real Redis, both simulated providers over real HTTP, real storage, the real actors; no broker, but messages in a list. A
step runs the message that is due, or reads the requests that wait, or, when there is neither, turns the clock to the
next moment at which anything is due and lets the timekeeper look. Every effect of the working process goes through its
`Effects`, see `tests.builders.effects`; `restart` begins another process on the same Redis and storage.
"""

from __future__ import annotations

import contextlib
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import redis

from config.accounts import load_accounts
from config.settings import Settings
from producers.client import Client
from tests.builders.effects import Crashed, Effects, Watcher, nothing_happens
from tests.builders.line import IPQS_KEY, WHOISXML_KEY, accounts_file
from tests.builders.messages import Messages
from tests.builders.request_stream import RequestStream
from tests.builders.watched_calls import WatchedHints, watch_calls
from tests.builders.watched_redis import VirtualClock, VirtualStore, WatchedRedis
from tests.builders.watched_storage import WatchedStorage, watched_files
from worker.actors.declare import STEPS
from worker.broker.sorted_set import SortedSetBroker
from worker.context import Connected, Context
from worker.core.states import PartState, UploadState
from worker.gate import StoreGate
from worker.intake.stream import Intake
from worker.leaving import Leaving
from worker.metrics import Metrics
from worker.outages import OUTAGES
from worker.providers.registry import build
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.knobs import IpqsKnobs, WhoisXmlKnobs
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox
from worker.spending import FOLDER, Spending
from worker.storage import open_storage
from worker.store.client import connect
from worker.store.errors import StoreError
from worker.timekeeper import Timekeeper
from worker.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from config.accounts import Account
    from worker.core.records import PartRecord, UploadRecord

#: Seconds of the providers' time that a job takes.
JOB_SECONDS = 600.0
#: Seconds beyond the moment when something is due at which it is looked for.
PAST_DUE_SECONDS = 0.001
#: Seconds of virtual time within which every upload must have come to rest.
REST_SECONDS_MAX = 3 * 86_400.0
#: Steps within which every upload must have come to rest.
REST_STEPS_MAX = 5_000


class NotAtRest(AssertionError):
    """Uploads are still moving after all the time and all the steps that they were given."""


class Process(NamedTuple):
    """One working process, which does everything: intake, every actor, timekeeper."""

    effects: Effects
    context: Context
    intake: Intake
    timekeeper: Timekeeper

    def end(self) -> None:
        """Give back what a dead process does not hold any more either."""
        self.effects.kill()
        self.context.workspace.close()
        for connected in self.context.accounts.values():
            adapter: Any = connected.provider
            adapter.close()


class Stepping:
    """One installation and its world. Made by `stepping`."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        accounts: Mapping[str, Account],
        clock: VirtualClock,
        server: SandboxServer,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.clock = clock
        self.ipqs: IpqsSandbox = server.ipqs
        self.whoisxml: WhoisXmlSandbox = server.whoisxml
        self.messages = Messages(clock.now)
        self.accounts = accounts
        self._numbers = count(1)
        #: Every process's connections are these, and those of whoever looks in from outside.
        self.redis = connect(settings.redis_url or "", settings.redis_timeout_seconds)
        self.requests = RequestStream(self.redis)
        #: The store as it is, for looking into; none of its commands is an effect.
        self.store = VirtualStore(self.redis)
        self.store.load_scripts(self.redis)
        self.client = Client(settings.redis_url, producer="test")
        self._broker = SortedSetBroker(redis.Redis.from_url(settings.broker_url or ""))
        self.process = self.start()

    # Processes

    def start(self, watcher: Watcher = nothing_happens) -> Process:
        """Another process beside those that run; its name is that of no process of this machine."""
        effects = Effects(f"machine-{next(self._numbers)}:1:000000", watcher)
        store = VirtualStore(WatchedRedis.over(self.redis, effects))
        metrics = Metrics()
        context = Context(
            settings=self.settings,
            store=store,
            storage=WatchedStorage(open_storage(self.settings.storage_url), effects),
            workspace=Workspace(self.settings.home),
            spending=Spending(self.settings.home / FOLDER),
            accounts={name: self._connected(account, store, effects) for name, account in self.accounts.items()},
            hints=WatchedHints(self.messages, effects),
            metrics=metrics,
            leaving=Leaving(metrics),
            process=effects.process,
        )
        return Process(effects, context, Intake(context), Timekeeper(context, self._broker))

    def restart(self) -> Process:
        """End the process as if it were killed, and begin another one."""
        self.process.end()
        self.process = self.start()
        return self.process

    def _connected(self, account: Account, store: VirtualStore, effects: Effects) -> Connected:
        def waited(_seconds: float) -> None:
            """Nobody counts."""

        gate = StoreGate(store, account.name, account.requests_per_second, waited, self.clock.advance)
        provider = build(account, gate, Metrics().reporter(account.provider, account.name))
        watch_calls(provider, effects)
        return Connected(account, provider, gate)

    # Steps

    def step(self) -> None:
        """Run one message, or read what was asked for, or let time pass to when something is due. Raises `Crashed`."""
        message = self.messages.take()
        try:
            if message is not None:
                STEPS[message.lane](self.process.context, message.item, message.epoch)
            elif self.requests.waits():
                self._guarded(self._read)
            else:
                self.advance_to(self.next_due_at())
                self._guarded(self.process.timekeeper.rearm)
                self._guarded(self.process.timekeeper.call_up)
                self._guarded(self.process.timekeeper.tick)
        except Crashed:
            if message is not None:
                self.messages.give_back(message)
            raise

    def settle(self, *upload_ids: str) -> None:
        """Step until every upload has come to rest. Raises `Crashed`, `NotAtRest`."""
        until = self.clock.now() + REST_SECONDS_MAX
        for _ in range(REST_STEPS_MAX):
            if not self.messages.is_due() and all(self.at_rest(upload_id) for upload_id in upload_ids):
                return
            if self.clock.now() > until:
                break
            self.step()
        states = {upload_id: self.story(upload_id) for upload_id in upload_ids}
        raise NotAtRest(f"still moving: {states}")

    def sweep(self) -> None:
        """Let the next walk over the remote lists take place, and whatever it brings."""
        period = self.settings.reconcile_period_seconds
        until = (self.clock.now() // period + 1) * period + PAST_DUE_SECONDS
        while self.clock.now() < until or self.messages.is_due():
            self.step()

    def at_rest(self, upload_id: str) -> bool:
        """Whether nothing moves an upload by itself any more: it has ended, or what is left of it is in quarantine."""
        upload = self.store.upload(upload_id)
        if upload is None or upload.terminal:
            return upload is not None
        states = {part.state for part in self.parts(upload_id) if not part.terminal}
        return upload.state is UploadState.ATTENTION and states == {PartState.QUARANTINED}

    def advance_to(self, moment: float) -> None:
        """Turn the clock on to `moment`; requests that were taken and not answered grow older with it."""
        seconds = max(moment - self.clock.now(), 0.0)
        self.clock.advance(seconds)
        self.requests.grow_older(seconds)

    def next_due_at(self) -> float:
        """The next moment at which a message is due, or the timekeeper or the intake has something to do."""
        now = self.clock.now()
        moments = [message.due_at for message in self.messages.waiting]
        head: Any = self.redis.zrange(self.store.key("due"), 0, 0, withscores=True)
        moments += [due_at + self.settings.rearm_grace_seconds + PAST_DUE_SECONDS for _, due_at in head]
        takeover_seconds = self.requests.seconds_to_takeover()
        moments += [] if takeover_seconds is None else [now + takeover_seconds]
        period = self.settings.reconcile_period_seconds
        moments.append((now // period + 1) * period)
        return max(min(moments), now + PAST_DUE_SECONDS)

    def _read(self) -> None:
        self.process.intake.prepare()
        self.process.intake.read()

    @staticmethod
    def _guarded(act: Callable[[], object]) -> None:
        """Do what a process does beside its messages; there it waits out an outage and comes back to it."""
        with contextlib.suppress(StoreError, *OUTAGES):
            act()

    # Looking in

    def upload(self, upload_id: str) -> UploadRecord:
        """The upload's record."""
        record = self.store.upload(upload_id)
        assert record is not None, f"no upload {upload_id}"
        return record

    def parts(self, upload_id: str) -> list[PartRecord]:
        """The upload's parts."""
        return list(self.store.parts_of(self.upload(upload_id)))

    def story(self, upload_id: str) -> str:
        """Where an upload and its parts are, and why, in one line."""
        upload = self.store.upload(upload_id)
        if upload is None:
            return "no record"
        parts = ", ".join(f"{part.index} {part.state} {part.reason}" for part in self.parts(upload_id))
        return f"{upload.state} {upload.reason} [{parts}]"

    def close(self) -> None:
        """End the process and every connection."""
        self.process.end()
        self.client.close()
        self._broker.close()
        self._broker.client.close()
        self.redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def stepping(folder: Path, redis_url: str, **overrides: Any) -> Iterator[Stepping]:
    """A line that moves by steps until the end of the block; `ipqs` and `whoisxml` among the overrides are knobs.

    `account_lines` are more lines of both accounts in their file, as `max_part_rows` is one; the other overrides are
    settings, which are the program's own by default.
    """
    knobs = {name: {"job_seconds": JOB_SECONDS} | overrides.pop(name, {}) for name in ("ipqs", "whoisxml")}
    part_rows = overrides.pop("max_part_rows", None)
    account_lines = overrides.pop("account_lines", "")
    with contextlib.ExitStack() as stack:
        outside = stack.enter_context(redis.Redis.from_url(redis_url))
        clock = VirtualClock(outside)
        sandbox = partial(_sandbox, clock=clock, folder=folder)
        ipqs = sandbox(IpqsSandbox, IPQS_KEY, "ipqs", IpqsKnobs.from_mapping(knobs["ipqs"]))
        whoisxml = sandbox(WhoisXmlSandbox, WHOISXML_KEY, "whoisxml", WhoisXmlKnobs.from_mapping(knobs["whoisxml"]))
        server = stack.enter_context(SandboxServer(ipqs, whoisxml))
        rows = f"max_part_rows = {part_rows}\n" if part_rows else ""
        file = accounts_file(folder, server.base_url, more=rows + account_lines)
        settings = Settings.model_validate(
            {
                "home": folder,
                "redis_url": redis_url,
                "storage_url": (folder / "storage").as_uri(),
                "input_roots": (folder,),
                "accounts_file": file,
                # Leases are renewed in real time, and no step takes that long here.
                "work_lease_seconds": 300.0,
            }
            | overrides
        )
        stack.enter_context(watched_files())
        yield stack.enter_context(Stepping(folder, settings, load_accounts(file), clock, server))


def _sandbox(kind: Any, key: str, name: str, knobs: object, *, clock: VirtualClock, folder: Path) -> Any:
    return kind(key=key, clock=clock, folder=folder / name, knobs=knobs)
