"""The demo's lists: they cover what they are there to show, and name nobody."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import get_args

import pytest

from producers.request import Kind, Method, Segment
from producers.request_source import Source
from worker.cli.demo import lists

SAMPLES = sorted((Path(lists.__file__).parent / "samples").iterdir())
#: Networks that are kept for documentation (RFC 5737, RFC 3849).
DOCUMENTATION = [ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
DOCUMENTATION_V6 = ipaddress.ip_network("2001:db8::/32")


def found(pattern: str) -> set[str]:
    """What matches in any sample, in lower case."""
    return {match.lower() for path in SAMPLES for match in re.findall(pattern, path.read_text(encoding="utf-8"))}


def test_lists_cover_everything() -> None:
    """Every kind, source, method and segment, both places of a result and both accounts are among the lists."""
    assert {sample.kind for sample in lists.LISTS} == set(get_args(Kind))
    assert {sample.source for sample in lists.LISTS} == set(Source.model_fields)
    assert {sample.method for sample in lists.LISTS} == set(get_args(Method))
    assert {segment for sample in lists.LISTS for segment in sample.segments} == set(get_args(Segment))
    assert {sample.result for sample in lists.LISTS} == {"storage", "rows"}
    assert {sample.account for sample in lists.LISTS} == {lists.IPQS, lists.WHOISXML}
    assert len({sample.upload_id for sample in lists.LISTS}) == len(lists.LISTS)


def test_samples_are_the_lists() -> None:
    """Every sample is sent, and every list but the large one is a sample."""
    assert {path.name for path in SAMPLES} | {lists.LARGE_LIST} == {sample.file for sample in lists.LISTS}


@pytest.mark.parametrize(
    ("pattern", "reserved"),
    [
        (r"(?i)[\w.]@+([^\s,;@\"]+)", r"(.+\.)?example\.(com|org|net)"),
        (r"(?i)https?://([^\s/;,\"?#]+)", r"(.+\.)?example\.(com|org|net)"),
        (r"\+1[ ()-]*[\d][\d ()-]+", r".*555[ -]*01\d\d ?"),
    ],
    ids=["addresses", "URLs", "phone numbers"],
)
def test_samples_hold_reserved_names_only(pattern: str, reserved: str) -> None:
    """Domains and phone numbers in the samples are those that are kept for documentation and fiction."""
    values = found(pattern)
    assert len(values) > 3
    assert {value for value in values if not re.fullmatch(reserved, value)} == set()


def test_samples_hold_reserved_networks_only() -> None:
    """IP addresses in the samples are of the networks that are kept for documentation."""
    four = [ipaddress.ip_address(text) for text in found(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")]
    six = [ipaddress.ip_address(text) for text in found(r"\b[0-9a-fA-F]{1,4}:[0-9a-fA-F:]*:[0-9a-fA-F:]+")]
    assert len(four) > 50
    assert [address for address in four if not any(address in network for network in DOCUMENTATION)] == []
    assert len(six) > 5
    assert [address for address in six if address not in DOCUMENTATION_V6] == []
