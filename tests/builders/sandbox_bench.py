"""Both simulated providers on one bench: a manual clock, an in-process session, and the calls that tests make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from worker.providers.sandbox.clock import ManualClock
from worker.providers.sandbox.in_process import InProcessAdapter
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

IPQS_KEY = "Q" * 32
WHOISXML_KEY = "at_" + "w" * 29
IPQS_API = "https://www.ipqualityscore.com/api/json"
WHOISXML_API = "https://emailverification.whoisxmlapi.com/api/bevService/request"
BALANCE_URL = "https://user.whoisxmlapi.com/user-service/account-balance"
EMAILS = ("ann@gmail.com", "bob@example.com", "not an address", "eve@mailinator.com", "zed@nowhere.invalid")

#: A JSON object.
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bench:
    """The simulators, their clock, and a session that reaches them."""

    clock: ManualClock
    ipqs: IpqsSandbox
    whoisxml: WhoisXmlSandbox
    session: requests.Session
    #: Before `/csv/…` and `/account/…`; before `/status` and the like.
    ipqs_api: str = IPQS_API
    whoisxml_api: str = WHOISXML_API

    def upload(self, rows: Sequence[str] = EMAILS, *, kind: str = "email", name: str | None = None) -> Document:
        """The answer to an IPQS upload by form file, key and type in the path."""
        fields = {} if name is None else {"file_name": name}
        files = {"file": ("rows.csv", "\n".join(rows).encode(), "text/csv")}
        url = f"{self.ipqs_api}/csv/{IPQS_KEY}/{kind}/upload"
        return _document(self.session.post(url, data=fields, files=files, timeout=5))

    def status(self, remote_id: int) -> Document:
        """The answer to an IPQS status call."""
        return _document(self.session.get(f"{self.ipqs_api}/csv/{IPQS_KEY}/status/{remote_id}", timeout=5))

    def listing(self, **parameters: str | int) -> Document:
        """The answer to an IPQS list call."""
        return _document(self.session.get(f"{self.ipqs_api}/csv/{IPQS_KEY}/list", params=parameters, timeout=5))

    def account(self) -> Document:
        """The answer of the IPQS account endpoint."""
        return _document(self.session.get(f"{self.ipqs_api}/account/{IPQS_KEY}", timeout=5))

    def result(self, remote_id: int, segment: str = "all") -> str:
        """The text of an IPQS result file, by a fresh link."""
        return self.session.get(self.status(remote_id)["downloads"][segment], timeout=5).text

    def post(self, operation: str, /, **fields: object) -> requests.Response:
        """The response of a WhoisXML operation (`""` is create) with the right key."""
        url = f"{self.whoisxml_api}/{operation}".rstrip("/")
        return self.session.post(url, json={"apiKey": WHOISXML_KEY, **fields}, timeout=5)

    def create(self, emails: Sequence[str] = EMAILS) -> int:
        """The id of a new WhoisXML job."""
        return int(self.post("", emails=list(emails)).json()["response"]["id"])

    def job(self, remote_id: int) -> Document:
        """A WhoisXML job as its status shows it."""
        return dict(self.post("status", ids=[remote_id]).json()["response"][0])

    def balance(self, key: str = WHOISXML_KEY, **parameters: str | int) -> requests.Response:
        """The response of WhoisXML's balance endpoint."""
        return self.session.get(BALANCE_URL, params={"apiKey": key, **parameters}, timeout=5)


def _document(response: requests.Response) -> Document:
    document: Document = response.json()
    return document


def make_bench(folder: Path) -> Bench:
    """Both simulators with instant jobs, and a session without sockets."""
    clock = ManualClock()
    ipqs = IpqsSandbox(key=IPQS_KEY, clock=clock, folder=folder / "ipqs")
    whoisxml = WhoisXmlSandbox(key=WHOISXML_KEY, clock=clock, folder=folder / "whoisxml")
    session = requests.Session()
    session.headers["User-Agent"] = "bulkverify-test/1"
    session.mount("https://", InProcessAdapter(ipqs, whoisxml))
    return Bench(clock, ipqs, whoisxml, session)
