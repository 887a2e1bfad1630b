"""An installation with accounts at both simulated providers, and a few short lists to send through it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from producers.client import Client
from tests.builders.installation import Installation, Records, result_rows, running_installation
from tests.builders.line import accounts_file
from tests.builders.loopback_providers import Providers, running_providers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Rows of a part at most, so that a short list has several.
PART_ROWS = 40
#: Addresses of a list of three parts.
EMAILS = tuple(f"reader{number}@example.com" for number in range(100))
#: Addresses of a list of one part, one of them twice.
IPS = ("203.0.113.7", "198.51.100.9", "203.0.113.7", "192.0.2.44")
#: The uploads that `submit_several` makes, and the parts that they have together.
SEVERAL = {
    "ipqs-emails": ("ipqs-main", "email", EMAILS),
    "ipqs-ips": ("ipqs-main", "proxy", IPS),
    "whoisxml-emails": ("whoisxml-main", "email", EMAILS),
}
SEVERAL_PARTS = 7


@dataclass(frozen=True)
class Site:
    """Everything that runs, and the records."""

    providers: Providers
    installation: Installation
    records: Records

    def submit(self, upload_id: str, account: str, kind: str, *rows: str) -> str:
        """Put a request for a list of these rows into the stream, as an application does; the upload's id."""
        path = self.installation.list_file(f"{upload_id}.txt", *rows)
        with Client(self.installation.redis_url, producer="test") as client:
            return client.submit(path, account=account, kind=kind, upload_id=upload_id, options={"header": False})

    def submit_several(self) -> tuple[str, ...]:
        """Send the uploads of `SEVERAL`; their ids."""
        return tuple(
            self.submit(upload_id, account, kind, *rows) for upload_id, (account, kind, rows) in SEVERAL.items()
        )

    def assert_verified(self, upload_id: str, *rows: str) -> None:
        """The upload's result has each row in its place, and none without a verdict."""
        found = result_rows(self.installation.home, upload_id)
        assert [next(iter(row.values())) for row in found] == list(rows)
        assert {row["bv_row"] for row in found} <= {"matched", "folded"}
        assert all(row["bv_verdict"] for row in found)

    def assert_several_verified(self) -> None:
        """The results of `submit_several` are whole, and each part was charged exactly once."""
        assert self.providers.charges == self.records.spent(*SEVERAL)
        for upload_id, (_, _, rows) in SEVERAL.items():
            self.assert_verified(upload_id, *rows)


@contextmanager
def running_site(folder: Path, *, limits: str = f"max_part_rows = {PART_ROWS}", **settings: Any) -> Iterator[Site]:
    """Both providers and an installation, running until the end of the block, after which nothing is left.

    `limits` are lines for both accounts in the accounts file.
    """
    with running_providers(folder) as providers:
        accounts = accounts_file(folder, providers.server.base_url, more=limits)
        with (
            running_installation(folder / "installation", accounts_file=accounts, **settings) as installation,
            installation.records() as records,
        ):
            yield Site(providers, installation, records)
