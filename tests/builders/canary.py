"""Secrets that must turn up nowhere, every form in which one could, and a search that tells where one did."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Bytes that a form must at least have: a shorter one would be found by chance.
FORM_BYTES_MIN = 8
#: Characters from which on the halves of a secret are looked for too: whoever shortens a text must redact it first.
HALVED_CHARS_MIN = 20
#: Characters of a link's token that give it away: a quarter of a token is as good as a found one.
TOKEN_CHARS = 64
#: Text as long as that, made of the characters of tokens.
LIKE_TOKEN = re.compile(rb"[0-9a-f]{%d,}" % TOKEN_CHARS)


def forms(secret: str) -> dict[str, bytes]:
    """Every form of `secret` that is looked for, by name. None is made by the code under test."""
    texts = spellings(secret) | {"reversed": secret[::-1]}
    if len(secret) >= HALVED_CHARS_MIN:
        texts |= {"first half": secret[: len(secret) // 2], "second half": secret[len(secret) // 2 :]}
    found: dict[str, bytes] = {}
    for name, text in texts.items():
        if len(text) >= FORM_BYTES_MIN and text.encode() not in found.values():
            found[name] = text.encode()
    return found


def spellings(secret: str) -> dict[str, str]:
    """Every way in which software writes the whole of `secret`, by name."""
    percent = "".join(f"%{byte:02X}" for byte in secret.encode())
    units = [f"{unit:04x}" for unit in _utf_16(secret)]
    texts = {
        "plain": secret,
        "URL": quote(secret, safe=""),
        "URL of a path": quote(secret),
        "URL of a form": quote_plus(secret),
        "URL, every character": percent,
        "decoded as a URL": unquote(secret),
        "JSON": json.dumps(secret)[1:-1],
        "JSON with escaped slashes": json.dumps(secret)[1:-1].replace("/", r"\/"),
        "JSON in JSON": json.dumps(json.dumps(secret)[1:-1])[1:-1],
        "JSON, every character": "".join(rf"\u{unit}" for unit in units),
        "JSON, every character in capitals": "".join(rf"\u{unit.upper()}" for unit in units),
        "repr": repr(secret)[1:-1],
        "HTML": escape(secret),
        "hex": secret.encode().hex(),
        "HEX": secret.encode().hex().upper(),
    }
    texts |= {f"{name}, lower case": _lower_escapes(text) for name, text in texts.items() if name.startswith("URL")}
    texts |= {f"{name}, twice": quote(text, safe="") for name, text in texts.items() if name.startswith("URL")}
    texts |= {f"{name}, twice in lower case": _lower_escapes(quote(text, safe="")) for name, text in _urls(secret)}
    return texts | dict(_base64(secret.encode()))


@dataclass(frozen=True, order=True)
class Hit:
    """A secret that was found: in what kind of place, where, and which secret in which form."""

    sink: str
    place: str
    secret: str
    form: str


class Canaries:
    """The secrets of one installation, ready to be looked for."""

    def __init__(self, secrets: Mapping[str, str], literals: Iterable[str] = ()) -> None:
        """`secrets` by name are looked for in every form, `literals` as they are."""
        self._needles = [(name, form, text) for name, secret in secrets.items() for form, text in forms(secret).items()]
        self._needles += [("literal", literal, literal.encode()) for literal in literals]
        self._token_needles: list[tuple[str, str, bytes]] = []

    def with_tokens(self, tokens: Iterable[str]) -> Canaries:
        """These, and the tokens of download links, of which a part gives all away."""
        more = Canaries({})
        more._needles = self._needles
        more._token_needles = [
            ("link token", "beginning" if at == 0 else "middle", token[at : at + TOKEN_CHARS].encode())
            for token in tokens
            for at in (0, TOKEN_CHARS)
        ]
        return more

    def hits(self, sink: str, place: str, data: bytes | str) -> Iterator[Hit]:
        """Every secret in `data`, once for each form."""
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        # Tokens are many, and few places have text in which one could be.
        like_tokens = b" ".join(LIKE_TOKEN.findall(raw))
        for secret, form, needle in self._needles:
            if needle in raw:
                yield Hit(sink, place, secret, form)
        for secret, form, needle in self._token_needles:
            if needle in like_tokens:
                yield Hit(sink, place, secret, form)


def _urls(secret: str) -> Iterator[tuple[str, str]]:
    yield "URL", quote(secret, safe="")
    yield "URL, every character", "".join(f"%{byte:02X}" for byte in secret.encode())


def _lower_escapes(text: str) -> str:
    """`text` with its percent escapes in lower case."""
    head, *rest = text.split("%")
    return head + "".join(f"%{_lowered(piece)}" for piece in rest)


def _lowered(piece: str) -> str:
    digits = 4 if piece.startswith("25") else 2
    return piece[:digits].lower() + piece[digits:]


def _utf_16(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


def _base64(raw: bytes) -> Iterator[tuple[str, str]]:
    """The characters that depend on `raw` alone, at each of the three offsets in both alphabets."""
    for alphabet, encode in (("base64", b64encode), ("URL-safe base64", urlsafe_b64encode)):
        for offset in range(3):
            text = encode(b"\0" * offset + raw).decode()
            yield f"{alphabet} at {offset}", text[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
