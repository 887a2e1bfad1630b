"""One-shot faults: what goes wrong with the next call of an operation, exactly as often as asked.

The operation is *not performed* (nothing is accepted, nothing charged):

    reset                 the connection is reset; `after_bytes` of the request body are read first
    hang                  no answer for `seconds`, then the connection is closed
    html_block            403 with the HTML page of a bot filter
    http_NNN              that status with an HTML page, e.g. `http_500`, `http_429`, `http_509`
    throttle_retry_after  the provider's throttling status with `Retry-After: seconds`
    bad_key               the provider's refusal of a wrong key
    no_credits            the provider's refusal of an account that cannot pay
    quota                 the provider's refusal of an account over its plan's quota
    refuse                HTTP 200 whose body says `text` is wrong

The operation *is performed*, its answer suffers:

    answer_lost           the connection closes without a byte of the answer
    answer_reset          the connection is reset without a byte of the answer
    answer_hang           no answer for `seconds`, then the connection is closed
    answer_http_NNN       a gateway answers in the provider's place, e.g. `answer_http_502`
    answer_html           HTTP 200 with an HTML page in the answer's place
    truncate              the answer's body ends after `after_bytes`, short of its announced length
    truncate_silent       the same, with no length announced: the end looks like an end
    drip                  the answer's body comes `piece_bytes` at a time, `pause_seconds` apart
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from worker.providers.sandbox.wire import Response, Transport, TransportKind, html_response

if TYPE_CHECKING:
    from collections.abc import Callable

#: Operations that a fault can name; `*` matches each of them.
OPERATIONS = ("submit", "status", "list", "credits", "download", "completed", "failed", "*")

#: Kinds that need no performing: what the fault sends instead.
_INSTEAD = ("reset", "hang", "html_block", "throttle_retry_after", "bad_key", "no_credits", "quota", "refuse")
#: Kinds that perform and then spoil the answer's transport.
_TRANSPORTS: dict[str, TransportKind] = {
    "answer_lost": "close",
    "answer_reset": "reset",
    "answer_hang": "hang",
    "truncate": "truncate",
    "truncate_silent": "truncate_silent",
    "drip": "drip",
}
_WORDS = frozenset({*_INSTEAD, *_TRANSPORTS, "answer_html"})
_STATUS_WORD = re.compile(r"(answer_)?http_([2-5][0-9]{2})\Z")


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` calls of `operation`."""

    operation: str
    kind: str
    times: int = 1
    #: Seconds of silence (`hang`, `answer_hang`) or in `Retry-After` (`throttle_retry_after`).
    seconds: float = 30.0
    #: Bytes that still pass: of the request (`reset`) or of the answer's body (`truncate`, `truncate_silent`).
    after_bytes: int = 0
    #: Bytes in one piece of a `drip`.
    piece_bytes: int = 16
    #: Seconds between two pieces of a `drip`.
    pause_seconds: float = 0.05
    #: The message of `refuse`.
    text: str = "Something went wrong."

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise ValueError(f"fault operation {self.operation!r} is none of {', '.join(OPERATIONS)}")
        if self.kind not in _WORDS and not _STATUS_WORD.match(self.kind):
            raise ValueError(
                f"fault kind {self.kind!r} is none of {', '.join(sorted(_WORDS))}, http_NNN, answer_http_NNN"
            )
        if self.times < 1:
            raise ValueError(f"a fault happens at least once, not {self.times} times")

    @property
    def performed(self) -> bool:
        """Whether the operation happens all the same."""
        return self.kind in _TRANSPORTS or self.kind.startswith("answer_")


class Refusals(Protocol):
    """How a provider words what faults can make it say."""

    def refusal(self, word: str, text: str = "") -> Response:
        """The provider's answer for `bad_key`, `no_credits`, `quota` or `refuse` (with `text`)."""

    def throttled(self, retry_after_seconds: float | None) -> Response:
        """The provider's answer to too many calls."""


def take(faults: list[Fault], operation: str) -> Fault | None:
    """The first fault queued for `operation`, one of its times used up."""
    for fault in faults:
        if fault.operation in (operation, "*"):
            fault.times -= 1
            if fault.times == 0:
                faults.remove(fault)
            return fault
    return None


def answer_with(fault: Fault, perform: Callable[[], Response], provider: Refusals) -> Response:
    """The answer of `perform` as the fault leaves it, or the fault's own answer with nothing performed."""
    return _spoil(fault, perform()) if fault.performed else _instead(fault, provider)


def _instead(fault: Fault, provider: Refusals) -> Response:
    match fault.kind:
        case "reset":
            return Response(0, transport=Transport("reset", after_bytes=fault.after_bytes))
        case "hang":
            return Response(0, transport=Transport("hang", seconds=fault.seconds))
        case "html_block":
            return html_response(403, "Attention Required! | Cloudflare")
        case "throttle_retry_after":
            return provider.throttled(fault.seconds)
        case "bad_key" | "no_credits" | "quota" | "refuse":
            return provider.refusal(fault.kind, fault.text)
        case _:
            return _page(fault.kind)


def _spoil(fault: Fault, answer: Response) -> Response:
    if fault.kind == "answer_html":
        return html_response(200, "Please wait")
    if fault.kind not in _TRANSPORTS:
        return _page(fault.kind)
    seconds = fault.pause_seconds if fault.kind == "drip" else fault.seconds
    transport = Transport(_TRANSPORTS[fault.kind], seconds, fault.after_bytes, fault.piece_bytes)
    return replace(answer, transport=transport)


def _page(kind: str) -> Response:
    status = int(kind.rpartition("_")[2])
    return html_response(status, f"{status} error")
