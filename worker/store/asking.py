"""How the state database is asked: by scripts and commands that each are tried once, its failures being ours."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from worker.store.keys import KEY_PREFIX
from worker.store.reaching import reaching

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

    def run_script(self, script: str, keys: Iterable[str], *args: object) -> Any:  # noqa: ANN401 - whatever it returns
        """What a script answers that is told the store's time after `args`."""
        return self._ask(self._run, script, keys, *args, self.clock_offset_seconds)

    def _run(self, script: str, keys: Iterable[str], *args: object) -> Any:  # noqa: ANN401 - whatever the script returns
        return self._scripts[script](keys=list(keys), args=list(args))  # type: ignore[arg-type]  # numbers are encoded

    def _ask(self, command: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's commands are untyped
        with reaching():
            return command(*args, **options)
