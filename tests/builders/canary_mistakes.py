"""Commands of an operator who puts secrets where they do not belong, or looks at what went wrong."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.builders.canary_site import Keys


class Command(NamedTuple):
    """A command line, and the settings that differ for it."""

    arguments: tuple[str, ...]
    settings: Mapping[str, Any] = MappingProxyType({})


#: What somebody looks at who wants to know what went wrong, in every form that there is.
LOOKS = tuple(
    Command(line)
    for line in (
        ("ls",),
        ("ls", "--json"),
        ("show", "words-on-submit", "--json"),
        ("show", "page-on-download"),
        ("why", "words-on-submit"),
        ("why", "page-on-submit", "--json"),
        ("why", "odd-word"),
        ("why", "crash"),
        ("show", "no-such-upload"),
        ("events",),
        ("result", "good"),
        ("result", "w-page"),
        ("wait", "bad-key", "--timeout", "0.1"),
        ("cancel", "calls-429", "--yes"),
        ("config", "check", "--live"),
        ("config", "check", "--live", "--json"),
        ("ls", "--verbose"),
    )
)


def mistakes(keys: Keys, folder: Path, redis_url: str) -> tuple[Command, ...]:
    """Every way to write a secret into the configuration wrongly. `folder` gets the accounts files for that."""
    folder.mkdir()
    wrong = f"{quote(keys.password, safe='')}wrong"
    check = ("config", "check")
    return (
        Command(("ls",), {"redis_url": redis_url.replace("@127", f"{wrong[-5:]}@127")}),
        Command(("run", "worker"), {"redis_url": redis_url.replace("@127", f"{wrong[-5:]}@127")}),
        Command(("up",), {"redis_url": f"http://:{wrong}@127.0.0.1/0"}),
        Command(check, {"redis_url": f"redis://:{wrong}@127.0.0.1:port/0"}),
        Command(check, {"redis_url": f"redis://:{keys.password}@127.0.0.1/0"}),
        Command(("ls",), {"redis_url": redis_url.replace("127.0.0.1", "127.0.0.2").replace("redis:", "rediss:")}),
        Command(check, {"storage_url": f"s3://id:{keys.ipqs}@bucket/folder"}),
        Command(("ls",), {"ipqs_key": keys.ipqs}),
        Command((*check, "--json"), {"whoisxml_key": keys.whoisxml, "redis_password": keys.password}),
        *(Command((*check, "--json"), {"accounts_file": path}) for path in _accounts_files(keys, folder)),
    )


def _accounts_files(keys: Keys, folder: Path) -> list[Path]:
    inside = 'provider = "ipqs"\nkey_env = "PATH"\n'
    texts = {
        "literal": f"[accounts.a]\n{inside}api_key = '{keys.ipqs}'\n",
        "reference": f"[accounts.a]\nprovider = 'ipqs'\nkey_env = '{keys.ipqs}'\n",
        "file": f"[accounts.a]\nprovider = 'ipqs'\nkey_file = '{keys.ipqs}'\n",
        "address": f"[accounts.a]\n{inside}base_url = 'https://user:{keys.ipqs}@api.example.com'\n",
        "query": f"[accounts.a]\n{inside}base_url = 'https://api.example.com/?key={keys.ipqs}'\n",
        "not-toml": f"[accounts.a]\nkey_env = {keys.ipqs}\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return [folder / f"{name}.toml" for name in texts]
