"""Accounts files: built from a few words, loaded, and never with their key in an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.accounts import Account, load_accounts
from config.errors import AccountsInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: A key that no text may hold.
CANARY = "CANARY0key0of0the0accounts0tests"


class Folder:
    """A folder with an accounts file in it."""

    def __init__(self, path: Path, text: str, environ: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.file = path / "accounts.toml"
        self.file.write_text(text, encoding="utf-8")
        self.environ = {"KEY": CANARY} if environ is None else environ

    def account(self) -> Account:
        """The one account of the file."""
        (account,) = load_accounts(self.file, self.environ).values()
        return account

    def refusal(self) -> AccountsInvalid:
        """The error that the file leads to; its text never holds the key."""
        with pytest.raises(AccountsInvalid) as raised:
            load_accounts(self.file, self.environ)
        assert CANARY not in str(raised.value)
        return raised.value

    def faults(self) -> dict[str, str]:
        """What is wrong, by where it is."""
        return {problem.subject: problem.fault for problem in self.refusal().problems}


def table(provider: str = "ipqs", **fields: str) -> str:
    """An account `main` whose key is in the variable KEY; further fields are TOML."""
    lines = [f"{name} = {value}" for name, value in fields.items()]
    return "\n".join(["[accounts.main]", f'provider = "{provider}"', 'key_env = "KEY"', *lines])
