"""Keys of accounts: by reference only, checked, known to the redactor, and in no text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr, ValidationError

from config.accounts import Account, load_accounts
from config.redaction import redactor
from tests.builders.accounts_file import CANARY, Folder, table

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_file_is_read_and_stripped(tmp_path: Path) -> None:
    """A relative path begins at the accounts file's folder; the newline of an editor does not count."""
    (tmp_path / "ipqs.key").write_text(f" {CANARY}\n", encoding="utf-8")
    (tmp_path / "ipqs.key").chmod(0o600)
    folder = Folder(tmp_path, '[accounts.main]\nprovider = "ipqs"\nkey_file = "ipqs.key"', {})
    accounts = load_accounts(folder.file, {})
    assert accounts["main"].key.get_secret_value() == CANARY
    assert accounts.key_origins == {"main": f"file {tmp_path / 'ipqs.key'}"}
    assert accounts.cautions == ()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_file_that_others_can_read_is_a_caution(tmp_path: Path, mode: int) -> None:
    """It is returned, not printed, and does not stop anything."""
    (tmp_path / "ipqs.key").write_text(CANARY, encoding="utf-8")
    (tmp_path / "ipqs.key").chmod(mode)
    folder = Folder(tmp_path, '[accounts.main]\nprovider = "ipqs"\nkey_file = "ipqs.key"')
    (caution,) = load_accounts(folder.file, {}).cautions
    assert "can be read by others" in caution
    assert CANARY not in caution


def test_a_loaded_key_is_known_to_the_redactor(tmp_path: Path) -> None:
    """Nobody has to remember to register it."""
    Folder(tmp_path, table(), {"KEY": "another-CANARY-key"}).account()
    assert redactor.redact("sent another-CANARY-key") == "sent [redacted]"


def test_a_key_is_in_no_repr(tmp_path: Path) -> None:
    """An account may be logged by accident."""
    folder = Folder(tmp_path, table())
    account = folder.account()
    assert CANARY not in repr(account)
    assert CANARY not in account.model_dump_json()
    assert CANARY not in repr(load_accounts(folder.file, folder.environ))


@pytest.mark.parametrize("field", ["key", "api_key", "apiKey", "token"])
def test_a_key_in_the_file_is_refused_and_not_repeated(tmp_path: Path, field: str) -> None:
    """The remedy says where keys go, and to renew this one."""
    folder = Folder(tmp_path, table(**{field: f'"{CANARY}"'}))
    assert folder.faults() == {f"[accounts.main] {field}": "is a key written into the file"}
    assert "key_env" in folder.refusal().problems[0].remedy


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({}, "names the variable KEY, which is not set"),
        ({"KEY": ""}, "gives an empty key"),
        ({"KEY": " \n"}, "gives an empty key"),
        ({"KEY": f"{CANARY}\n{CANARY}"}, "gives a key with spaces, line breaks or characters no key has"),
        ({"KEY": f"{CANARY} x"}, "gives a key with spaces, line breaks or characters no key has"),
        ({"KEY": f"{CANARY}\x7f"}, "gives a key with spaces, line breaks or characters no key has"),
        ({"KEY": f"{CANARY}é"}, "gives a key with spaces, line breaks or characters no key has"),
        ({"KEY": "short"}, "gives a key of 5 characters, where 8 to 1,024 characters are usual"),
    ],
)
def test_a_variable_without_a_usable_key_is_refused(tmp_path: Path, environ: dict[str, str], fault: str) -> None:
    """A key that no header could carry is found at start."""
    assert Folder(tmp_path, table(), environ).faults() == {"[accounts.main] key_env": fault}


@pytest.mark.parametrize(
    ("lines", "subject"),
    [
        ("", "key_env and key_file"),
        ('key_env = "KEY"\nkey_file = "x"', "key_env and key_file"),
        ("key_env = 3", "key_env"),
        (f'key_env = "{CANARY}-"', "key_env"),
        (f'key_env = "{CANARY.lower().swapcase()}x"', "key_env"),
        ('key_env = "BULKVERIFY_KEY"', "key_env"),
        ('key_file = "missing.key"', "key_file"),
        ('key_file = "."', "key_file"),
        ('key_file = "~no-such-user-here/x"', "key_file"),
        ('key_file = "\\u0000"', "key_file"),
        ('key_file = "binary.key"', "key_file"),
        ('key_file = "large.key"', "key_file"),
    ],
)
def test_exactly_one_usable_reference_is_needed(tmp_path: Path, lines: str, subject: str) -> None:
    """Every way to refer to a key wrongly names the field, and never what was written there."""
    (tmp_path / "binary.key").write_bytes(b"\xff\xfe" + CANARY.encode())
    (tmp_path / "large.key").write_text(CANARY * 200, encoding="utf-8")
    folder = Folder(tmp_path, f'[accounts.main]\nprovider = "ipqs"\n{lines}')
    assert folder.faults().keys() == {f"[accounts.main] {subject}"}


def test_a_key_of_capitals_in_the_place_of_a_variable_is_not_repeated(tmp_path: Path) -> None:
    """It could be the name of a variable, were it not for its length."""
    refusal = Folder(tmp_path, f'[accounts.main]\nprovider = "ipqs"\nkey_env = "{CANARY.upper()}"').refusal()
    assert CANARY.upper() not in str(refusal)
    assert "names a variable that is not set" in str(refusal)


def test_two_accounts_cannot_share_a_key(tmp_path: Path) -> None:
    """At the provider they would be one account, whose jobs each would take for its own."""
    text = table() + "\n" + table().replace("main", "again")
    assert Folder(tmp_path, text).faults() == {"[accounts.again]": "has the same key as [accounts.main]"}


def test_a_hand_made_account_error_hides_the_key() -> None:
    """Also the library's own error, which no user sees, keeps values to itself."""
    with pytest.raises(ValidationError) as raised:
        Account(name="two words", provider="ipqs", key=SecretStr(CANARY), base_url=f"https://x/?key={CANARY}")
    assert CANARY not in str(raised.value)
