"""The lists that the demo sends: every kind, from every source, by every method; shipped samples and one large list."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from producers.request import Kind, Method

#: Accounts of the demo: one at each simulated provider.
IPQS = "demo-ipqs"
WHOISXML = "demo-whoisxml"
#: The list that is made on the spot, and its distinct addresses: more than two parts of WhoisXML's largest size.
LARGE_LIST = "newsletter.csv"
LARGE_ROWS = 120_000
#: Addresses are spread over this many domains.
LARGE_DOMAINS = 40


@dataclass(frozen=True, slots=True)
class SampleList:
    """One list, where it goes, and how it is sent."""

    file: str
    account: str
    kind: Kind
    upload_id: str
    #: The field of the request's source that says where the list is.
    source: str = "path"
    method: Method = "auto"
    segments: tuple[str, ...] = ()
    #: Where the result is wanted.
    result: str = "storage"
    #: Sent with a bare XADD, as an application in any language would.
    raw: bool = False


LISTS = (
    SampleList("customers.csv", IPQS, "email", "customers-at-ipqs", segments=("all", "pristine", "clean", "bad")),
    SampleList("customers.csv", WHOISXML, "email", "customers-at-whoisxml"),
    SampleList("visitors.csv", IPQS, "proxy", "visitors", method="json"),
    SampleList("gateways.txt", IPQS, "proxy", "gateways", source="remote_url", method="pull"),
    SampleList("links.csv", IPQS, "url", "links", source="url", method="form"),
    SampleList("callbacks.csv", IPQS, "phone", "callbacks", segments=("bad",)),
    SampleList("employees.csv", IPQS, "leaked_email", "employees"),
    SampleList("handles.txt", IPQS, "leaked_username", "handles", source="rows", result="rows"),
    SampleList("passwords.csv", IPQS, "leaked_password", "passwords"),
    SampleList("subscribers.txt", WHOISXML, "email", "subscribers", source="rows", result="rows"),
    SampleList("members.csv", WHOISXML, "email", "members", source="remote_url"),
    SampleList("signups.csv", IPQS, "email", "signups-by-xadd", raw=True),
    SampleList(LARGE_LIST, WHOISXML, "email", "newsletter"),
)


def shipped(name: str) -> AbstractContextManager[Path]:
    """A sample that comes with the program, as a file."""
    return as_file(files("worker.cli.demo") / "samples" / name)


def large_list() -> Iterator[str]:
    """The lines of the large list."""
    yield "number,email\n"
    for number in range(LARGE_ROWS):
        yield f"{number},reader{number:06d}@list{number % LARGE_DOMAINS}.example.com\n"
