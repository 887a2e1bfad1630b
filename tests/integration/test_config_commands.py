"""`bulkverify config`: what it prints, and what it asks providers for, over real HTTP."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from worker.cli.config_commands import config
from worker.providers.sandbox.clock import Clock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

IPQS_KEY = "CANARY0ipqs0key0of0config0tests0"
WHOISXML_KEY = "at_CANARYwhoisxmlkeyofconfigtest"

SETTINGS_PAGE = Path(__file__).parents[2] / "docs/settings.md"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SandboxServer]:
    """Both simulated providers on a loopback port."""
    ipqs = IpqsSandbox(key=IPQS_KEY, clock=Clock(), folder=tmp_path / "ipqs")
    whoisxml = WhoisXmlSandbox(key=WHOISXML_KEY, clock=Clock(), folder=tmp_path / "whoisxml")
    with SandboxServer(ipqs, whoisxml) as running:
        yield running


class Installation:
    """A home folder with an accounts file, and the environment that names it."""

    def __init__(self, home: Path, accounts: str, **variables: str) -> None:
        (home / "accounts.toml").write_text(accounts, encoding="utf-8")
        unset = {name: None for name in os.environ if name.startswith("BULKVERIFY_")}
        keys = {"IPQS_KEY": IPQS_KEY, "WHOISXML_KEY": WHOISXML_KEY}
        self._environ = {**unset, "BULKVERIFY_HOME": str(home), **keys, **variables}

    def run(self, *arguments: str) -> Result:
        """Run `bulkverify config …`; no key is ever in what it prints."""
        result = CliRunner(env=self._environ).invoke(config, arguments)
        assert IPQS_KEY not in result.output
        assert WHOISXML_KEY not in result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def document(self, *arguments: str) -> dict[str, Any]:
        """What `config check --json` prints; it agrees with the exit code."""
        result = self.run("check", "--json", *arguments)
        document: dict[str, Any] = json.loads(result.stdout)
        assert document["ok"] == (result.exit_code == 0)
        return document


def accounts(base_url: str) -> str:
    """One account at each simulated provider."""
    return f"""
        [accounts.first]
        provider = "ipqs"
        key_env = "IPQS_KEY"
        base_url = "{base_url}/ipqs/api"
        [accounts.second]
        provider = "whoisxml"
        key_env = "WHOISXML_KEY"
        base_url = "{base_url}/whoisxml/api/bevService"
    """


def closed_port() -> int:
    """A port of this host that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_check_shows_values_their_origin_and_the_accounts(tmp_path: Path) -> None:
    """One table says what is in force and who said so, another which accounts there are."""
    installation = Installation(tmp_path, accounts("http://127.0.0.1:9"), BULKVERIFY_CRASHES_MAX="7")
    result = installation.run("check")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["BULKVERIFY_CRASHES_MAX", "7", "environment"] in lines
    assert ["BULKVERIFY_POLL_FLOOR_SECONDS", "5", "default"] in lines
    assert ["first", "ipqs", "variable", "IPQS_KEY", "2", "20", "-", "http://127.0.0.1:9/ipqs/api"] in lines
    assert result.stdout.endswith("The configuration can be used.\n")


def test_check_never_shows_a_redis_password(tmp_path: Path) -> None:
    """Neither as a table nor as JSON, nor in the broker's URL that follows from it."""
    url = "redis://user:CANARY-redis-password@127.0.0.1:1/3"
    installation = Installation(tmp_path, accounts("http://127.0.0.1:9"), BULKVERIFY_REDIS_URL=url)
    for result in (installation.run("check"), installation.run("check", "--json")):
        assert "CANARY-redis-password" not in result.output
        assert "redis://user:[redacted]@127.0.0.1:1/3" in result.output
        assert "redis://user:[redacted]@127.0.0.1:1/4" in result.output


def test_check_prints_every_problem_of_the_settings(tmp_path: Path) -> None:
    """The exit code is 1, and each problem has its remedy."""
    installation = Installation(tmp_path, "", BULKVERIFY_REDIS_ULR="redis://x", BULKVERIFY_CRASHES_MAX="0")
    result = installation.run("check")
    assert result.exit_code == 1
    assert "BULKVERIFY_REDIS_ULR is not a setting.\n    Did you mean BULKVERIFY_REDIS_URL?" in result.stdout
    assert "BULKVERIFY_CRASHES_MAX is 0, which is out of bounds." in result.stdout
    assert "The accounts were not checked" in result.stdout
    assert result.stdout.endswith("The configuration cannot be used.\n")


def test_check_prints_every_problem_of_the_accounts_file(tmp_path: Path) -> None:
    """The settings are still shown: they say which file was read."""
    installation = Installation(tmp_path, '[accounts.a]\nprovider = "ipqs"\nkey_env = "NOT_SET"\nmax_active = 0')
    document = installation.document()
    assert [problem["subject"] for problem in document["problems"]] == [
        f"{tmp_path}/accounts.toml: [accounts.a] key_env",
        f"{tmp_path}/accounts.toml: [accounts.a] max_active",
    ]
    assert len(document["settings"]) > 30


def test_a_key_in_the_accounts_file_is_a_problem_that_is_not_repeated(tmp_path: Path) -> None:
    """The output may be pasted into a ticket."""
    result = Installation(tmp_path, f'[accounts.a]\nprovider = "ipqs"\nkey = "{IPQS_KEY}"').run("check")
    assert result.exit_code == 1
    assert "is a key written into the file" in result.stdout


def test_cautions_are_shown_and_stop_nothing(tmp_path: Path) -> None:
    """A risky value, a missing folder and a readable key file are worth a line each."""
    (tmp_path / "ipqs.key").write_text(IPQS_KEY, encoding="utf-8")
    (tmp_path / "ipqs.key").chmod(0o644)
    installation = Installation(
        tmp_path,
        '[accounts.a]\nprovider = "ipqs"\nkey_file = "ipqs.key"',
        BULKVERIFY_SETTLE_SECONDS="5",
        BULKVERIFY_INPUT_ROOTS=str(tmp_path / "missing"),
    )
    result = installation.run("check")
    assert result.exit_code == 0
    assert "BULKVERIFY_SETTLE_SECONDS: a job that shows up later than 5 s could be paid twice" in result.stdout
    assert f"BULKVERIFY_INPUT_ROOTS: {tmp_path}/missing is not a folder of this host" in result.stdout
    assert "[accounts.a]: the key file" in result.stdout


def test_live_asks_each_account_for_its_credits(tmp_path: Path, server: SandboxServer) -> None:
    """Both keys work at the servers that the accounts file names, and nothing is charged."""
    document = Installation(tmp_path, accounts(server.base_url)).document("--live")
    assert document["problems"] == []
    assert all(account["credits"] > 0 for account in document["accounts"])
    assert server.ipqs.calls == {"credits": 1}
    assert server.whoisxml.calls == {"credits": 1}


def test_without_live_no_provider_is_called(tmp_path: Path, server: SandboxServer) -> None:
    """A plain check works offline."""
    Installation(tmp_path, accounts(server.base_url)).document()
    assert not server.ipqs.calls
    assert not server.whoisxml.calls


def test_live_names_the_account_whose_key_is_wrong(tmp_path: Path, server: SandboxServer) -> None:
    """The other account's credits are still shown."""
    installation = Installation(tmp_path, accounts(server.base_url), IPQS_KEY="CANARY0some0other0wrong0key00000")
    document = installation.document("--live")
    (problem,) = document["problems"]
    assert problem["subject"] == "[accounts.first]"
    assert "Check the key" in problem["remedy"]
    assert [account["credits"] is None for account in document["accounts"]] == [True, False]
    assert "CANARY0some0other" not in json.dumps(document)


def test_live_names_a_provider_that_cannot_be_reached(tmp_path: Path) -> None:
    """A wrong base URL is a problem of each account that has it, in this program's words."""
    result = Installation(tmp_path, accounts(f"http://127.0.0.1:{closed_port()}")).run("check", "--live")
    assert result.exit_code == 1
    assert result.stdout.count("cannot be asked for its credits") == 2
    assert "Check base_url" in result.stdout
    assert "urllib3" not in result.output
    assert "HTTPConnection" not in result.output


def test_docs_prints_the_page_that_the_docs_contain(tmp_path: Path) -> None:
    """`bulkverify config docs > docs/settings.md` is how that page is made."""
    result = Installation(tmp_path, "").run("docs")
    assert result.exit_code == 0
    assert result.stdout == SETTINGS_PAGE.read_text(encoding="utf-8")
