"""What `bulkverify config check` finds: settings, accounts, problems and cautions, ready to be shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from config import redis_urls
from config.accounts import load_accounts
from config.environment import variable_of
from config.errors import AccountsInvalid, Problem, SettingsInvalid
from config.redaction import redactor
from config.settings import Settings
from worker.providers.errors import ProviderError
from worker.providers.registry import build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.accounts import Account, Accounts

#: Seconds of `settle_seconds` below which a slow provider could be paid twice.
SETTLE_SECONDS_SAFE = 300.0

#: What to do about a live answer, by the reason of its error.
_REMEDIES: Mapping[str, str] = {
    "credentials_rejected": "Check the key, and key_in, against the provider's account page.",
    "unavailable": "Check base_url and balance_url, and that this host reaches them.",
    "malformed": "Check that base_url and balance_url name the provider's API.",
    "throttled": "Wait a while, and lower requests_per_second.",
    "out_of_credits": "Buy credits.",
}


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting in force."""

    variable: str
    value: str
    #: `environment` or `default`.
    origin: str


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account in force. Of its key only the origin is known here."""

    name: str
    provider: str
    key_from: str
    base_url: str
    requests_per_second: float
    max_active: int
    #: `None` when the provider was not asked, or did not tell.
    credits: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found. The configuration can be used when there are no problems."""

    settings: tuple[SettingRow, ...] = ()
    accounts: tuple[AccountRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    #: Unwise, but possible.
    cautions: tuple[str, ...] = field(default=())

    def as_document(self) -> Mapping[str, object]:
        """The report for programs, without secrets."""
        document: Mapping[str, object] = redactor.redact_value(
            {"ok": not self.problems, **asdict(self)}, sink="command"
        )
        return document


class _OpenGate:
    """Lets every call through: one question per account needs no share of the installation's call budget."""

    def acquire(self, operation: str) -> None:
        """Give a token at once."""


def report(environ: Mapping[str, str], *, live: bool) -> Report:
    """Check the settings and accounts that `environ` names; with `live`, ask every account for its credits."""
    try:
        settings = Settings.load(environ)
    except SettingsInvalid as invalid:
        return Report(problems=invalid.problems, cautions=("The accounts were not checked: the settings come first.",))
    rows = tuple(_setting_rows(settings))
    cautions = tuple(_cautions(settings))
    try:
        accounts = load_accounts(settings.accounts_file, environ)
    except AccountsInvalid as invalid:
        located = tuple(
            Problem(f"{settings.accounts_file}: {problem.subject}", problem.fault, problem.remedy)
            for problem in invalid.problems
        )
        return Report(rows, (), located, cautions)
    balances = {name: _credits(account) for name, account in accounts.items()} if live else {}
    problems = tuple(balance for balance in balances.values() if isinstance(balance, Problem))
    spent = tuple(f"[accounts.{name}]: no credits are left" for name, balance in balances.items() if balance == 0)
    return Report(rows, tuple(_account_rows(accounts, balances)), problems, cautions + accounts.cautions + spent)


def _setting_rows(settings: Settings) -> Iterator[SettingRow]:
    for name in type(settings).model_fields:
        origin = "environment" if name in settings.model_fields_set else "default"
        yield SettingRow(variable_of(name), _shown(name, getattr(settings, name)), origin)


def _shown(name: str, value: object) -> str:
    match value:
        case None:
            return "(private server)"
        case float():
            return f"{value:g}"
        case tuple():
            return ("," if name == "pull_hosts" else os.pathsep).join(map(str, value)) or "(none)"
        case Mapping():
            return ",".join(f"{each}={number}" for each, number in value.items()) or "(none)"
        case str() if name in {"redis_url", "broker_url"}:
            return redis_urls.masked(value)
        case _:
            return str(value)


def _cautions(settings: Settings) -> Iterator[str]:
    if settings.settle_seconds < SETTLE_SECONDS_SAFE:
        variable = variable_of("settle_seconds")
        yield f"{variable}: a job that shows up later than {settings.settle_seconds:g} s could be paid twice"
    if "input_roots" in settings.model_fields_set:
        for root in settings.input_roots:
            if not root.is_dir():
                yield f"{variable_of('input_roots')}: {root} is not a folder of this host"


def _account_rows(accounts: Accounts, balances: Mapping[str, int | Problem]) -> Iterator[AccountRow]:
    for name, account in accounts.items():
        balance = balances.get(name)
        yield AccountRow(
            name=name,
            provider=account.provider,
            key_from=accounts.key_origins[name],
            base_url=account.base_url,
            requests_per_second=account.requests_per_second,
            max_active=account.max_active,
            credits=balance if isinstance(balance, int) else None,
        )


def _credits(account: Account) -> int | Problem:
    try:
        return build(account, _OpenGate()).credits().balance
    except ProviderError as error:
        remedy = _REMEDIES.get(error.reason, "Try again later.")
        return Problem(f"[accounts.{account.name}]", f"cannot be asked for its credits: {error}", remedy)
