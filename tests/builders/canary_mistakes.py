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
    """A command line, the settings that differ for it, and what it gets on standard input."""

    arguments: tuple[str, ...]
    settings: Mapping[str, Any] = MappingProxyType({})
    given: str = ""


#: Uploads of which only a tombstone is left when somebody looks.
PURGED = ("json-good", "aborted")
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
        ("config", "check", "--json"),
        ("ls", "--state", "attention", "--limit", "1000", "--json"),
        ("ls", "--account", "page-on-submit", "--reason", "*", "--json"),
        ("show", "pull-words"),
        ("why", "pull-page"),
        ("why", "json-words", "--json"),
        ("why", "segments-expired"),
        ("why", "list-moved"),
        ("result", "rows", "--json"),
        ("result", "rows", "--output", "copied.csv"),
        ("upload", "lists/good.txt", "--account", "good", "--again", "once-more", "--segment", "bad", "--json"),
        ("retry", "odd-word", "--json"),
        ("retry", "link-expired"),
        ("retry", "list-moved", "--yes", "--json"),
        ("retry", "--state", "running", "--json"),
        ("cancel", "--label", "r*"),
        ("cancel", "--account", "odd-word", "--yes", "--json"),
        *((*command, upload_id) for upload_id in PURGED for command in (("show",), ("why",), ("result",), ("retry",))),
        *((*command, "--json") for command in (("show", PURGED[0]), ("why", PURGED[0]), ("result", PURGED[0]))),
    )
)


def giveaways(keys: Keys) -> tuple[Command, ...]:
    """Lists on standard input in which keys are rows: they go into a request, as the rows of a file do not."""
    upload = ("upload", "-", "--account", "good", "--wait", "--timeout", "20")
    return (
        Command(upload, given=f"a@example.com\n{keys.ipqs}\n"),
        Command((*upload, "--json"), given=f"{keys.whoisxml}\n"),
        Command((*upload, "--label", keys.ipqs), given="a@example.com\n"),
    )


def mistakes(keys: Keys, folder: Path, redis_url: str) -> tuple[Command, ...]:
    """Every way to write a secret into the configuration wrongly. `folder` gets the accounts files for that."""
    folder.mkdir()
    wrong = f"{quote(keys.password, safe='')}wrong"
    check, upload = ("config", "check"), ("upload", "--account", "good", "--remote-url")
    secret = quote(keys.foreign, safe="")
    links = (f"user:{secret}@files.example/a.csv", f"files.example/a.csv?signature={secret}")
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
        *(Command((*upload, f"https://{link}")) for link in links),
        *(Command((*upload, f"https://{link}", "--json")) for link in links),
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
