"""Writing one answer to a connection, whole or as its transport fault wants it."""

from __future__ import annotations

from http.client import responses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import io
    import threading
    from collections.abc import Iterable, Iterator

    from worker.providers.sandbox.wire import Response, Transport


def send(answer: Response, out: io.BufferedIOBase, stopping: threading.Event, *, head_only: bool = False) -> bool:
    """Write the answer; whether the connection can go on. Pauses end at once when `stopping` is set."""
    fault = answer.transport
    if fault and fault.kind in ("reset", "close", "hang"):
        if fault.kind == "hang":
            stopping.wait(fault.seconds)
        return False
    unframed = fault is not None and fault.kind == "truncate_silent"
    chunked = not unframed and is_chunked(answer)
    _write_head(answer, out, unframed=unframed, chunked=chunked)
    for piece in () if head_only else body_pieces(answer):
        out.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if fault and fault.kind == "drip":
            out.flush()
            if stopping.wait(fault.seconds):
                return False
    if fault and fault.kind != "drip":
        return False
    if chunked and not head_only:
        out.write(b"0\r\n\r\n")
    return True


def is_chunked(answer: Response) -> bool:
    """Whether the answer's length is not announced."""
    return not isinstance(answer.body, bytes) or answer.headers.get("transfer-encoding") == "chunked"


def body_pieces(answer: Response) -> Iterator[bytes]:
    """The body's non-empty pieces, cut where a truncation wants it, small where a drip does."""
    chunks = [answer.body] if isinstance(answer.body, bytes) else answer.body
    fault = answer.transport
    if fault and fault.kind.startswith("truncate"):
        # A truncated body of announced length lacks at least a byte.
        limit = min(fault.after_bytes, len(answer.body) - 1) if isinstance(answer.body, bytes) else fault.after_bytes
        chunks = _first_bytes(chunks, limit)
    if fault and fault.kind == "drip":
        chunks = _small(chunks, fault)
    return (chunk for chunk in chunks if chunk)


def _first_bytes(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    for chunk in chunks:
        if limit <= 0:
            return
        yield chunk[:limit]
        limit -= len(chunk)


def _small(chunks: Iterable[bytes], fault: Transport) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), fault.piece_bytes):
            yield chunk[start : start + fault.piece_bytes]


def _write_head(answer: Response, out: io.BufferedIOBase, *, unframed: bool, chunked: bool) -> None:
    headers = {name: value for name, value in answer.headers.items() if name != "transfer-encoding"}
    if unframed:
        headers["connection"] = "close"
    elif chunked:
        headers["transfer-encoding"] = "chunked"
    elif isinstance(answer.body, bytes):
        headers["content-length"] = str(len(answer.body))
    lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Unassigned')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    out.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
