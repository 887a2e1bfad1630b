"""The accounts file: keys by reference, defaults that fit the provider, all problems at once and no key in any."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.account import KEY_PLACES
from config.accounts import Account, load_accounts
from config.endpoints import BASE_URLS
from config.errors import AccountsInvalid
from tests.builders.accounts_file import CANARY, Folder, table

EXAMPLE = Path(__file__).parents[2] / "config/accounts.example.toml"


def test_an_ipqs_account_needs_provider_and_key_only(tmp_path: Path) -> None:
    """Everything else has the documented default."""
    account = Folder(tmp_path, table("ipqs")).account()
    assert account.name == "main"
    assert account.key.get_secret_value() == CANARY
    assert account.base_url == "https://www.ipqualityscore.com/api"
    assert account.balance_url is None
    assert account.download_hosts == ("downloads.ipqualityscore.com",)
    assert account.key_in == "header"
    assert (account.requests_per_second, account.max_active, account.max_part_rows) == (2.0, 20, None)
    timeouts = account.timeouts
    assert (timeouts.connect_seconds, timeouts.send_seconds, timeouts.read_seconds) == (10.0, 60.0, 60.0)


def test_a_whoisxml_account_needs_provider_and_key_only(tmp_path: Path) -> None:
    """Its balance is told by another host, and its key goes into bodies."""
    account = Folder(tmp_path, table("whoisxml")).account()
    assert account.base_url == "https://emailverification.whoisxmlapi.com/api/bevService"
    assert account.balance_url == "https://user.whoisxmlapi.com/user-service/account-balance"
    assert account.download_hosts == ()
    assert account.key_in == "body"
    assert (account.verification_version, account.list_page_rows, account.list_order) == (3, 50, "asc")


def test_given_fields_win(tmp_path: Path) -> None:
    """What is written in the file is in force."""
    text = table(
        base_url='"https://proxy.example.com/ipqs/api/"',
        download_hosts='["Files.Example.com"]',
        requests_per_second="0.5",
        max_active="3",
        max_part_rows="1000",
        key_in='"path"',
        timeouts="{ read_seconds = 5 }",
    )
    account = Folder(tmp_path, text).account()
    assert account.base_url == "https://proxy.example.com/ipqs/api"
    assert account.download_hosts == ("files.example.com",)
    assert (account.requests_per_second, account.max_active, account.max_part_rows) == (0.5, 3, 1000)
    assert account.key_in == "path"
    assert (account.timeouts.connect_seconds, account.timeouts.read_seconds) == (10.0, 5.0)


@pytest.mark.parametrize(
    ("base_url", "balance_url"),
    [
        (
            "http://127.0.0.1:8080/whoisxml/api/bevService",
            "http://127.0.0.1:8080/whoisxml/user-service/account-balance",
        ),
        ("https://mirror.example.com", "https://mirror.example.com/user-service/account-balance"),
    ],
)
def test_the_balance_follows_the_base_url(tmp_path: Path, base_url: str, balance_url: str) -> None:
    """A key for one's own server is never sent to the vendor's balance address."""
    assert Folder(tmp_path, table("whoisxml", base_url=f'"{base_url}"')).account().balance_url == balance_url


def test_downloads_may_come_from_the_base_urls_host_too(tmp_path: Path) -> None:
    """A simulated server hands out links to itself; a proxy passes on the vendor's."""
    account = Folder(tmp_path, table(base_url='"http://127.0.0.1:8080/ipqs/api"')).account()
    assert account.download_hosts == ("127.0.0.1", "downloads.ipqualityscore.com")


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("base_url", '"http://example.com/api"', "the key would travel readable"),
        ("base_url", '"http://localhost.example.com/api"', "the key would travel readable"),
        ("base_url", '"https://user:pw@example.com"', "holds credentials"),
        ("base_url", '"https://example.com/api?key=1"', "has a query or fragment"),
        ("base_url", '"ftp://example.com"', "is not an http:// or https:// URL"),
        ("base_url", '"https://example.com:port"', "is not a URL"),
        ("base_url", "3", "has the wrong type"),
        ("balance_url", '"https://example.com/balance"', "ipqs tells its credits under base_url"),
        ("download_hosts", '["https://example.com"]', "no bare host name"),
        ("download_hosts", '["example.com:443"]', "no bare host name"),
        ("key_in", '"body"', "is not where ipqs takes a key"),
        ("key_in", '"cookie"', "is none of the possible words"),
        ("verification_version", "3", "ipqs has nothing of the kind"),
        ("list_page_rows", "50", "ipqs has nothing of the kind"),
        ("list_order", '"asc"', "ipqs has nothing of the kind"),
        ("max_active", "0", "is 0, which is out of bounds"),
        ("requests_per_second", '"fast"', "is not a number"),
        ("max_part_rows", "1.5", "is not a whole number"),
        ("timeouts", "{ read_seconds = 0 }", "is 0, which is out of bounds"),
        ("insecure", '"perhaps"', "is neither true nor false"),
    ],
)
def test_a_bad_field_is_named_with_its_fault(tmp_path: Path, field: str, value: str, fault: str) -> None:
    """Each field of an account is checked in words of its own."""
    found = Folder(tmp_path, table(**{field: value})).faults()
    (subject,) = found
    assert subject.startswith(f"[accounts.main] {field}")
    assert fault in found[subject]


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("download_hosts", '["example.com"]', "whoisxml has no download links"),
        ("key_in", '"header"', "is not where whoisxml takes a key"),
        ("key_in", '"param"', "is not where whoisxml takes a key"),
        ("max_part_rows", "50001", "at most 50,000 rows"),
        ("verification_version", "1", "is none of the possible words"),
        ("verification_version", '"3"', "is none of the possible words"),
        ("list_page_rows", "9", "is 9, which is out of bounds"),
        ("list_page_rows", "51", "is 51, which is out of bounds"),
        ("list_order", '"newest"', "is none of the possible words"),
        ("balance_url", '"http://example.com/balance"', "the key would travel readable"),
    ],
)
def test_whoisxml_has_limits_of_its_own(tmp_path: Path, field: str, value: str, fault: str) -> None:
    """What the provider does not have cannot be set."""
    assert fault in Folder(tmp_path, table("whoisxml", **{field: value})).faults()[f"[accounts.main] {field}"]


@pytest.mark.parametrize("place", ["header", "path", "param", "json"])
def test_an_ipqs_key_may_go_to_any_place_that_works(tmp_path: Path, place: str) -> None:
    """Each placement can be chosen by name."""
    assert Folder(tmp_path, table(key_in=f'"{place}"')).account().key_in == place


@pytest.mark.parametrize(("value", "version"), [("2", 2), ("3", 3), ('"omit"', "omit")])
def test_the_version_of_a_verification_may_be_chosen_or_left_out(
    tmp_path: Path, value: str, version: int | str
) -> None:
    """WhoisXML's version is a number that it documents, or the word for sending none."""
    account = Folder(tmp_path, table("whoisxml", verification_version=value, list_order='"desc"')).account()
    assert (account.verification_version, account.list_order) == (version, "desc")


def test_a_wrong_version_is_told_the_right_ones(tmp_path: Path) -> None:
    """The remedy lists what there is to choose from."""
    (problem,) = Folder(tmp_path, table("whoisxml", verification_version="4")).refusal().problems
    assert "one of 2, 3, omit" in problem.remedy


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/api", "http://localhost:1/api", "http://[::1]:1/api"])
def test_plain_http_is_fine_on_this_host(tmp_path: Path, url: str) -> None:
    """A simulated server needs no certificate."""
    assert Folder(tmp_path, table(base_url=f'"{url}"')).account().base_url == url


def test_plain_http_to_others_must_be_asked_for(tmp_path: Path) -> None:
    """`insecure = true` is the one way, wherever in the table it stands."""
    text = table(base_url='"http://example.com/api"', insecure="true")
    assert Folder(tmp_path, text).account().base_url == "http://example.com/api"


@pytest.mark.parametrize(
    ("field", "meant"),
    [("max_activ", "max_active"), ("base_ulr", "base_url"), ("key_environment", "key_env"), ("time_out", "timeouts")],
)
def test_an_unknown_field_gets_a_suggestion(tmp_path: Path, field: str, meant: str) -> None:
    """A typing error is not silently ignored."""
    (problem,) = Folder(tmp_path, table(**{field: "1"})).refusal().problems
    assert problem.fault == "is not a field"
    assert problem.remedy == f"Did you mean {meant}?"


def test_all_problems_of_all_accounts_come_at_once(tmp_path: Path) -> None:
    """One look at the error is enough to correct the whole file."""
    text = """
        [accounts.one]
        provider = "ipqs"
        key_env = "NOT_SET"
        max_active = 0
        [accounts."two words"]
        provider = "whoisxml"
        key_env = "KEY"
        [accounts.three]
        provider = "nobody"
        key_file = "missing"
        timeouts = { red = 1 }
    """
    assert Folder(tmp_path, text).faults().keys() == {
        "[accounts.one] key_env",
        "[accounts.one] max_active",
        "[accounts.two words] name",
        "[accounts.three] key_file",
        "[accounts.three] provider",
        "[accounts.three] timeouts.red",
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "names no account"),
        ("[accounts]", "names no account"),
        ('accounts = "x"', "names no account"),
        (f"[accounts.main]\nkey_env = {CANARY}", "is not TOML at line 2, column 11"),
        (f"[accounts.main]\nx = {{ {CANARY} = 1, {CANARY} = 2 }}", "is not TOML at line 2"),
    ],
)
def test_a_file_without_accounts_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    """The place of a syntax error is named, its text is not."""
    assert Folder(tmp_path, text).faults()["The file"].startswith(fault)


def test_other_tables_and_stray_values_are_refused(tmp_path: Path) -> None:
    """`[account.main]` is a typing error, not an account that is missing in silence."""
    text = '[account.main]\nprovider = "ipqs"\n[accounts]\nmain = 3'
    assert Folder(tmp_path, text).faults() == {
        "[account]": "is not a table of this file",
        "accounts.main": "is a value, not a table",
    }


def test_a_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    """The first start of a new installation ends with this message."""
    with pytest.raises(AccountsInvalid, match=r"does not exist\.\n.*accounts\.example\.toml"):
        load_accounts(tmp_path / "none.toml", {})


def test_a_file_that_is_a_folder_large_or_binary_is_refused(tmp_path: Path) -> None:
    """Whatever the path leads to, the answer is a sentence."""
    (tmp_path / "large.toml").write_bytes(b"#" * 1_048_577)
    (tmp_path / "binary.toml").write_bytes(b"\xff")
    for name, fault in {".": "cannot be read", "large.toml": "is larger", "binary.toml": "is not UTF-8"}.items():
        with pytest.raises(AccountsInvalid, match=fault):
            load_accounts(tmp_path / name, {})


def test_the_example_file_works_and_shows_the_defaults(tmp_path: Path) -> None:
    """Whoever copies it and sets the two keys has a configuration, equal to one that gives nothing else."""
    (tmp_path / "whoisxml.key").write_text("whoisxml-CANARY-key", encoding="utf-8")
    folder = Folder(tmp_path, EXAMPLE.read_text(encoding="utf-8"), {"IPQS_KEY": CANARY})
    accounts = load_accounts(folder.file, folder.environ)
    assert [account.provider for account in accounts.values()] == ["ipqs", "whoisxml"]
    for account in accounts.values():
        assert account == Account(name=account.name, provider=account.provider, key=account.key)


def test_the_example_file_names_every_field() -> None:
    """A field that nobody finds does not exist."""
    text = EXAMPLE.read_text(encoding="utf-8")
    missing = [name for name in Account.model_fields if name not in {"name", "key"} and f"{name} = " not in text]
    assert missing == []


def test_every_provider_has_its_tables() -> None:
    """A provider without an address or a place for its key cannot be used."""
    assert BASE_URLS.keys() == KEY_PLACES.keys() == {"ipqs", "whoisxml"}
