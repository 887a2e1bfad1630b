"""IPQualityScore's result files: links that live 15 minutes and for one use, minted anew by every status call.

One status call gives a link to every segment, so the files of a job are taken from one such call; after it only what
broke is asked for again, by one more call for all of that. A null link is an empty segment (inferred: the documented
sample has one).
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from worker.providers.answer import Answer, failure_of
from worker.providers.csv_result import check_csv
from worker.providers.errors import Malformed, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from config.account import Account
    from worker.providers.call import Call
    from worker.providers.errors import ProviderError
    from worker.providers.http import Download, ReadClient
    from worker.providers.ipqs_calls import IpqsCalls
    from worker.providers.port import Artifact

#: Times that fresh links may bring nothing at all before a result is left for later: a link dies with its first use,
#: broken or not. Times that bring something are not counted: long files outlive the links of those after them.
DOWNLOAD_LINKS_MAX = 3

#: The segment that has every row.
WHOLE = "all"

#: All segments: that one, and parts of it.
SEGMENTS = frozenset({WHOLE, "pristine", "clean", "bad"})


class IpqsDownloads:
    """Downloads results for one account. `offer` gives the links of a finished job by segment, fresh on every call."""

    def __init__(
        self, account: Account, calls: IpqsCalls, reads: ReadClient, offer: Callable[[str], Mapping[str, object]]
    ) -> None:
        self._account = account
        self._calls = calls
        self._reads = reads
        self._offer = offer

    def collect(self, remote_id: str, folder: Path, segments: Collection[str]) -> tuple[Artifact, ...]:
        """The whole result as `all.csv`, first, and each of `segments` that is not empty as a file of its name.

        Raises what `offer` raises, `Malformed` for a job without a result (no row at all cannot be the result of a
        submission), `Unavailable` or `Malformed` for what does not arrive intact, and `OSError` where `folder` cannot
        keep it: its link is spent, so the next try asks for another one. Then no file is left.
        """
        missing, fruitless = [WHOLE, *sorted(set(segments) - {WHOLE})], 0
        collected: dict[str, Artifact] = {}
        failures: list[ProviderError] = []
        with ExitStack() as undo:
            while fruitless < DOWNLOAD_LINKS_MAX:
                broken = []
                links = self._links(remote_id, missing)
                for segment, link in links:
                    try:
                        collected[segment] = self._file(link, segment, folder)
                        undo.callback(collected[segment].path.unlink, missing_ok=True)
                    except (Unavailable, Malformed) as failure:
                        failures.append(failure)
                        broken.append(segment)
                if not broken:
                    undo.pop_all()
                    return tuple(collected[segment] for segment in sorted(collected))
                fruitless += len(broken) == len(links)
                missing = broken
        # So many whole files that all are damaged are no accident of the line.
        error = Malformed if all(isinstance(failure, Malformed) for failure in failures) else Unavailable
        raise error(
            f"the result of remote job {remote_id} (account {self._account.name}) did not arrive intact with "
            f"{DOWNLOAD_LINKS_MAX} fresh links, last: {failures[-1]}; fresh links can be taken again at any time"
        )

    def _links(self, remote_id: str, segments: Sequence[str]) -> Sequence[tuple[str, Call]]:
        """Fresh links to those of `segments` that have rows, checked to lead where results may come from."""
        offered = self._offer(remote_id)
        return list(self._usable(remote_id, {segment: offered.get(segment) for segment in segments}))

    def _usable(self, remote_id: str, links: Mapping[str, object]) -> Iterator[tuple[str, Call]]:
        subject = f"remote job {remote_id} (account {self._account.name})"
        for segment, link in links.items():
            if segment != WHOLE and link is None:
                continue
            if not isinstance(link, str) or not link:
                raise Malformed(
                    f"{subject} is finished but offers no result ({segment}); look at it in the provider's own pages"
                )
            if not is_trusted(link, self._account):
                hosts = ", ".join(self._account.download_hosts)
                raise Malformed(
                    f"{subject}: its link leads elsewhere than to download_hosts ({hosts}); it was not followed"
                )
            yield segment, self._calls.download(remote_id, segment, link)

    def _file(self, link: Call, segment: str, folder: Path) -> Artifact:
        partial = folder / f"{segment}.csv.part"
        try:
            download = self._download(link, partial)
            check_csv(partial, length_known=download.length_known)
            return download.publish(folder / f"{segment}.csv", None if segment == WHOLE else segment)
        finally:
            partial.unlink(missing_ok=True)

    def _download(self, link: Call, partial: Path) -> Download:
        """The file behind a link; what a used or expired link answers is not documented, so pages count as that."""
        download = self._reads.download(link, partial)
        if isinstance(download, Answer):
            spent = Unavailable(f"{link.subject}: HTTP {download.status}, the link was used or has expired")
            raise failure_of(download, link.subject) or spent
        if download.answer.is_page or "json" in download.answer.content_type.lower():
            raise Unavailable(f"{link.subject}: a page in place of a file, the link was used or has expired")
        return download


def is_trusted(link: str, account: Account) -> bool:
    """Whether a link may be followed: to one of the account's download hosts, no less encrypted than its API."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    schemes = {"https", urlsplit(account.base_url).scheme}
    plain = parts.username is None and parts.password is None
    return plain and parts.scheme in schemes and parts.hostname in account.download_hosts
