"""Answers that no provider would give, or none should: strategies from a right answer to arbitrary bytes."""

from __future__ import annotations

import copy
import gzip
import json
from typing import Any

from hypothesis import strategies as st

#: Most characters of a made-up text, and levels of a value that is nested too deeply for anybody.
_TEXT_CHARACTERS_MAX = 30
_DEEP = (300, 900, 100_000)

#: Values that somebody could write where another is expected.
ODD_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**63, -1, 0, 1e308, 1.5, float("nan"), float("inf")]),
    st.text(max_size=_TEXT_CHARACTERS_MAX),
    st.sampled_from(["", "null", "true", "12", "-1", "9" * 400, "\ud800", "a\0b\x1b[2J", "\u202e", "x" * 9_000, "NEW"]),
)

ODD_VALUES = st.one_of(
    ODD_SCALARS,
    st.recursive(
        ODD_SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "error", "é"]), inner),
        max_leaves=6,
    ),
)

_STATUSES = st.one_of(
    st.just(200),
    st.sampled_from([200, 201, 202, 204, 206, 299]),
    st.sampled_from([199, 300, 301, 302, 304, 400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 429]),
    st.sampled_from([500, 502, 503, 504, 509, 520, 600, 999]),
)

_HEADERS = st.lists(
    st.sampled_from(
        [
            b"Content-Type: text/html",
            b"Content-Type: \xff\xfe; charset=nothing",
            b"Content-Encoding: gzip",
            b"Content-Encoding: deflate",
            b"Content-Encoding: br",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: nothing",
            b"Content-Length: 3",
            b"Content-Length: 100000",
            b"Content-Length: -1",
            b"Content-Length: many",
            b"Content-Length: 1, 2",
            b"Retry-After: 7",
            b"Retry-After: -1e999",
            b"Retry-After: nan",
            b"Retry-After: Fri, 31 Dec 1999 23:59:59 GMT",
            b"Retry-After: Mon, 01 Jan 99999999999 00:00:00 GMT",
            b"Location: //\xff:port/",
            b"Set-Cookie: a=b; expires=never; domain=..",
            b"Connection: keep-alive",
            b"no header",
            b" folded",
            b"X: " + b"y" * 70_000,
            b"X: y\r\n" * 120,
        ]
    ),
    max_size=2,
)


@st.composite
def altered(draw: st.DrawFn, document: Any) -> Any:
    """A JSON value with up to three of its members replaced, taken out or added to, mostly none or one."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 3]))):
        places = list(_places(changed))
        if not places:
            break
        holder, name = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "replace", "replace", "remove", "more"])):
            case "replace":
                holder[name] = draw(ODD_VALUES)
            case "remove":
                del holder[name]
            case _:
                holder[name] = [holder[name], holder[name]]
    return changed


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every member of a JSON value, as its holder and its name there."""
    if isinstance(value, dict):
        names: list[Any] = list(value)
    elif isinstance(value, list):
        names = list(range(len(value)))
    else:
        return []
    return [(value, name) for name in names] + [place for name in names for place in _places(value[name])]


def _nested(levels: int) -> st.SearchStrategy[bytes]:
    """A right-looking document that has a list of so many levels somewhere."""
    value = b"[" * levels + b"]" * levels
    names = ["id", "message", "success", "response", "status", "csvs", "credits", "error"]
    inner = [f'{{"{name}": '.encode() + value + b"}" for name in names]
    return st.sampled_from(inner + [b'{"response": ' + text + b"}" for text in inner])


def bodies(document: Any) -> st.SearchStrategy[bytes]:
    """What may come in the place of a JSON document."""
    text = altered(document).map(lambda value: json.dumps(value).encode())
    return st.one_of(
        text,
        text,
        text,
        st.tuples(text, st.floats(0, 1)).map(lambda cut: cut[0][: int(len(cut[0]) * cut[1])]),
        st.sampled_from(_DEEP).flatmap(_nested),
        _any_bytes(),
    )


def tables(csv: str) -> st.SearchStrategy[bytes]:
    """What may come in the place of a CSV file."""
    pieces = st.lists(st.sampled_from([*csv.splitlines(keepends=True), '"', "a,b\n", "\r", "\0", ",,,,", "\ud7ff\n"]))
    return st.one_of(st.just(csv.encode()), pieces.map(lambda lines: "".join(lines).encode()), _any_bytes())


def _any_bytes() -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.binary(max_size=200),
        st.sampled_from(
            [
                b"",
                b"null",
                b"[]",
                b"{}",
                b"<html><h1>502</h1></html>",
                b"\xef\xbb\xbf{}",
                '{"id": 7}'.encode("utf-16"),
                gzip.compress(b'{"id": 7}'),
                b"\x1f\x8b\x08" + b"x" * 40,
                b"9" * 5_000,
                b"5\r\n{}",
                b"\xff" * 300,
            ]
        ),
    )


@st.composite
def answers(draw: st.DrawFn, body: st.SearchStrategy[bytes]) -> bytes:
    """A whole answer as it goes over the wire, with a body of that sort; now and then no answer at all."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.sampled_from([b"", b"\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/9 200\r\n\r\n", b"\xff" * 80_000]))
    content = draw(body)
    lines = [f"HTTP/1.1 {draw(_STATUSES)} Words".encode(), b"Connection: close", *draw(_HEADERS)]
    if draw(st.booleans()):
        lines.append(f"Content-Length: {len(content)}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + content
