"""WhoisXML's Email Verification Bulk API behind the provider port. Facts: its documentation, unless said otherwise.

Every call is a POST with the key in its JSON body; only the balance, at another address, takes the key in the query.
JSON is asked for always: the other formats are not documented for every call. A redirect would turn the POST into a
GET, see `http`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from worker.providers.answer import Answer
from worker.providers.body import JsonValues
from worker.providers.call import Call
from worker.providers.errors import Malformed, Refused, Unavailable
from worker.providers.http import HEAD_BYTES, ReadClient
from worker.providers.json_result import read_records
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
from worker.providers.refusals import refuse_miscounted, refuse_unfit, refuse_unknown_segments, submit_failure
from worker.providers.submit_connection import SubmitConnection
from worker.providers.tolerant import as_bool, as_int, as_mapping, as_remote_id, as_text
from worker.providers.verdict_rules import decide, own_rules
from worker.providers.whoisxml_failures import errors_of, read_failure
from worker.providers.whoisxml_words import (
    COLUMNS,
    COMPLETED_RULES,
    FAILED_RULES,
    RESULT_WORDS,
    SUBMIT_REFUSALS,
    VALIDATION_REFUSALS,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from config.accounts import Account
    from worker.providers.port import Artifact, Gate, Reporter, Submission

#: Documented: addresses in one request.
BATCH_ROWS_MAX = 50_000

#: Jobs on a page of the list unless the account says otherwise; documented: 10 to 50.
LIST_PAGE_ROWS = 50

#: Ids in one status call. No limit is documented; so many make an answer of some 20,000 bytes.
OBSERVE_IDS_MAX = 100

#: Documented: results are kept for seven days.
RETENTION_SECONDS = 7 * 86_400

#: The product of the balance that pays for e-mail verification (seen in third-party use).
PRODUCT_ID = 7

#: The two halves of a result, by the call that gives them.
COMPLETED, FAILED = "completed", "failed"

#: What the provider can do, with the list as it is asked for unless the account says otherwise.
CAPABILITIES = Capabilities(
    kinds=frozenset({Kind.EMAIL}),
    batch_rows_max=BATCH_ROWS_MAX,
    observe_ids_max=OBSERVE_IDS_MAX,
    progress=True,
    retention_seconds=RETENTION_SECONDS,
    list_page_rows=LIST_PAGE_ROWS,
    name_echo=False,
    list_newest_first=False,
    list_jump="{page}",
    submit_methods=(SubmitMethod.JSON,),
)


class WhoisXml:
    """One WhoisXML account."""

    def __init__(self, account: Account, gate: Gate, reporter: Reporter) -> None:
        self.capabilities = replace(
            CAPABILITIES, list_page_rows=account.list_page_rows, list_newest_first=account.list_order == "desc"
        )
        self._account = account
        self._key = account.key.get_secret_value()
        self._reporter = reporter
        self._reads = ReadClient(account.timeouts, gate, reporter)
        self._posts = SubmitConnection(account.timeouts, gate, reporter)
        #: Whether this key has ever been accepted: until then an unknown refusal is taken to be about the key.
        self._key_proven = False

    def submit(self, submission: Submission) -> Submitted:
        """Create a request. See `Provider.submit`; definite refusals are listed in `whoisxml_words`."""
        deadline = submission.since + submission.deadline_seconds
        refuse_unfit(submission, self.capabilities)
        version = self._account.verification_version
        fields = {"apiKey": self._key, **({} if version == "omit" else {"version": version}), "format": "json"}
        body = JsonValues(fields, "emails", submission.path)
        refuse_miscounted(submission, body.rows)
        call = self._post("submit", "request")
        answer = self._posts.post(call, body, deadline)
        document = answer.document() or {}
        named = as_mapping(document.get("response")).get("id")
        remote_id = as_remote_id(named)
        errors, validation = errors_of(document)
        if answer.success and not answer.premature and remote_id is not None and not errors:
            self._key_proven = True
            return Submitted(remote_id)
        if answer.success:
            self._reporter.soft_error("submit", "not_accepted")
        refusals = VALIDATION_REFUSALS if validation else SUBMIT_REFUSALS
        raise submit_failure(
            call.subject,
            answer,
            refusals,
            message=errors,
            remote_id=remote_id,
            secrets=(self._key,),
            odd_id=remote_id is None and bool(named),
        )

    def observe(self, remote_ids: Sequence[str]) -> Mapping[str, Observation]:
        """Look at jobs in one call. The provider leaves out what it does not know, in any order."""
        if len(remote_ids) > self.capabilities.observe_ids_max:
            raise ValueError(
                f"{len(remote_ids)} ids in one call; at most {self.capabilities.observe_ids_max} are asked for"
            )
        asked = {_number(remote_id): remote_id for remote_id in remote_ids}
        if not asked:
            return {}
        document = self._ask(self._post("status", "request/status", {"ids": list(asked)}))
        jobs = document.get("response")
        if not isinstance(jobs, list):
            raise Malformed(f"the status answer (account {self._account.name}) has no list of jobs")
        seen = (self._observation("status", as_mapping(job)) for job in jobs)
        return {job.remote_id: job for job in seen if job.remote_id in asked.values()}

    def list_page(self, cursor: str | None = None) -> ListPage:
        """One page in the account's order. Oldest first, new jobs are added at the end and pages read do not shift.

        Newest first they do: a job that was on one page may be on the next as well, and none is passed over.
        """
        page, page_rows = int(cursor or "1"), self._account.list_page_rows
        options = {"page": page, "perPage": page_rows, "sort": self._account.list_order, "onlyIds": False}
        envelope = as_mapping(self._ask(self._post("list", "request/list", options)).get("response"))
        items = envelope.get("data")
        if not isinstance(items, list) or as_int(envelope.get("current_page")) not in {None, page}:
            raise Malformed(f"page {page} of the list (account {self._account.name}): not the page that was asked for")
        jobs = tuple(self._observation("list", as_mapping(item)) for item in items)
        pages = as_int(envelope.get("last_page"))
        # A provider that gives smaller pages than asked for says so: then a page may be full and not look it.
        full = len(jobs) >= (as_int(envelope.get("per_page")) or page_rows)
        more = full if pages is None else page < pages
        return ListPage(jobs, str(page + 1) if more else None, as_int(envelope.get("total")))

    def collect(self, remote_id: str, folder: Path, segments: Collection[str] = ()) -> tuple[Artifact, ...]:
        """Download `completed.json` and `failed.json`, which together are the result.

        Only for a job that was observed as finished: before, the provider answers with an empty or partial array that
        looks complete. Raises `Refused` for a job that is not known or whose result has expired.
        """
        refuse_unknown_segments(segments, self.capabilities)
        return tuple(self._half(half, remote_id, folder) for half in (COMPLETED, FAILED))

    def read(self, artifacts: Sequence[Artifact], kind: Kind) -> Iterator[Verdict]:
        """Verdicts by the account's rules and `whoisxml_words`; a record has the documented columns, and its own."""
        own = own_rules(self._account, kind)
        for artifact in artifacts:
            rules = FAILED_RULES if artifact.name.startswith(FAILED) else COMPLETED_RULES
            for record in read_records(artifact.path):
                columns = dict.fromkeys(COLUMNS, "") | {as_text(name): as_text(value) for name, value in record.items()}
                value = columns.pop("emailAddress", None)
                if value is None:
                    raise Malformed(f"{artifact.name}: a record without emailAddress")
                word = columns["result"].strip().lower()
                if rules is COMPLETED_RULES and word not in RESULT_WORDS:
                    self._reporter.unknown_word(COMPLETED, quoted(word, self._key))
                yield Verdict(value, decide((*own, *rules), {name.lower(): columns[name] for name in columns}), columns)

    def credits(self) -> Credits:
        """Credits for e-mail verification. An account that never had any has no entry for it."""
        if self._account.balance_url is None:
            raise Unavailable(f"account {self._account.name} has no balance_url, so its credits cannot be asked for")
        query = urlencode({"apiKey": self._key, "productId": PRODUCT_ID, "outputFormat": "JSON"})
        template = f"{{balance_url}}?apiKey={{key}}&productId={PRODUCT_ID}&outputFormat=JSON"
        call = Call("credits", "GET", template, self._account.name, f"{self._account.balance_url}?{query}")
        entries = self._ask(call).get("data")
        if not isinstance(entries, list):
            raise Malformed(f"the balance answer (account {self._account.name}) has no list of products")
        balances = {_product_of(entry): as_int(as_mapping(entry).get("credits")) for entry in entries}
        balance = balances.get(PRODUCT_ID, 0)
        if balance is None or None in balances:
            raise Malformed(
                f"the balance answer (account {self._account.name}) has a product without number or credits"
            )
        return Credits(balance)

    def close(self) -> None:
        """Close idle connections."""
        self._reads.close()

    def _half(self, half: str, remote_id: str, folder: Path) -> Artifact:
        call = self._post(half, f"request/{half}", {"id": _number(remote_id)})
        partial, target = folder / f"{half}.json.part", folder / f"{half}.json"
        try:
            download = self._reads.download(call, partial)
            if isinstance(download, Answer):
                self._check(call, download, whole=True)
                raise Malformed(f"{call.subject}: HTTP {download.status} is no result")
            self._check(call, download.answer, whole=download.size_bytes <= HEAD_BYTES)
            for _ in read_records(partial):
                pass
            return download.publish(target)
        finally:
            partial.unlink(missing_ok=True)

    def _post(self, operation: str, path: str, fields: Mapping[str, object] | None = None) -> Call:
        """A call whose body has the key and `fields`; without fields the body is streamed by the caller."""
        body = None
        if fields is not None:
            body = json.dumps({"apiKey": self._key, "format": "json", **fields}).encode()
        url, template = f"{self._account.base_url}/{path}", f"{{base_url}}/{path}"
        headers = {"Content-Type": "application/json"}
        return Call(operation, "POST", template, self._account.name, url, headers, body)

    def _ask(self, call: Call) -> Mapping[str, object]:
        """The document of a reading call that succeeded, by HTTP and by its own word."""
        answer = self._reads.fetch(call)
        self._check(call, answer, whole=True)
        document = answer.document()
        if document is None:
            raise Malformed(f"{call.subject}: HTTP {answer.status} without a JSON object; check base_url")
        return document

    def _check(self, call: Call, answer: Answer, *, whole: bool) -> None:
        """Raise what an answer says is wrong; a body that is not `whole` is too long to be an error."""
        document = (answer.document() if whole else None) or {}
        errors, _ = errors_of(document)
        failure = read_failure(call.subject, answer, errors, self._key, key_proven=self._key_proven)
        if failure is None:
            self._key_proven = True
            return
        if answer.success:
            self._reporter.soft_error(call.operation, failure.reason)
        raise failure

    def _observation(self, operation: str, job: Mapping[str, object]) -> Observation:
        remote_id = as_remote_id(job.get("id"))
        if remote_id is None:
            raise Malformed(f"a job in the {operation} answer (account {self._account.name}) has no id")
        flag = job.get("ready")
        ready = as_bool(flag)
        status = RemoteStatus.FINISHED if ready else RemoteStatus.RUNNING
        if ready is None and as_text(flag).lower() != "null":
            status = RemoteStatus.UNKNOWN
            self._reporter.unknown_word(operation, quoted(flag, self._key))
        return Observation(
            remote_id=remote_id,
            status=status,
            word=f"ready={quoted(as_text(flag), self._key)}"[:40],
            progress=1.0 if ready else _progress(job),
            total_rows=as_int(job.get("total_emails")),
            invalid_rows=as_int(job.get("invalid_emails")),
            kind=Kind.EMAIL,
            started_at=_epoch(job.get("date_start")),
            ended_at=_epoch(job.get("date_end")),
        )


def _number(remote_id: str) -> int:
    if as_remote_id(remote_id) != remote_id:
        raise Refused(f"{quoted(remote_id)!r} is no remote id of this provider; it is a whole number")
    return int(remote_id)


def _progress(job: Mapping[str, object]) -> float | None:
    total = as_int(job.get("total_emails"))
    done = sum(as_int(job.get(name)) or 0 for name in ("invalid_emails", "processed_emails", "failed_emails"))
    return min(max(done / total, 0.0), 1.0) if total else None


def _epoch(value: object) -> float | None:
    seconds = as_int(value)
    return None if seconds is None else float(seconds)


def _product_of(entry: object) -> int | None:
    product = as_mapping(entry).get("product_id")
    return as_int(as_mapping(as_mapping(entry).get("product")).get("id") if product is None else product)
