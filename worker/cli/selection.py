"""Choosing uploads by what they are: the options that `ls`, `cancel` and `retry` share, and what they choose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args

import click

from producers.contract import UploadState
from producers.request import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from worker.core.records import UploadRecord
    from worker.store.store import Store

#: Uploads that are looked through, those that changed last first.
UPLOADS_SEARCHED_MAX = 100_000
#: Seconds of each unit of a length of time.
_UNITS_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
#: Longest time that can be asked for, in seconds: ten years.
DURATION_SECONDS_MAX = 3_650 * 86_400

C = TypeVar("C", bound="Callable[..., Any]")


class Duration(click.ParamType[float]):
    """A length of time such as `90s`, `30min`, `2h`, `7d`, in seconds."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds; fails for what is no length of time."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]{1,9})(s|min|h|d)", str(value))
        seconds = int(found[1]) * _UNITS_SECONDS[found[2]] if found else DURATION_SECONDS_MAX + 1
        if seconds > DURATION_SECONDS_MAX:
            self.fail(f"{value!r} is not a time such as 90s, 30min, 2h or 7d.", param, ctx)
        return float(seconds)


@dataclass(frozen=True, slots=True)
class Filter:
    """What an upload must be to be chosen; `None` does not matter."""

    state: str | None = None
    account: str | None = None
    kind: str | None = None
    producer: str | None = None
    label: str | None = None
    reason: str | None = None
    older_than: float | None = None

    @property
    def says_nothing(self) -> bool:
        """Whether every upload would be chosen."""
        return self == Filter()

    def fits(self, upload: UploadRecord, now: float) -> bool:
        """Whether an upload is chosen."""
        patterns = ((self.producer, upload.producer), (self.label, upload.label), (self.reason, upload.reason))
        return (
            self.state in (None, upload.state)
            and self.account in (None, upload.account)
            and self.kind in (None, upload.kind)
            and all(pattern is None or fnmatchcase(text, pattern) for pattern, text in patterns)
            and (self.older_than is None or upload.created_at <= now - self.older_than)
        )


class Selection(NamedTuple):
    """The uploads that were chosen, those that changed last first."""

    uploads: Sequence[UploadRecord]
    #: Whether there are more that fit.
    more: bool
    #: Ids of uploads that this program cannot read, so that nobody knows whether they fit.
    unread: Sequence[str]


_OPTIONS = (
    click.option("--state", type=click.Choice([str(state) for state in UploadState]), help="Only those in this state."),
    click.option("--account", help="Only those of this account."),
    click.option("--kind", type=click.Choice(get_args(Kind)), metavar="KIND", help="Only those of this kind."),
    click.option("--producer", metavar="P", help="Only those of this application; * stands for anything."),
    click.option("--label", metavar="L", help="Only those with this label; * stands for anything."),
    click.option("--reason", metavar="R", help="Only those with this reason; * stands for anything."),
    click.option("--older-than", type=Duration(), help="Only those made so long ago: 90s, 30min, 2h, 7d."),
)


def filter_options(command: C) -> C:
    """Add the options, of which `Filter(**options)` is made, to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def select(store: Store, wanted: Filter, *, most: int, states: Collection[str] | None = None) -> Selection:
    """At most `most` uploads that fit; without a state in the filter, of those in `states`."""
    unread: list[str] = []
    fitting = list(islice(_fitting(store, wanted, states, unread), most + 1))
    return Selection(fitting[:most], len(fitting) > most, unread)


def _fitting(store: Store, wanted: Filter, states: Collection[str] | None, unread: list[str]) -> Iterator[UploadRecord]:
    states = states if wanted.state is None else (wanted.state,)
    now = store.now()
    found = store.upload_ids(states=states, account=wanted.account, kind=wanted.kind, most=UPLOADS_SEARCHED_MAX)
    uploads = store.uploads(found, lambda upload_id, _error: unread.append(upload_id))
    return (upload for upload in uploads if wanted.fits(upload, now))
