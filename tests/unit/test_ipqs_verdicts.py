"""The tables that turn IPQualityScore's columns into verdicts, and its words into statuses and errors."""

from __future__ import annotations

import pytest

from worker.providers.ipqs_words import STATUSES, VALUE_COLUMNS, VERDICT_RULES
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


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"unsafe": "false", "risk_score": "74", "parking": "true"}, VerdictWord.OK),
        ({"unsafe": "true"}, VerdictWord.BAD),
        ({"unsafe": "false", "phishing": "true", "suspicious": "true"}, VerdictWord.BAD),
        ({"unsafe": "false", "malware": "1"}, VerdictWord.BAD),
        ({"unsafe": "false", "suspicious": "true"}, VerdictWord.RISKY),
        ({"unsafe": "false", "spamming": "true"}, VerdictWord.RISKY),
        ({"unsafe": "false", "risk_score": "75"}, VerdictWord.RISKY),
        ({"unsafe": "false", "dns_valid": "false"}, VerdictWord.UNKNOWN),
        ({"unsafe": "", "risk_score": ""}, VerdictWord.UNKNOWN),
    ],
)
def test_urls(columns: dict[str, str], word: VerdictWord) -> None:
    """The first rule that holds decides on a URL."""
    assert decide(VERDICT_RULES[Kind.URL], columns) is word


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"valid": "true", "active": "true", "fraud_score": "84", "voip": "true"}, VerdictWord.OK),
        ({"valid": "true", "active": "N/A"}, VerdictWord.OK),
        ({"valid": "false", "risky": "true"}, VerdictWord.BAD),
        ({"valid": "true", "risky": "true"}, VerdictWord.RISKY),
        ({"valid": "true", "recent_abuse": "true", "active": "false"}, VerdictWord.RISKY),
        ({"valid": "true", "spammer": "true"}, VerdictWord.RISKY),
        ({"valid": "true", "fraud_score": "85"}, VerdictWord.RISKY),
        ({"valid": "true", "active": "false"}, VerdictWord.UNKNOWN),
        ({"valid": ""}, VerdictWord.UNKNOWN),
    ],
)
def test_phone_numbers(columns: dict[str, str], word: VerdictWord) -> None:
    """The first rule that holds decides on a phone number."""
    assert decide(VERDICT_RULES[Kind.PHONE], columns) is word


@pytest.mark.parametrize("kind", [Kind.LEAKED_EMAIL, Kind.LEAKED_PASSWORD, Kind.LEAKED_USERNAME])
@pytest.mark.parametrize(
    ("exposed", "word"), [("true", VerdictWord.BAD), ("false", VerdictWord.OK), ("", VerdictWord.UNKNOWN)]
)
def test_leaked_data(kind: Kind, exposed: str, word: VerdictWord) -> None:
    """What was found in leaked data is bad, what was not is ok."""
    assert decide(VERDICT_RULES[kind], {"exposed": exposed}) is word


def test_every_kind_has_a_value_column_and_rules() -> None:
    """The provider takes every kind, and knows where its values stand in a result and what to say of them."""
    assert set(VALUE_COLUMNS) == set(VERDICT_RULES) == set(Kind)


def test_only_finished_means_finished() -> None:
    """Exactly one word ends a job with a result."""
    assert [word for word, status in STATUSES.items() if status is RemoteStatus.FINISHED] == ["FINISHED"]
