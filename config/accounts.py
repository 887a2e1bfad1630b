"""The accounts file: TOML with one table `[accounts.NAME]` per account and never a key; see `accounts.example.toml`."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr, ValidationError

from config.account import Account, Timeouts
from config.errors import AccountsInvalid, Problem
from config.fields import doc_of, expectation_of, fault_of, is_consequence
from config.keys import KEY_FIELDS, KeyUnusable, ResolvedKey, resolve_key
from config.verdict_rules import VerdictRule

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

__all__ = ["Account", "Accounts", "Timeouts", "load_accounts"]

#: Bytes of an accounts file beyond which it is not read.
FILE_BYTES_MAX = 1_048_576

#: Fields, in lower case and without underscores, that people use to write a key into the file.
LITERAL_KEY_FIELDS = frozenset({"key", "apikey", "token", "secret", "password"})

#: What the tables inside an account's table are.
_INNER: Mapping[str, type[BaseModel]] = {"timeouts": Timeouts, "verdicts": VerdictRule}

#: Stands in while the rest of an account without a usable key is checked, so that all problems come at once.
_NO_KEY = ResolvedKey(SecretStr(""), "nowhere")


@dataclass(frozen=True, slots=True, eq=False)
class Accounts(Mapping[str, Account]):
    """All accounts by name, where each key came from, and what is unwise about the file without being wrong."""

    by_name: Mapping[str, Account]
    #: `variable IPQS_KEY` or `file /run/secrets/ipqs`, by account name.
    key_origins: Mapping[str, str]
    cautions: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Account:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)


def load_accounts(path: Path, environ: Mapping[str, str] | None = None) -> Accounts:
    """The accounts in the file `path`, keys resolved from `environ` (by default this process's) or their files.

    Raises `AccountsInvalid` with every problem at once. Keys are registered with `config.redaction.redactor`.
    """
    entries = _entries(path)
    environ = os.environ if environ is None else environ
    problems: list[Problem] = []
    accounts: dict[str, Account] = {}
    keys: dict[str, ResolvedKey] = {}
    for name, entry in entries.items():
        try:
            keys[name] = resolve_key(entry, path.parent, environ)
        except KeyUnusable as unusable:
            problems.append(Problem(f"[accounts.{name}] {unusable.field}", unusable.fault, unusable.remedy))
        try:
            accounts[name] = _account(name, entry, keys.get(name, _NO_KEY).key)
        except AccountsInvalid as invalid:
            problems += invalid.problems
    problems += _shared_keys({name: account for name, account in accounts.items() if name in keys})
    if problems:
        raise AccountsInvalid(_headline(path), problems)
    cautions = tuple(f"[accounts.{name}]: {key.caution}" for name, key in keys.items() if key.caution)
    return Accounts(accounts, {name: key.origin for name, key in keys.items()}, cautions)


def _headline(path: Path) -> str:
    return f"The accounts file {path} cannot be used:"


def _entries(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The tables of the file by account name; raises `AccountsInvalid` when it has none that can be looked at."""
    document = _document(path)
    tables = document.get("accounts", {})
    example = "Write one table per account, for example [accounts.main]; accounts.example.toml shows every field."
    problems = [Problem(f"[{name}]", "is not a table of this file", example) for name in document if name != "accounts"]
    if not isinstance(tables, dict) or not tables:
        problems.append(Problem("The file", "names no account", example))
    else:
        problems += [
            Problem(f"accounts.{name}", "is a value, not a table", example)
            for name, entry in tables.items()
            if not isinstance(entry, dict)
        ]
    if problems:
        raise AccountsInvalid(_headline(path), problems)
    return dict(tables)


def _document(path: Path) -> Mapping[str, Any]:
    subject = "The file"
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            problem = Problem(subject, f"is larger than {FILE_BYTES_MAX:,} bytes", "Name the right file.")
        else:
            return tomllib.loads(content.decode())
    except FileNotFoundError:
        remedy = "Copy accounts.example.toml there, or name another file with BULKVERIFY_ACCOUNTS_FILE."
        problem = Problem(subject, "does not exist", remedy)
    except OSError as error:
        problem = Problem(subject, f"cannot be read ({error.strerror})", "Let the user of this process read it.")
    except UnicodeDecodeError:
        problem = Problem(subject, "is not UTF-8 text", "Save it as UTF-8, as TOML asks for.")
    except tomllib.TOMLDecodeError as error:
        # The parser's own text may repeat parts of the file.
        place = re.search(r"at (line \d+, column \d+|end of document)", str(error))
        problem = Problem(subject, f"is not TOML{' ' + place[0] if place else ''}", "Correct the syntax there.")
    except (ValueError, RecursionError):
        fault = "has a number of thousands of digits, or lists within lists without end"
        problem = Problem(subject, fault, "Correct it; accounts.example.toml shows every field.")
    raise AccountsInvalid(_headline(path), [problem])


def _account(name: str, entry: Mapping[str, Any], key: SecretStr) -> Account:
    subject = f"[accounts.{name}]"
    problems = [_literal_key(subject, field) for field in entry if _is_literal_key(field)]
    fields = {k: v for k, v in entry.items() if k not in KEY_FIELDS and not _is_literal_key(k)}
    try:
        account = Account.model_validate(fields | {"name": name, "key": key})
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        problems += [_problem(subject, error) for error in errors if not is_consequence(error)]
    if problems:
        raise AccountsInvalid(subject, problems)
    return account


def _is_literal_key(field: str) -> bool:
    return field.lower().replace("_", "").replace("-", "") in LITERAL_KEY_FIELDS


def _literal_key(subject: str, field: str) -> Problem:
    remedy = 'Remove it, give key_env = "NAME OF A VARIABLE" or key_file = "PATH", and renew the key if others saw it.'
    return Problem(f"{subject} {field}", "is a key written into the file", remedy)


def _problem(subject: str, error: ErrorDetails) -> Problem:
    *tables, name = [str(step) for step in error["loc"] if isinstance(step, str)]
    model: type[BaseModel] = _INNER[tables[0]] if tables else Account
    entries = [f"(entry {step + 1})" for step in error["loc"] if isinstance(step, int)]
    where = " ".join([subject, ".".join([*tables, name]), *entries])
    if error["type"] == "extra_forbidden":
        known = (
            sorted({*Account.model_fields, *KEY_FIELDS} - {"name", "key"})
            if model is Account
            else [*model.model_fields]
        )
        close = get_close_matches(name, known, n=1)
        remedy = f"Did you mean {close[0]}?" if close else f"Remove it; there are: {', '.join(known)}."
        return Problem(where, "is not a field", remedy)
    field = model.model_fields[name]
    example = f"{name} = {doc_of(field).example}" if name != "name" else "[accounts.main]"
    return Problem(where, fault_of(error), f"Expected: {expectation_of(field)}. Example: {example}")


def _shared_keys(accounts: Mapping[str, Account]) -> Iterator[Problem]:
    """Accounts with one key are one account at the provider: each would take the other's remote jobs for strangers."""
    seen: dict[tuple[str, str, str], str] = {}
    for name, account in accounts.items():
        identity = (account.provider, account.base_url, account.key.get_secret_value())
        if identity in seen:
            remedy = "Use one account, or a key of another account at the provider."
            yield Problem(f"[accounts.{name}]", f"has the same key as [accounts.{seen[identity]}]", remedy)
        seen.setdefault(identity, name)
