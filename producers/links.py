"""Links: addresses by which anybody can fetch a result for a time. They are secrets, printed and kept nowhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from config.storage_group import LINK_SECONDS_MAX
from producers.errors import NoLink

if TYPE_CHECKING:
    from producers.parameters import Door
    from producers.report import Report

link_option = click.option(
    "--link", is_flag=True, help="Print an address by which anybody can fetch the result, from an object store."
)
seconds_option = click.option(
    "--seconds",
    type=click.IntRange(1, LINK_SECONDS_MAX),
    metavar="N",
    help="How long the link works.  [default: BULKVERIFY_STORAGE_LINK_SECONDS]",
)


@dataclass(frozen=True, slots=True, repr=False)
class Links:
    """The links to a result and to its manifest."""

    result: str
    manifest: str

    def as_json(self, report: Report) -> str:
        """The report's line of JSON, with the links in it."""
        links = {"result": self.result, "manifest": self.manifest}
        return json.dumps(json.loads(report.as_json()) | {"links": links}, ensure_ascii=False)


def links_to(door: Door, report: Report, seconds: int | None) -> Links | None:
    """The links to an upload's result, `None` where it has none. Raises `NoLink` where storage gives no links."""
    if report.result is None or report.failed:
        return None
    result, manifest = (door.link(url, seconds) for url in (report.result.url, report.result.manifest_url))
    if result is None or manifest is None:
        raise NoLink(f"There is no link to the result of upload {report.upload_id}: it is at {report.result.url}.")
    return Links(result, manifest)
