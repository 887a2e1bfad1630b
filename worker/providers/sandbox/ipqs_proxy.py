"""IPQualityScore's verdict on an IP address or host name: its columns (documented: single lookup) and their filling."""

from __future__ import annotations

import re
from ipaddress import ip_address

from worker.providers.sandbox.chance import happens, seeded_digest
from worker.providers.sandbox.ipqs_columns import COLUMNS

#: `fraud_score` from which an address is suspicious, and from which it is bad.
FRAUD_SUSPECT, FRAUD_BAD = 75, 85

_HOST_NAME = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
_PLACES = (
    ("US", "California", "Los Angeles", "America/Los_Angeles", "90012", "34.05", "-118.24"),
    ("DE", "Hesse", "Frankfurt am Main", "Europe/Berlin", "60311", "50.11", "8.68"),
    ("BR", "Sao Paulo", "Sao Paulo", "America/Sao_Paulo", "01000", "-23.55", "-46.63"),
    ("IN", "Maharashtra", "Mumbai", "Asia/Kolkata", "400001", "19.07", "72.88"),
    ("GB", "England", "London", "Europe/London", "EC1A", "51.51", "-0.13"),
)
_NETWORKS = (
    ("Example Telecom", "64496"),
    ("Sample Cable", "64497"),
    ("Specimen Mobile", "64498"),
    ("Model Cloud", "64499"),
)


def well_formed(value: str) -> bool:
    """Whether the value is an IPv4 or IPv6 address or a host name."""
    text = value.strip()
    try:
        ip_address(text)
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None
    return True


def judge(seed: int, value: str) -> str:
    """The segment of one address: `malformed`, `bad`, `clean` or `pristine`."""
    if not well_formed(value):
        return "malformed"
    score, proxy = _score(seeded_digest(seed, value))
    if score >= FRAUD_BAD:
        return "bad"
    return "clean" if proxy or score >= FRAUD_SUSPECT else "pristine"


def cells(seed: int, value: str) -> tuple[str, ...]:
    """One address's cells, in the order of the columns; all empty for a malformed one."""
    if not well_formed(value):
        return ("",) * len(COLUMNS["proxy"])
    digest = seeded_digest(seed, value)
    score, proxy = _score(digest)
    country, region, city, timezone, zip_code, latitude, longitude = _PLACES[digest[3] % len(_PLACES)]
    network, number = _NETWORKS[digest[4] % len(_NETWORKS)]
    tor = proxy and happens(digest[5], 0.12)
    vpn = proxy and not tor
    hosting = network == "Model Cloud"
    flags = {
        "is_crawler": hosting and happens(digest[6], 0.03),
        "mobile": network == "Specimen Mobile",
        "proxy": proxy,
        "vpn": vpn,
        "tor": tor,
        "active_vpn": vpn and happens(digest[7], 0.5),
        "active_tor": tor and happens(digest[7], 0.5),
        "recent_abuse": score >= FRAUD_SUSPECT,
        "bot_status": score >= FRAUD_BAD,
        "shared_connection": happens(digest[8], 0.12),
        "dynamic_connection": happens(digest[9], 0.5),
        "frequent_abuser": score >= FRAUD_BAD,
        "high_risk_attacks": score >= FRAUD_BAD and happens(digest[10], 0.25),
        "security_scanner": False,
        "trusted_network": False,
    }
    words = {
        "fraud_score": str(score),
        "country_code": country,
        "region": region,
        "city": city,
        "ISP": network,
        "ASN": number,
        "organization": network,
        "timezone": timezone,
        "host": value.strip(),
        "connection_type": "Data Center" if hosting else "Residential",
        "abuse_velocity": "high" if score >= FRAUD_BAD else "none",
        "zip_code": zip_code,
        "latitude": latitude,
        "longitude": longitude,
        "abuse_events": "",
    }
    words.update((name, "true" if flag else "false") for name, flag in flags.items())
    return tuple(words[column] for column in COLUMNS["proxy"])


def _score(digest: bytes) -> tuple[int, bool]:
    proxy = happens(digest[0], 0.16)
    return (70 + digest[1] % 31 if proxy else digest[1] % 80), proxy
