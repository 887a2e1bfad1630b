"""WhoisXML's results: which of its two answers a value is in, and the records, streamed."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

from worker.providers.sandbox.chance import happens
from worker.providers.sandbox.emails import email_facts
from worker.providers.sandbox.values import result_values
from worker.providers.sandbox.wire import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.providers.sandbox.emails import EmailFacts
    from worker.providers.sandbox.jobs import Job
    from worker.providers.sandbox.knobs import WhoisXmlKnobs

#: The error of a malformed address: the only error text that is known.
INVALID_FORMAT = "Invalid format"
_STRINGS = {True: "true", False: "false", None: "null"}


def judge(seed: int, failed_share: float, value: str) -> str:
    """What becomes of one address: `invalid`, `failed` or `processed`."""
    facts = email_facts(seed, value)
    if facts is None:
        return "invalid"
    return "failed" if happens(facts.digest[12], failed_share) else "processed"


def results_json(job: Job, operation: str, seed: int, knobs: WhoisXmlKnobs, rows_done: int) -> Iterator[bytes]:
    """The answer of `completed` or `failed` for the first `rows_done` values, in pieces."""
    wanted = {"processed"} if operation == "completed" else {"invalid", "failed"}
    pieces: list[str] = []
    size, separator = 0, '{"response":['
    for value in islice(result_values(job.spool, knobs, job.missing_row_every), rows_done):
        word = judge(seed, job.failed_share, value)
        if word not in wanted:
            continue
        record = _record(seed, value, word, knobs)
        pieces += (separator, json.dumps(record, ensure_ascii=False))
        size, separator = size + len(pieces[-1]), ","
        if size >= CHUNK_BYTES:
            yield "".join(pieces).encode()
            pieces, size = [], 0
    pieces.append("]}" if separator == "," else separator + "]}")
    yield "".join(pieces).encode()


def _record(seed: int, value: str, word: str, knobs: WhoisXmlKnobs) -> dict[str, object]:
    facts = email_facts(seed, value)
    if facts is None:
        return {"error": INVALID_FORMAT, "emailAddress": value}
    if word == "failed":
        return {"error": knobs.failed_text, "emailAddress": value}
    return _completed(value, facts, real_booleans=knobs.real_booleans)


def _completed(value: str, facts: EmailFacts, *, real_booleans: bool) -> dict[str, object]:
    domain = facts.domain
    checks = {
        "formatCheck": True,
        "smtpCheck": facts.mailbox if domain.dns_valid else False,
        "dnsCheck": domain.dns_valid,
        "freeCheck": domain.free,
        "disposableCheck": domain.disposable,
        "catchAllCheck": domain.catch_all if facts.mailbox is not None else None,
    }
    record: dict[str, object] = {"emailAddress": value}
    record |= checks if real_booleans else {name: _STRINGS[check] for name, check in checks.items()}
    if domain.dns_valid:
        null_mx = facts.mailbox is False and happens(facts.digest[13], 0.2)
        record["mxRecords"] = ["."] if null_mx else [f"mx1.{domain.name}", f"mx2.{domain.name}"]
    record["result"] = _result(facts)
    return record


def _result(facts: EmailFacts) -> str:
    if not facts.domain.dns_valid or facts.domain.disposable:
        return "bad"
    return {True: "ok", False: "smtp-failed", None: "unknown"}[facts.mailbox]
