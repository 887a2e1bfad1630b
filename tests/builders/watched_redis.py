"""The state database under a watcher, at a time that only the test moves."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Self

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry

from tests.builders.effects import EffectKind
from worker.providers.sandbox.clock import MANUAL_START_SECONDS, ManualClock
from worker.store.store import COMMIT_REPEATS, Limits, Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.builders.effects import Effects

#: Where the time is that scripts and stores read, beside all keys of the program: a hash of two whole numbers.
CLOCK_KEY = "test-clock"
#: How the program's scripts ask the server for its time, and what they ask instead.
SERVER_TIME = "redis.call('TIME')"
TEST_TIME = f"redis.call('HMGET', '{CLOCK_KEY}', 'seconds', 'microseconds')"
#: How a script has a key expire, which the server does by its own time: left out, because what is old is not looked at.
EXPIRY = re.compile(r", 'PX', .*\)$", re.MULTILINE)


class VirtualClock(ManualClock):
    """The one time of stores, scripts and simulated providers; it stands still until it is advanced."""

    def __init__(self, client: redis.Redis, now: float = MANUAL_START_SECONDS) -> None:
        """`client` is of the state database, and watched by nobody."""
        super().__init__(now)
        self._client = client
        self.publish()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        super().advance(seconds)
        self.publish()

    def turn_to(self, now: float) -> None:
        """Set the time, also back."""
        self._now = now
        self.publish()

    def publish(self) -> None:
        """Write the time to where the scripts read it; a database that was emptied has to be told again."""
        microseconds = round(self.now() * 1e6)
        fields: dict[Any, Any] = {"seconds": microseconds // 1_000_000, "microseconds": microseconds % 1_000_000}
        self._client.hset(CLOCK_KEY, mapping=fields)


class WatchedRedis(redis.Redis):
    """A client each of whose round trips is an effect."""

    effects: Effects
    #: Names of scripts by their SHA-1.
    scripts: Mapping[str, str]

    @classmethod
    def over(cls, client: redis.Redis, effects: Effects) -> Self:
        """A client on the connections of `client`."""
        watched = cls(connection_pool=client.connection_pool)
        watched.effects = effects
        watched.scripts = {}
        return watched

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Carry out a command."""
        command: Any = super().execute_command
        name = _name_of(args, self.scripts)
        return self.effects.perform(EffectKind.REDIS, name, lambda: command(*args, **options), _lost)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        """Commands that make one round trip."""
        make: Any = WatchedPipeline
        pipeline: WatchedPipeline = make(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipeline.effects, pipeline.names = self.effects, self.scripts
        return pipeline


class WatchedPipeline(Pipeline):
    """A pipeline whose execution is one effect."""

    effects: Effects
    #: Names of scripts by their SHA-1.
    names: Mapping[str, str]

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Carry out what was collected."""
        run: Any = super().execute
        first = _name_of(self.command_stack[0][0], self.names) if self.command_stack else ""
        name = f"{first}… ({len(self.command_stack)})"
        done: list[Any] = self.effects.perform(EffectKind.REDIS, name, lambda: run(raise_on_error), _lost)
        return done


class VirtualStore(Store):
    """The store as it is, but that it and its scripts read the time from `CLOCK_KEY`, and that it repeats at once."""

    def __init__(self, client: redis.Redis, limits: Limits | None = None) -> None:
        """The scripts are loaded at once, so that each run of one is one round trip."""
        super().__init__(client, limits)
        texts = {name: script.script for name, script in self._scripts.items()}
        self._scripts = {name: client.register_script(_virtual(text)) for name, text in texts.items()}
        self._repeat = Retry(NoBackoff(), COMMIT_REPEATS, supported_errors=(redis.ConnectionError,))
        if isinstance(client, WatchedRedis):
            client.scripts = {script.sha: name for name, script in self._scripts.items()}

    def load_scripts(self, client: redis.Redis) -> None:
        """Make the scripts known to the server of `client`."""
        for script in self._scripts.values():
            client.script_load(script.script)

    def now(self) -> float:
        """The store's time, epoch seconds."""
        seconds, microseconds = self._ask(self.client.hmget, CLOCK_KEY, ["seconds", "microseconds"])
        return int(seconds) + int(microseconds) / 1e6


def _virtual(text: Any) -> str:
    told = text.decode() if isinstance(text, bytes) else str(text)
    virtual = EXPIRY.sub(")", told.replace(SERVER_TIME, TEST_TIME))
    assert "'TIME'" not in virtual, "a script asks for the time in another way"
    return virtual


def _lost() -> redis.ConnectionError:
    return redis.ConnectionError("the connection was lost before the reply came")


def _name_of(args: tuple[Any, ...], scripts: Mapping[str, str]) -> str:
    """A command by its name and the family of its key; a script by its own name, a commit with its decision."""
    if args[0] == "EVALSHA":
        name = scripts.get(str(args[1]), "a script")
        return f"commit {_decision(args[4])}" if name == "commit" else name
    key = str(args[1]) if len(args) > 1 else ""
    if key == CLOCK_KEY:
        return "TIME"
    return f"{args[0]} {':'.join(key.split(':')[1:2])}".strip()


def _decision(change: str) -> str:
    """What a commit writes: the decision of its timeline entry, else the kinds of its records."""
    document = json.loads(change)
    if "timeline" in document:
        return str(json.loads(document["timeline"].replace('"@now"', "0"))["decision"])
    return "+".join(record["type"] for record in document["records"]) or "nothing"
