"""API keys by reference: read from an environment variable or a file of their own, checked, known to the redactor."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from config.environment import PREFIX
from config.redaction import redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The fields of an account of which exactly one says where its key is.
KEY_FIELDS = ("key_env", "key_file")

#: Characters a key must at least have; fewer is a mistake, and would make redaction eat ordinary words.
KEY_CHARS_MIN = 8

#: Characters a key may at most have.
KEY_CHARS_MAX = 1024

#: Characters of a word in the name of a variable; a longer run may be a key that was pasted in the name's place.
NAME_WORD_CHARS_MAX = 15

#: Bytes of a key file beyond which it is not read.
KEY_FILE_BYTES_MAX = 4096


class KeyUnusable(Exception):
    """A key reference that gives no usable key: `field`, `fault` and `remedy` say why. Never holds key material."""

    def __init__(self, field: str, fault: str, remedy: str) -> None:
        super().__init__(f"{field} {fault}. {remedy}")
        self.field, self.fault, self.remedy = field, fault, remedy


@dataclass(frozen=True, slots=True)
class ResolvedKey:
    """A key and where it came from."""

    key: SecretStr
    #: `variable IPQS_KEY` or `file /run/secrets/ipqs`.
    origin: str
    #: What is unwise about the place, `None` if nothing is.
    caution: str | None = None


def resolve_key(entry: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> ResolvedKey:
    """The key that an account's table refers to; a relative `key_file` begins at `folder`. Raises `KeyUnusable`.

    The key is registered with `config.redaction.redactor` before anybody sees it.
    """
    given = [name for name in KEY_FIELDS if name in entry]
    if len(given) != 1:
        fault = "are both given" if given else "are both missing"
        raise KeyUnusable("key_env and key_file", fault, 'Give exactly one, for example key_env = "IPQS_KEY".')
    reference = entry[given[0]]
    if not isinstance(reference, str) or not reference:
        raise KeyUnusable(given[0], "is not a name", 'Give a name in quotes, for example key_env = "IPQS_KEY".')
    if given[0] == "key_env":
        return _from_variable(reference, environ)
    try:
        path = folder / Path(reference).expanduser()
    except RuntimeError:
        raise KeyUnusable(
            "key_file", "begins with ~, but there is no such home folder", "Give the whole path."
        ) from None
    return _from_file(path)


def _from_variable(name: str, environ: Mapping[str, str]) -> ResolvedKey:
    if name.startswith(PREFIX):
        remedy = f"Names that begin with {PREFIX} are settings; call it otherwise, for example IPQS_KEY."
        raise KeyUnusable("key_env", "names a variable that cannot hold a key", remedy)
    if not name.isidentifier():
        remedy = 'Give the name of an environment variable, never the key itself: key_env = "IPQS_KEY".'
        raise KeyUnusable("key_env", "is not the name of an environment variable", remedy)
    if name not in environ:
        # A key pasted here by mistake can look like a name, so only what is plainly a name is repeated.
        plain = name.isupper() and max(map(len, name.split("_"))) <= NAME_WORD_CHARS_MAX
        shown = f"names the variable {name}, which is not set" if plain else "names a variable that is not set"
        raise KeyUnusable("key_env", shown, "Set that variable to the key in the environment of every process.")
    return ResolvedKey(_checked(environ[name], "key_env"), f"variable {name}")


def _from_file(path: Path) -> ResolvedKey:
    remedy = "Give the path of a readable file that holds the key and nothing else."
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise KeyUnusable("key_file", "does not name a regular file", remedy)
        with path.open("rb") as file:
            content = file.read(KEY_FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "the path is not valid"
        raise KeyUnusable("key_file", f"cannot be read ({why})", remedy) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KeyUnusable("key_file", "names a file that is not text", remedy) from None
    if len(content) > KEY_FILE_BYTES_MAX:
        raise KeyUnusable("key_file", f"names a file of more than {KEY_FILE_BYTES_MAX:,} bytes", remedy)
    readable = mode & (stat.S_IRGRP | stat.S_IROTH)
    caution = f"the key file {path} can be read by others; run chmod 600 on it" if readable else None
    return ResolvedKey(_checked(text, "key_file"), f"file {path}", caution)


def _checked(text: str, field: str) -> SecretStr:
    key = text.strip()
    remedy = "Copy the key again from the provider's account page."
    if not key:
        raise KeyUnusable(field, "gives an empty key", remedy)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise KeyUnusable(field, "gives a key with spaces, line breaks or characters no key has", remedy)
    if not KEY_CHARS_MIN <= len(key) <= KEY_CHARS_MAX:
        limits = f"{KEY_CHARS_MIN} to {KEY_CHARS_MAX:,} characters"
        raise KeyUnusable(field, f"gives a key of {len(key):,} characters, where {limits} are usual", remedy)
    secret = SecretStr(key)
    redactor.register(secret)
    return secret
