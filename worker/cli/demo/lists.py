"""The lists that the demo sends: shipped samples, and one large list that is made on the spot."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Accounts of the demo: one at each simulated provider.
IPQS = "demo-ipqs"
WHOISXML = "demo-whoisxml"
#: Distinct addresses of the large list: more than two parts of WhoisXML's largest size.
LARGE_ROWS = 120_000
#: Addresses are spread over this many domains.
LARGE_DOMAINS = 40


@dataclass(frozen=True, slots=True)
class SampleList:
    """One list, where it goes, and how it is sent."""

    file: str
    account: str
    kind: str
    upload_id: str
    #: Sent with a bare XADD, as an application in any language would.
    raw: bool = False


LISTS = (
    SampleList("customers.csv", IPQS, "email", "customers-at-ipqs"),
    SampleList("customers.csv", WHOISXML, "email", "customers-at-whoisxml"),
    SampleList("visitors.csv", IPQS, "proxy", "visitors"),
    SampleList("links.csv", IPQS, "url", "links"),
    SampleList("callbacks.csv", IPQS, "phone", "callbacks"),
    SampleList("subscribers.txt", WHOISXML, "email", "subscribers"),
    SampleList("signups.csv", IPQS, "email", "signups-by-xadd", raw=True),
    SampleList("newsletter.csv", WHOISXML, "email", "newsletter"),
)


def write_lists(folder: Path) -> None:
    """Put every sample list into `folder`, which exists."""
    samples = files("worker.cli.demo") / "samples"
    for name in sorted({sample.file for sample in LISTS} - {"newsletter.csv"}):
        with as_file(samples / name) as source:
            shutil.copy(source, folder / name)
    with (folder / "newsletter.csv").open("w", encoding="utf-8") as file:
        file.write("number,email\n")
        for number in range(LARGE_ROWS):
            file.write(f"{number},reader{number:06d}@list{number % LARGE_DOMAINS}.example.com\n")
