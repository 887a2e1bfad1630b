"""IPQualityScore's CSV API behind the provider port. Facts: its documentation and OpenAPI file unless said otherwise.

Its rooms: `ipqs_calls` (addresses and where the key goes), `ipqs_downloads` (result files), `ipqs_words` (what words
and columns mean). Addresses are built from ids: the `status_url` in answers holds the key and is neither followed nor
kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.providers.answer import failure_of
from worker.providers.csv_result import read_csv, value_column
from worker.providers.errors import Malformed, OutOfCredits, Refused, Unfinished
from worker.providers.http import ReadClient
from worker.providers.ipqs_calls import IpqsCalls, secrets_of
from worker.providers.ipqs_downloads import SEGMENTS, IpqsDownloads
from worker.providers.ipqs_words import STATUSES, SUBMIT_REFUSALS, VALUE_COLUMNS, VERDICT_RULES, read_refusal
from worker.providers.port import (
    Capabilities,
    Credits,
    Kind,
    ListPage,
    Observation,
    RemoteStatus,
    SubmitMethod,
    Submitted,
    Verdict,
)
from worker.providers.quotation import quoted
from worker.providers.refusals import refuse_unfit, refuse_unknown_segments, submit_failure
from worker.providers.submit_connection import SubmitConnection
from worker.providers.tolerant import as_bool, as_int, as_mapping, as_remote_id, as_text
from worker.providers.verdict_rules import decide, own_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from config.accounts import Account
    from worker.providers.call import Call
    from worker.providers.port import Artifact, Gate, Reporter, Submission

#: Jobs on a page of the list; documented, not adjustable.
LIST_PAGE_ROWS = 50

#: Characters of a status word that are kept.
WORD_CHARACTERS_MAX = 40

CAPABILITIES = Capabilities(
    kinds=frozenset(VERDICT_RULES),
    batch_rows_max=None,
    observe_ids_max=1,
    progress=False,
    retention_seconds=None,
    list_page_rows=LIST_PAGE_ROWS,
    name_echo=True,
    list_newest_first=True,
    list_jump="{page}?",
    # A file is streamed whatever its size and its answer says that it arrived; a pull depends on a third server.
    submit_methods=(SubmitMethod.FORM, SubmitMethod.JSON, SubmitMethod.PULL),
    segments=SEGMENTS,
)


class Ipqs:
    """One IPQualityScore account."""

    capabilities = CAPABILITIES

    def __init__(self, account: Account, gate: Gate, reporter: Reporter) -> None:
        self._account = account
        self._key = account.key.get_secret_value()
        self._reporter = reporter
        self._reads = ReadClient(account.timeouts, gate, reporter)
        self._posts = SubmitConnection(account.timeouts, gate, reporter)
        self._calls = IpqsCalls(account)
        self._downloads = IpqsDownloads(account, self._calls, self._reads, self._offer)

    def submit(self, submission: Submission) -> Submitted:
        """Upload by any of the three methods. See `Provider.submit`; definite refusals are listed in `ipqs_words`."""
        deadline = submission.since + submission.deadline_seconds
        refuse_unfit(submission, self.capabilities)
        call, body = self._calls.upload(submission)
        answer = self._posts.post(call, body, deadline)
        document = answer.document() or {}
        remote_id, agreed = as_remote_id(document.get("id")), as_bool(document.get("success"))
        if answer.success and not answer.premature and remote_id is not None and agreed is not False:
            return Submitted(remote_id, _text(document, "file_name"), _text(document, "status"))
        if answer.success:
            self._reporter.soft_error("submit", "not_accepted")
        message = str(document.get("message", ""))
        secrets = (self._key, *secrets_of(submission.url or ""))
        raise submit_failure(
            call.subject,
            answer,
            SUBMIT_REFUSALS,
            message=message,
            remote_id=remote_id,
            secrets=secrets,
            odd_id=remote_id is None and bool(document.get("id")),
        )

    def observe(self, remote_ids: Sequence[str]) -> Mapping[str, Observation]:
        """Look at one job. An answer that says no in words nobody knows means that the job is not known.

        Known limitation: the text for an unknown id is not documented, so any refusal that is not about key, credits,
        quota or the server's own health counts as one.
        """
        if len(remote_ids) > self.capabilities.observe_ids_max:
            raise ValueError(f"{len(remote_ids)} ids in one call; this provider answers for one job at a time")
        try:
            return {remote_id: self._observation("status", self._status(remote_id)) for remote_id in remote_ids}
        except Refused:
            return {}

    def list_page(self, cursor: str | None = None) -> ListPage:
        """One page of all types, newest first. A cursor is a page number; `?` behind it: the page may not exist.

        Asking for a page beyond the last is documented as an error, so the number of pages is believed where it is
        given. Where it is not, a full page may be followed by another, and an error on that one means that it was not.
        """
        page, guessed = int((cursor or "1").rstrip("?")), (cursor or "").endswith("?")
        try:
            document = self._ask(self._calls.listing(page))
        except Refused:
            if not guessed:
                raise
            return ListPage((), None)
        items = document.get("csvs")
        if not isinstance(items, list) or as_int(document.get("page")) not in {None, page}:
            raise Malformed(f"page {page} of the list (account {self._account.name}): not the page that was asked for")
        jobs = tuple(self._observation("list", as_mapping(item)) for item in items)
        pages = as_int(document.get("total_pages"))
        if pages is None:
            following = f"{page + 1}?" if len(jobs) >= LIST_PAGE_ROWS else None
        else:
            following = str(page + 1) if page < pages else None
        return ListPage(jobs, following, as_int(document.get("total_csvs")))

    def collect(self, remote_id: str, folder: Path, segments: Collection[str] = ()) -> tuple[Artifact, ...]:
        """Download `all.csv` and the files of `segments`, see `ipqs_downloads`; one status call if nothing breaks.

        Raises `Refused` for an aborted or unknown job, `Unfinished` for one under way, `Malformed` for a finished
        one without a result.
        """
        refuse_unknown_segments(segments, self.capabilities)
        return self._downloads.collect(remote_id, folder, segments)

    def read(self, artifacts: Sequence[Artifact], kind: Kind) -> Iterator[Verdict]:
        """Verdicts by the account's rules and the tables of `ipqs_words`; all columns but the value's own are kept.

        Segments repeat rows of the whole result and are not read.
        """
        rules = (*own_rules(self._account, kind), *VERDICT_RULES[kind])
        for artifact in artifacts:
            if artifact.segment is not None:
                continue
            rows = read_csv(artifact.path)
            header = next(rows)
            lowered = [name.strip().lower() for name in header]
            told = [rule for rule in rules if rule.column in lowered]
            value_at = value_column(header, VALUE_COLUMNS[kind])
            for cells in rows:
                columns = dict(zip(header, cells, strict=True))
                word = decide(told, columns if lowered == header else dict(zip(lowered, cells, strict=True)))
                value = columns.pop(header[value_at])
                yield Verdict(value, word, columns)

    def credits(self) -> Credits:
        """Credits and usage by kind. An account without credits may answer with the refusal for that instead."""
        try:
            document = self._ask(self._calls.credits())
        except OutOfCredits:
            return Credits(balance=0)
        balance = as_int(document.get("credits"))
        if balance is None:
            raise Malformed(f"the account's answer (account {self._account.name}) names no credits")
        usage = {kind.value: as_int(document.get(f"{kind}_usage")) for kind in Kind}
        return Credits(balance, {kind: used for kind, used in usage.items() if used is not None})

    def close(self) -> None:
        """Close idle connections."""
        self._reads.close()

    def _status(self, remote_id: str) -> Mapping[str, object]:
        if as_remote_id(remote_id) != remote_id:
            raise Refused(f"{quoted(remote_id)!r} is no remote id of this provider; it is a whole number")
        document = self._ask(self._calls.status(remote_id))
        if as_remote_id(document.get("id")) != remote_id:
            raise Malformed(f"the status of remote job {remote_id} (account {self._account.name}) is about another job")
        return document

    def _offer(self, remote_id: str) -> Mapping[str, object]:
        """Fresh links to the result of a finished job, by segment."""
        document = self._status(remote_id)
        seen = self._observation("status", document)
        subject = f"remote job {remote_id} (account {self._account.name})"
        if seen.status is RemoteStatus.ABORTED:
            raise Refused(f"{subject} was aborted by the provider; it has no result")
        if seen.status is not RemoteStatus.FINISHED:
            raise Unfinished(f"{subject} is not finished (status {seen.word or 'missing'!r}); collect it later")
        return as_mapping(document.get("downloads"))

    def _ask(self, call: Call) -> Mapping[str, object]:
        """The document of a reading call that succeeded, by HTTP and by its own word."""
        answer = self._reads.fetch(call)
        failure = failure_of(answer, call.subject)
        if failure is not None:
            raise failure
        document = answer.document()
        if document is not None and as_bool(document.get("success")) is False:
            self._reporter.soft_error(call.operation, "success_false")
            message = str(document.get("message", ""))
            raise read_refusal(call.subject, message, quoted(message, self._key))
        if document is None or not answer.success:
            raise Malformed(f"{call.subject}: HTTP {answer.status} without a JSON object; check base_url")
        return document

    def _observation(self, operation: str, item: Mapping[str, object]) -> Observation:
        remote_id = as_remote_id(item.get("id"))
        if remote_id is None:
            raise Malformed(f"a job in the {operation} answer (account {self._account.name}) has no id")
        word = quoted(item.get("status") or "", self._key)[:WORD_CHARACTERS_MAX]
        status = STATUSES.get(word.upper(), RemoteStatus.UNKNOWN)
        if as_bool(item.get("aborted")):
            # A flag of its own, without words on what the status then says: it ends the job whatever that is.
            status = RemoteStatus.ABORTED
        elif status is RemoteStatus.UNKNOWN:
            self._reporter.unknown_word(operation, word)
        return Observation(
            remote_id=remote_id,
            status=status,
            word=word,
            invalid_rows=as_int(item.get("invalid_records")),
            name=_text(item, "file_name"),
            kind=_text(item, "type"),
        )


def _text(document: Mapping[str, object], name: str) -> str | None:
    value = document.get(name)
    return as_text(value) if isinstance(value, str) else None
