"""An adapter, a simulated provider on real sockets, and everything that passes between them, counted."""

from __future__ import annotations

import contextlib
import traceback
import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from config.account import KEY_PLACES
from config.accounts import Account, Timeouts
from tests.builders.file_server import FileServer
from worker.providers.call_words import CALL_OUTCOMES, SOFT_ERRORS_POSSIBLE
from worker.providers.errors import Throttled
from worker.providers.port import Kind, Reporter, Submission, SubmitMethod
from worker.providers.registry import build
from worker.providers.sandbox.clock import ManualClock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from worker.providers.port import Provider, Submitted
    from worker.providers.sandbox.simulated import SimulatedProvider

#: Keys of the documented shapes.
KEYS = {"ipqs": "Q7xT2mZp9LrK4vBn8WcJ5hYd3FgS6aEu", "whoisxml": "at_q7xT2mZp9LrK4vBn8WcJ5hYd3FgS6"}

#: A provider's API below a server, and where its balance is.
PATHS = {"ipqs": "/ipqs/api", "whoisxml": "/whoisxml/api/bevService"}


@dataclass(frozen=True, slots=True)
class Door:
    """One way to a provider: who it is, how values go there and where the key does."""

    provider: str
    method: SubmitMethod
    key_in: str

    def __str__(self) -> str:
        return f"{self.provider}-{self.method}-{self.key_in}"


#: By which method a provider takes a list if nobody chooses.
BEST_METHODS = {"ipqs": SubmitMethod.FORM, "whoisxml": SubmitMethod.JSON}

#: Every method of every provider, with the key in the best place.
METHODS = (
    *(Door("ipqs", method, "header") for method in (SubmitMethod.FORM, SubmitMethod.JSON, SubmitMethod.PULL)),
    Door("whoisxml", SubmitMethod.JSON, "body"),
)

#: Every provider once: by its best method, with the key in its best place.
PROVIDERS = tuple(door for door in METHODS if door.method is BEST_METHODS[door.provider])

#: Every method of every provider with the key in every place that the provider has for it.
DOORS = tuple(Door(door.provider, door.method, place) for door in METHODS for place in KEY_PLACES[door.provider])

#: Every place of the key, with the provider's best method.
PLACES = tuple(door for door in DOORS if door.method is BEST_METHODS[door.provider])

#: The doors through which the body of the submit is the whole list.
STREAMED_DOORS = tuple(door for door in DOORS if door.method is not SubmitMethod.PULL)


class CountingGate:
    """Lets every call through and remembers its operation, until it is closed."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.closed = False

    def acquire(self, operation: str) -> None:
        """Take a token."""
        if self.closed:
            raise Throttled("no token was free in time", retry_after_seconds=1.5)
        self.operations.append(operation)


@dataclass
class Notes(Reporter):
    """Keeps whatever an adapter reports."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    soft_errors: list[tuple[str, str]] = field(default_factory=list)
    words: list[tuple[str, str]] = field(default_factory=list)

    def call_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """One HTTP call ended."""
        assert seconds >= 0
        assert outcome in CALL_OUTCOMES
        self.calls.append((operation, outcome))

    def soft_error(self, operation: str, reason: str) -> None:
        """A 2xx that is an error, one of those whose counters begin at zero."""
        assert any(reason in possible.get(operation, ()) for possible in SOFT_ERRORS_POSSIBLE.values())
        self.soft_errors.append((operation, reason))

    def unknown_word(self, operation: str, word: str) -> None:
        """A word nobody knows."""
        self.words.append((operation, word))


def account_for(provider: str, base_url: str, **changes: object) -> Account:
    """An account with short timeouts at the API root `base_url`."""
    fields: dict[str, object] = {
        "name": "bench",
        "provider": provider,
        "key": SecretStr(KEYS[provider]),
        "base_url": base_url,
        "timeouts": Timeouts(connect_seconds=2, send_seconds=2, read_seconds=2),
    }
    return Account.model_validate(fields | changes)


class Bench:
    """A context: the server runs inside it, and one for the files that a provider pulls."""

    def __init__(self, provider: str, folder: Path, method: SubmitMethod | None = None, **account: object) -> None:
        """Parts go by `method`, by default the provider's best."""
        self.name = provider
        self.folder = folder
        self.files = FileServer(folder)
        self._method = method
        self.clock = ManualClock()
        self.ipqs = IpqsSandbox(key=KEYS["ipqs"], clock=self.clock, folder=folder / "ipqs", seed=7)
        self.whoisxml = WhoisXmlSandbox(key=KEYS["whoisxml"], clock=self.clock, folder=folder / "whoisxml", seed=7)
        self.server = SandboxServer(self.ipqs, self.whoisxml)
        self.gate, self.notes = CountingGate(), Notes()
        self._account = account
        self.provider: Provider

    def __enter__(self) -> Self:
        self.files.__enter__()
        self.server.start()
        self.provider = self.adapter()
        return self

    @classmethod
    def at(cls, door: Door, folder: Path) -> Self:
        """A bench whose parts and keys go through one door."""
        return cls(door.provider, folder, door.method, key_in=door.key_in)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()
        self.files.__exit__(kind, error, trace)

    def adapter(self, **account: object) -> Provider:
        """Another adapter to the same simulated provider, with the same gate and notes."""
        return build(self.account(self.server.base_url, **account), self.gate, self.notes)

    def account(self, server: str, **account: object) -> Account:
        """The account of the bench at another server, with changes."""
        return account_for(self.name, server + PATHS[self.name], **(self._account | account))

    @property
    def simulated(self) -> SimulatedProvider:  # type: ignore[type-arg]  # either provider's knobs
        """The provider under test."""
        return self.ipqs if self.name == "ipqs" else self.whoisxml

    @property
    def calls(self) -> int:
        """HTTP calls that reached the provider."""
        return self.simulated.calls.total()

    def fault(self, operation: str, kind: str, **details: object) -> None:
        """Spoil the next call of an operation."""
        self.simulated.knobs.update({"faults": [{"operation": operation, "kind": kind, **details}]})

    def clear_faults(self) -> None:
        """Forget faults that were not needed."""
        self.simulated.knobs.faults.clear()

    def part(
        self, values: Iterable[str], *, kind: Kind = Kind.EMAIL, seconds: float = 5.0, name: str = ""
    ) -> Submission:
        """A staged part with these values."""
        path = self.folder / f"part-{len(list(self.folder.iterdir()))}.csv"
        rows = 0
        with path.open("w", encoding="utf-8", newline="") as file:
            for value in values:
                file.write(value + "\n")
                rows += 1
        method = self._method or self.provider.capabilities.submit_methods[0]
        url = self.files.url_of(path) if method is SubmitMethod.PULL else None
        return Submission(path, rows, kind, name or "tk0123456789abcdef-people.csv", seconds, method, url)

    def submit(self, *values: str, kind: Kind = Kind.EMAIL) -> Submitted:
        """Have values accepted."""
        return self.provider.submit(self.part(values or ("anna@example.com",), kind=kind))


def told(error: BaseException) -> str:
    """Everything that printing an exception in any usual way would show, including what it leads to."""
    linked = (error.__cause__, error.__context__)
    details = "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    return "\n".join([str(error), repr(error), repr(error.args), repr(vars(error)), details, repr(linked)])


@dataclass
class Peak:
    """Most bytes that Python objects took at once, above what was there before."""

    bytes: int = 0


@contextlib.contextmanager
def traced_memory() -> Iterator[Peak]:
    """Measure what is done inside the context; `Peak.bytes` is set at its end."""
    peak = Peak()
    tracemalloc.start()
    try:
        yield peak
        peak.bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
