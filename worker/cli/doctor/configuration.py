"""Checks of the configuration: what `config check` finds, and with leave to call providers their credits and clocks."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from worker.cli.config_report import report
from worker.cli.health.check import ok, problem, unknown, warning
from worker.cli.wording import duration
from worker.http_session import plain_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.account import Account
    from config.settings import Settings
    from worker.cli.health.check import Check
    from worker.store.store import Store

AREA = "configuration"
CLOCKS = "clocks"
#: Seconds that a provider's front door may take to answer.
ANSWER_SECONDS_MAX = 10.0


def configuration_checks(environ: Mapping[str, str], *, providers: bool) -> Iterator[Check]:
    """Settings and accounts; with `providers`, each account is asked for its credits, which is not charged."""
    found = report(environ, live=providers)
    for fault in found.problems:
        yield problem(AREA, "unusable", f"{fault.subject} {fault.fault}", fault.remedy)
    for caution in found.cautions:
        yield warning(
            AREA, "caution", caution, "`bulkverify config check` shows what is in force and where it is from."
        )
    if not found.problems:
        told = f"{len(found.settings):,} settings and {len(found.accounts):,} accounts can be used"
        yield ok(AREA, "usable", told)
    for account in found.accounts if providers else ():
        if account.credits is not None:
            yield ok(AREA, "credits", f"{account.name}: the provider answers, and tells {account.credits:,} credits")


def provider_clock_checks(settings: Settings, accounts: Mapping[str, Account], store: Store) -> Iterator[Check]:
    """The clock of each provider's service beside Redis's; asks for nothing, carries no key, and costs nothing."""
    for origin in sorted({_origin(account.base_url) for account in accounts.values()}):
        yield _clock_of(origin, settings, store)


def _clock_of(origin: str, settings: Settings, store: Store) -> Check:
    try:
        with plain_session(connections=1) as session:
            answer = session.head(origin, timeout=ANSWER_SECONDS_MAX, allow_redirects=False)
    except requests.RequestException as error:
        text = f"{origin} does not answer ({type(error).__name__})"
        return unknown(CLOCKS, "provider", text, "Check that this host reaches it; `bulkverify config check --live`.")
    now, told = store.now(), _told(answer.headers.get("Date", ""))
    if told is None:
        return ok(CLOCKS, "provider", f"{origin} tells no time; nothing to compare")
    apart_seconds = abs(now - told)
    text = f"the clocks of {origin} and Redis are {duration(apart_seconds)} apart"
    if apart_seconds <= settings.clock_skew_seconds:
        return ok(CLOCKS, "provider", text)
    remedy = "Set the clock of the Redis host by NTP, or raise BULKVERIFY_CLOCK_SKEW_SECONDS where the provider is off."
    return problem(CLOCKS, "provider", text, remedy)


def _told(text: str) -> float | None:
    """The time in a `Date` header, epoch seconds (whole ones)."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"
