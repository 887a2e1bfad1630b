"""Requests and responses between a simulated provider and what carries them: sockets or a `requests` adapter."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Bytes read from a request body, and written of a generated answer, at once.
CHUNK_BYTES = 64 * 1024

#: What the carrier does to an answer:
#: `reset` (RST, nothing sent), `close` (orderly end, nothing sent), `hang` (nothing sent for `seconds`, then close),
#: `truncate` (the announced length is not reached), `truncate_silent` (no length announced, the end comes early),
#: `drip` (`piece_bytes` at a time, `seconds` apart).
TransportKind = Literal["reset", "close", "hang", "truncate", "truncate_silent", "drip"]


class BodyCut(ConnectionError):
    """The request ended before the length it announced."""


class BodySource(Protocol):
    """Where a request's body is read from, once."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes (-1: the rest), empty at the end. Raises `BodyCut`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is decoded and without query; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: BodySource


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport fault for the carrier to perform."""

    kind: TransportKind
    #: Seconds of silence (`hang`), or between two pieces (`drip`).
    seconds: float = 0.0
    #: Bytes of the request body that are read before a `reset` (the rest is not), and bytes of the answer's body that
    #: are sent before it is cut (`truncate`, `truncate_silent`).
    after_bytes: int = 0
    #: Bytes in one piece of a `drip`.
    piece_bytes: int = 16


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. An iterable body is sent chunked, bytes with a length unless a header says chunked."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    transport: Transport | None = None


def json_bytes(document: object) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def html_response(status: int, title: str, headers: Mapping[str, str] | None = None) -> Response:
    """A web server's own page: what stands between a provider and its clients answers in HTML."""
    page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Response(status, {"content-type": "text/html; charset=UTF-8", **(headers or {})}, page.encode())


def stringly(document: object) -> object:
    """The same document with every number and boolean as a string, as some servers send them."""
    if isinstance(document, dict):
        return {name: stringly(value) for name, value in document.items()}
    if isinstance(document, list):
        return [stringly(value) for value in document]
    if isinstance(document, bool):
        return "true" if document else "false"
    if isinstance(document, int | float):
        return str(document)
    return document
