"""The tables that turn IPQualityScore's columns into verdicts, and its words into statuses and errors."""

from __future__ import annotations

import pytest

from worker.providers.ipqs_words import STATUSES, VERDICT_RULES
from worker.providers.port import Kind, RemoteStatus, VerdictWord
from worker.providers.verdict_rules import decide


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"valid": "true"}, VerdictWord.OK),
        ({"valid": "1", "fraud_score": "84.9", "suspect": "0"}, VerdictWord.OK),
        ({"valid": "False"}, VerdictWord.BAD),
        ({"valid": "false", "disposable": "true"}, VerdictWord.BAD),
        ({"valid": "false", "timed_out": "true"}, VerdictWord.UNKNOWN),
        ({"valid": "true", "suspect": "true"}, VerdictWord.UNKNOWN),
        ({"valid": "true", "suspect": "true", "catch_all": "true"}, VerdictWord.RISKY),
        ({"valid": "true", "spam_trap_score": "HIGH"}, VerdictWord.RISKY),
        ({"valid": "true", "spam_trap_score": "low", "honeypot": "false"}, VerdictWord.OK),
        ({"valid": "true", "fraud_score": "85"}, VerdictWord.RISKY),
        ({"valid": ""}, VerdictWord.UNKNOWN),
        ({}, VerdictWord.UNKNOWN),
    ],
)
def test_addresses(columns: dict[str, str], word: VerdictWord) -> None:
    """The first rule that holds decides on an e-mail address."""
    assert decide(VERDICT_RULES[Kind.EMAIL], columns) is word


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"fraud_score": "0"}, VerdictWord.OK),
        ({"fraud_score": "74", "proxy": "false"}, VerdictWord.OK),
        ({"fraud_score": "75"}, VerdictWord.RISKY),
        ({"fraud_score": "85"}, VerdictWord.BAD),
        ({"fraud_score": "3", "vpn": "true"}, VerdictWord.RISKY),
        ({"fraud_score": "3", "frequent_abuser": "true", "vpn": "true"}, VerdictWord.BAD),
        ({"fraud_score": "", "proxy": ""}, VerdictWord.UNKNOWN),
        ({"fraud_score": "nan"}, VerdictWord.UNKNOWN),
    ],
)
def test_ip_addresses(columns: dict[str, str], word: VerdictWord) -> None:
    """The first rule that holds decides on an IP address."""
    assert decide(VERDICT_RULES[Kind.PROXY], columns) is word


def test_only_finished_means_finished() -> None:
    """Exactly one word ends a job with a result."""
    assert [word for word, status in STATUSES.items() if status is RemoteStatus.FINISHED] == ["FINISHED"]
