"""Providers that go wrong in every way there is, and repeat keys wherever they can: one account for each way."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.builders.canary import Canaries
from tests.builders.canary_lists import ListHost
from tests.builders.scripted_server import ScriptedServer
from tests.builders.server_process import free_port
from worker.providers.sandbox.clock import Clock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.knobs import IpqsKnobs, WhoisXmlKnobs
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.builders.canary_cases import Case

#: A name of a variable in which no setting is.
KEY_VARIABLE = "CANARY_WHOISXML_KEY"
#: Seconds that a job takes: long enough to be seen at work.
JOB_SECONDS = 0.4


@dataclass(frozen=True)
class Keys:
    """The keys of an installation, and the password of its Redis."""

    ipqs: str
    whoisxml: str
    password: str = "r3dis-canary/p@ss+word&0of1"
    #: A secret of somebody else's, in links to lists.
    foreign: str = "f0re1gn-C4nary/of+a=L1nk&0of1"

    def canaries(self) -> Canaries:
        """All of them, and the field in which IPQualityScore repeats its key."""
        secrets = {"IPQS key": self.ipqs, "WhoisXML key": self.whoisxml, "Redis password": self.password}
        secrets["URL secret"] = self.foreign
        return Canaries(secrets, ["status_url"])


#: One key as its provider makes them, the other with every character that some encoding changes; then the other way.
PLAIN_IPQS = Keys("C4n4ryKeyOfIpqsThirtyTwoChars0Xz", "at_c4n4ry\"+/=\\'%41&<>key0of1whoisxml")
PLAIN_WHOISXML = Keys("C4n4ry\"+=_\\'%41&<>KeyOfIpqs0Xz", "at_c4n4rykeyofwhoisxml0thirtytwo")


@dataclass
class Canarium:
    """The simulated providers by account, and a server elsewhere to which nothing may go."""

    keys: Keys
    folder: Path
    elsewhere: ScriptedServer
    lists: ListHost
    sandboxes: dict[str, IpqsSandbox | WhoisXmlSandbox] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)

    @property
    def accounts_file(self) -> Path:
        """One account for each case. The key of WhoisXML is in a variable, that of IPQualityScore in a file."""
        path = self.folder / "accounts.toml"
        path.write_text("\n".join(self.tables))
        return path

    @property
    def key_file(self) -> Path:
        """The one file that holds a key because it is made for it."""
        return self.folder / "ipqs.key"

    @property
    def environment(self) -> dict[str, str]:
        """What the accounts file refers to."""
        return {KEY_VARIABLE: self.keys.whoisxml}

    def tokens(self) -> list[str]:
        """The token of every download link that was ever handed out."""
        found = [box for box in self.sandboxes.values() if isinstance(box, IpqsSandbox)]
        return [token for box in found for token in box._links._links]

    def canaries(self) -> Canaries:
        """Everything that must not be found anywhere, as of now."""
        return self.keys.canaries().with_tokens(self.tokens())

    def heard_elsewhere(self) -> str:
        """Everything that ever reached the server that nothing may reach."""
        return repr(self.elsewhere.heard)


@contextmanager
def a_canarium(folder: Path, keys: Keys, cases: Iterable[Case]) -> Iterator[Canarium]:
    """Serve the simulated providers of all `cases` until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        site = Canarium(
            keys, folder, stack.enter_context(ScriptedServer()), stack.enter_context(ListHost(keys.foreign))
        )
        site.key_file.write_text(keys.ipqs)
        site.key_file.chmod(0o600)
        strangers = stack.enter_context(ScriptedServer(encrypted=True))
        for case in cases:
            sandbox, base_url = _served(stack, site, case)
            site.sandboxes[case.name] = sandbox
            case.arrange(sandbox, site)
            if any(fault.operation == "status" for fault in sandbox.knobs.faults):
                # A job that the list shows as finished is never asked about.
                sandbox.knobs.list_delay_seconds = math.inf
            places = {"served": base_url, "closed": f"http://127.0.0.1:{free_port()}", "stranger": strangers.base_url}
            site.tables.append(_table(case, places[case.place], site))
        yield site


def _served(stack: ExitStack, site: Canarium, case: Case) -> tuple[IpqsSandbox | WhoisXmlSandbox, str]:
    spool = site.folder / "providers" / case.name
    pace: dict[str, Any] = {"job_seconds": JOB_SECONDS}
    ipqs = IpqsSandbox(
        key=site.keys.ipqs,
        clock=Clock(),
        folder=spool / "ipqs",
        # The tokens of links differ from account to account.
        seed=len(site.sandboxes),
        knobs=IpqsKnobs.from_mapping(pace),
    )
    whoisxml = WhoisXmlSandbox(
        key=site.keys.whoisxml, clock=Clock(), folder=spool / "whoisxml", knobs=WhoisXmlKnobs.from_mapping(pace)
    )
    server = stack.enter_context(SandboxServer(ipqs, whoisxml))
    for sandbox in (ipqs, whoisxml):
        sandbox.knobs.job_note = f" {sandbox.key} {server.base_url}/api/json/csv/{sandbox.key}/status/1"
    return (ipqs if case.provider == "ipqs" else whoisxml), server.base_url


def _table(case: Case, root: str, site: Canarium) -> str:
    lines = {
        "ipqs": (
            f"key_file = {json.dumps(str(site.key_file))}",
            f'base_url = "{root}/ipqs/api"',
            'download_hosts = ["127.0.0.1"]',
            f'key_in = "{case.key_in}"',
        ),
        "whoisxml": (
            f'key_env = "{KEY_VARIABLE}"',
            f'base_url = "{root}/whoisxml/api/bevService"',
            f'balance_url = "{root}/whoisxml/user-service/account-balance"',
        ),
    }
    limits = ("requests_per_second = 200", "timeouts = { connect_seconds = 5, send_seconds = 5, read_seconds = 2 }")
    return "\n".join([f"[accounts.{case.name}]", f'provider = "{case.provider}"', *lines[case.provider], *limits])


def host_of(server: ScriptedServer, name: str = "127.0.0.1") -> str:
    """`host:port` of a server, under another name of this machine if wanted."""
    return f"{name}:{urlsplit(server.base_url).port}"
