"""How the state database is asked: by scripts and commands that each are tried once, its failures being ours."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from worker.outages import OUTAGES
from worker.store.errors import StoreUnavailable
from worker.store.keys import KEY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    import redis


class Asking:
    """A client of the state database and the scripts that run there."""

    #: Shifts the store's time; for tests only.
    clock_offset_seconds: float = 0.0

    def __init__(self, client: redis.Redis, scripts: Iterable[str]) -> None:
        """`scripts` are names of files in the folder `lua`."""
        self.client = client
        folder = files("worker.store") / "lua"
        self._scripts = {name: client.register_script((folder / f"{name}.lua").read_text()) for name in scripts}

    @staticmethod
    def key(*words: str) -> str:
        """The Redis key made of `words`."""
        return KEY_PREFIX + ":".join(words)

    def _run(self, script: str, keys: Iterable[str], *args: object) -> Any:  # noqa: ANN401 - whatever the script returns
        return self._scripts[script](keys=list(keys), args=list(args))  # type: ignore[arg-type]  # numbers are encoded

    def _ask(self, command: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's commands are untyped
        try:
            return command(*args, **options)
        except OUTAGES as error:
            reason = type(error).__name__
        raise StoreUnavailable(f"Redis cannot be reached, did not answer in time or takes no writes ({reason}).")
