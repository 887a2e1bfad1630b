"""Configurations that make no sense, in the file of accounts and in the environment, and what is said of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.errors import ConfigError, SettingsInvalid
from config.settings import Settings
from tests.builders.accounts_file import Folder, table

if TYPE_CHECKING:
    from pathlib import Path

#: Most characters of everything that is said of one mistake.
TOLD_CHARACTERS_MAX = 2_000

#: Further lines of an account's table, and what is said of them.
ACCOUNTS = {
    "a number of thousands of digits": ("max_active = " + "9" * 5_000, "a number of thousands of digits"),
    "a number of hundreds of digits": ("max_active = " + "9" * 900, "max_active is 999"),
    "lists in lists": ("x = " + "[" * 5_000 + "]" * 5_000, "lists within lists"),
    "no number": ("requests_per_second = nan", "is nan, which is out of bounds"),
    "an infinite number": ("requests_per_second = inf", "is inf, which is out of bounds"),
    "a date for a URL": ("base_url = 1979-05-27", "base_url has the wrong type"),
    "half an address": ('base_url = "https://[::1"', "base_url is not a URL"),
    "a NUL in a host": ('base_url = "https://a\\u0000b/api"', "base_url is not an http"),
    "a line end in a host": ('base_url = "https://a\\nb/api"', "base_url is not"),
    "a host with a space": ('download_hosts = ["a b"]', "no bare host name"),
    "a text for a list": ('download_hosts = "example.com"', "download_hosts has the wrong type"),
    "a number for a table": ("timeouts = 3", "timeouts has the wrong type"),
    "a hostile field": ('"\\u001b[2J\\u202e" = 1', "[2J\N{REPLACEMENT CHARACTER} is not a field"),
    "a field twice": ('provider = "ipqs"', "is not TOML"),
    "two keys": ('key_file = "other"', "key_env and key_file are both given"),
}

#: Variables, without their prefix, and what is said of them.
SETTINGS = {
    "no number": ("POLL_FLOOR_SECONDS", "nan", "is nan, which is out of bounds"),
    "an infinite number": ("POLL_CAP_SECONDS", "inf", "is inf, which is out of bounds"),
    "a number with an exponent": ("METRICS_PORT", "1e3", "is not a whole number"),
    "a number of thousands of digits": ("CRASHES_MAX", "9" * 5_000, "is not a whole number"),
    "a number of hundreds of digits": ("CRASHES_MAX", "9" * 900, "is 999"),
    "a time before now": ("RETENTION_DAYS", "-1", "is -1, which is out of bounds"),
    "nobody to work": ("WORKER_THREADS", "0", "is 0, which is out of bounds"),
    "an escape sequence": ("LOG_LEVEL", "\x1b[2J", "is none of the possible words"),
    "a hostile name": ("\x1b[2J\n", "1", "[2J\N{REPLACEMENT CHARACTER} is not a setting"),
    "a long name": ("N" * 5_000, "1", "NNN"),
    "half an address": ("REDIS_URL", "redis://[::1", "is not a URL"),
    "queues without records": ("BROKER_URL", "redis://localhost/1", "is set without BULKVERIFY_REDIS_URL"),
    "a folder with a NUL": ("STORAGE_URL", "file:///srv/a%00b", "does not name an absolute folder"),
    "a long id": ("INSTALLATION_ID", "x" * 500, "characters or a length that are not allowed"),
    "no roots": ("INPUT_ROOTS", ":", "BULKVERIFY_INPUT_ROOTS"),
}


def check_told(error: ConfigError, said: str) -> None:
    """Fail unless a mistake is named in bounds, without anything that a terminal would obey or a library has said."""
    text = str(error)
    assert said in text
    assert text.replace("\n", " ").isprintable(), ascii(text)
    assert len(text) <= TOLD_CHARACTERS_MAX
    assert "Error" not in text


@pytest.mark.parametrize(("line", "said"), ACCOUNTS.values(), ids=[name.replace(" ", "-") for name in ACCOUNTS])
def test_a_bad_account_is_told(tmp_path: Path, line: str, said: str) -> None:
    """Whatever is written into an account's table, the answer is a sentence that names it."""
    check_told(Folder(tmp_path, f"{table()}\n{line}\n").refusal(), said)


@pytest.mark.parametrize(
    ("name", "value", "said"), SETTINGS.values(), ids=[name.replace(" ", "-") for name in SETTINGS]
)
def test_a_bad_setting_is_told(name: str, value: str, said: str) -> None:
    """Whatever a variable holds, the answer is a sentence that names it."""
    with pytest.raises(SettingsInvalid) as raised:
        Settings.load({f"BULKVERIFY_{name}": value})
    check_told(raised.value, said)
