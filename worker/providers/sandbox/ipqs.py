"""IPQualityScore's CSV API, simulated: upload, status, list, one-shot downloads, and the account."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import partial
from hashlib import shake_256
from typing import TYPE_CHECKING
from urllib.parse import quote

from worker.providers.sandbox import ipqs_answers as answers
from worker.providers.sandbox.ipqs_addresses import ROUTES, Addresses
from worker.providers.sandbox.ipqs_downloads import Links, result_csv
from worker.providers.sandbox.ipqs_types import SEGMENTS, TYPES, in_segment
from worker.providers.sandbox.ipqs_upload import (
    LINK_PARAMETERS,
    PARAMETERS,
    BadUpload,
    Upload,
    read_upload,
    without_header,
)
from worker.providers.sandbox.knobs import IpqsKnobs
from worker.providers.sandbox.list_pages import shown_page
from worker.providers.sandbox.simulated import Call, SimulatedProvider
from worker.providers.sandbox.values import Spool, TooManyRows, spool_values
from worker.providers.sandbox.wire import Response, html_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from worker.providers.sandbox.clock import TimeSource
    from worker.providers.sandbox.jobs import Job
    from worker.providers.sandbox.wire import Request

#: Jobs on one page of the list (documented: not adjustable).
PAGE_JOBS = 50
#: Seconds of the plan's quota period.
DAY_SECONDS = 86_400.0


class Refuse(Exception):
    """The request is answered with `success: false` and this message."""


class IpqsSandbox(SimulatedProvider[IpqsKnobs]):
    """One account at the simulated IPQualityScore. Paths begin with `/api/`; download links are `/download`."""

    def __init__(
        self, *, key: str, clock: TimeSource, folder: Path, seed: int = 0, knobs: IpqsKnobs | None = None
    ) -> None:
        super().__init__(key=key, clock=clock, folder=folder, knobs=knobs or IpqsKnobs(), seed=seed)
        self.addresses = Addresses()
        self._links = Links(seed)
        self._answered = 0

    def refusal(self, word: str, text: str = "") -> Response:
        """`success: false`, in the provider's own words where they are known."""
        quota = self.knobs.quota_rows_per_day or 200
        known = {
            "bad_key": answers.BAD_KEY,
            "no_credits": answers.NO_CREDITS,
            "quota": answers.QUOTA.format(quota=quota),
        }
        return answers.json_response(answers.refusal_document(known.get(word, text), self._request_id()), self.knobs)

    def throttled(self, retry_after_seconds: float | None) -> Response:
        """509 (or 429) with an HTML page."""
        headers = {} if retry_after_seconds is None else {"retry-after": str(math.ceil(retry_after_seconds))}
        return html_response(self.knobs.throttle_status, "Too many requests", headers)

    def status_word(self, job: Job) -> str:
        """`NEW`, `PROCESSING` (or the knob's word), `FINISHED`."""
        now = self.clock.now()
        if job.queued(now):
            return "NEW"
        return "FINISHED" if job.finished(now) else self.knobs.processing_word

    def _route(self, request: Request) -> Call | Response:
        host = request.headers.get("host", "")
        agent = request.headers.get("user-agent", "")
        elsewhere = self.knobs.redirect_to_host not in (None, host) and request.method in self.knobs.redirect_methods
        if elsewhere or host == "ipqualityscore.com":
            target = self.knobs.redirect_to_host or "www.ipqualityscore.com"
            scheme = self.addresses.root.partition("://")[0]
            return html_response(301, "Moved Permanently", {"location": f"{scheme}://{target}{request.path}"})
        if not agent or agent.startswith(self.knobs.blocked_agents):
            return html_response(403, "Attention Required! | Cloudflare")
        for operation, methods, pattern in ROUTES:
            if match := pattern.fullmatch(request.path):
                if request.method not in methods:
                    return html_response(405, "Method Not Allowed")
                return Call(operation, partial(self._perform, operation, request, match.groupdict()))
        return html_response(404, "Not Found")

    def _perform(self, operation: str, request: Request, path: Mapping[str, str | None]) -> Response:
        if operation == "download":
            return self._download(request)
        try:
            document = self._document(operation, request, path)
        except (Refuse, BadUpload, TooManyRows) as refused:
            document = answers.refusal_document(str(refused), self._request_id())
        return answers.json_response(document, self.knobs, request.headers.get("accept-encoding", ""))

    def _document(self, operation: str, request: Request, path: Mapping[str, str | None]) -> dict[str, object]:
        if path["format"] == "xml":
            raise Refuse(answers.JSON_ONLY)
        match operation:
            case "submit":
                return self._submit(request, path)
            case "status":
                self._check(request, path, parameters={"key"})
                return self._status(int(path["id"] or 0))
            case "list":
                self._check(request, path, parameters={"key", "type", "page"})
                return self._list(request.query.get("type"), request.query.get("page", "1"))
            case _:
                self._check(request, path, parameters=set())
                return self._account()

    # --- submit -------------------------------------------------------------------------------------------------------

    def _submit(self, request: Request, path: Mapping[str, str | None]) -> dict[str, object]:
        self._check_parameters(request, PARAMETERS | LINK_PARAMETERS)
        if path["key"] is not None:
            self._check_key(request, path)
        with read_upload(request, self.folder, self.knobs) as upload:
            self._check_key(request, path, upload.parameters)
            given = {**request.query, **upload.parameters}
            type_word = path["type"] or given.get("type", "")
            spool = self._spool(upload, type_word)
        job = self._admit(spool, type_word, given.get("file_name", ""))
        fields = self._job_fields(job) | {
            "status": "NEW",
            "aborted": None,
            "invalid_records": 0,
            "status_url": self._status_url(job),
        }
        return self._envelope({**fields, "downloads": dict.fromkeys(SEGMENTS)})

    def _spool(self, upload: Upload, type_word: str) -> Spool:
        row_type = TYPES.get(type_word)
        if row_type is None:
            raise Refuse(answers.BAD_TYPE.format(types=", ".join(TYPES)))
        values: Iterable[str] = upload.values
        if self.knobs.header_row == "detected":
            values = without_header(values, row_type.input_column)
        judge = partial(row_type.judge, self.seed)
        spool = spool_values(values, self.folder, judge, deduplicate=self.knobs.deduplicate_rows)
        if not spool.rows:
            spool.discard()
            raise Refuse(answers.NO_ROWS)
        return spool

    def _admit(self, spool: Spool, type_word: str, given_name: str) -> Job:
        with self.lock:
            quota, now = self.knobs.quota_rows_per_day, self.clock.now()
            name = given_name[: self.knobs.name_characters_max] or _made_up_name(type_word, now)
            if twin := self.twin(spool, name=name, type_word=type_word):
                spool.discard()
                return twin
            if quota is not None:
                today = sum(charge.rows for charge in self.ledger if charge.at > now - DAY_SECONDS)
                if today + spool.rows > quota:
                    spool.discard()
                    raise Refuse(answers.QUOTA.format(quota=quota))
            job = self.accept(spool, name=name, type_word=type_word)
            if job is None:
                raise Refuse(answers.NO_CREDITS)
            job.abort_at = self.knobs.abort_at
            job.queue_polls = self.knobs.queue_polls
            return job

    # --- looking ------------------------------------------------------------------------------------------------------

    def _status(self, remote_id: int) -> dict[str, object]:
        with self.lock:
            job = self.find(remote_id)
            if job is None or self.expired(job):
                raise Refuse(answers.UNKNOWN_JOB)
            fields = self._job_fields(job)
            job.looks += 1
            return self._envelope({**fields, "downloads": self._mint(job, finished=fields["status"] == "FINISHED")})

    def _mint(self, job: Job, *, finished: bool) -> dict[str, str | None]:
        if self.knobs.new_links_end_old:
            self._links.end(job)
        now = self.clock.now()
        downloads: dict[str, str | None] = dict.fromkeys(SEGMENTS)
        for segment in SEGMENTS if finished else ():
            if any(in_segment(segment, word) for word in job.spool.counts):
                downloads[segment] = self._links.mint(job, segment, now, self.addresses.download)
        return downloads

    def _list(self, type_word: str | None, page_word: str) -> dict[str, object]:
        if type_word is not None and type_word not in TYPES:
            raise Refuse(answers.BAD_TYPE.format(types=", ".join(TYPES)))
        wanted = type_word or self.knobs.list_only_type
        with self.lock:
            page = int(page_word) if page_word.isdecimal() else 0
            shown = shown_page(
                self, page, PAGE_JOBS, wanted=lambda job: wanted in (None, job.type_word) and not self.expired(job)
            )
            if not 1 <= page <= shown.pages:
                raise Refuse(answers.BAD_PAGE.format(pages=shown.pages))
            items = [self._list_item(job) for job in shown.jobs]
        totals = {"total_csvs": shown.total, "total_pages": shown.pages, "page": page}
        return self._envelope({"csvs": items, **({} if self.knobs.list_without_totals else totals)})

    def _list_item(self, job: Job) -> dict[str, object]:
        item = self._job_fields(job) | {"status_url": self._status_url(job)}
        return {"message": "Success", "success": True, **item} if self.knobs.list_item_messages else item

    def _account(self) -> dict[str, object]:
        with self.lock:
            if self.knobs.account_refuses_without_credits and self.balance <= 0:
                raise Refuse(answers.NO_CREDITS)
            used = {row_type.usage: 0 for row_type in TYPES.values() if row_type.usage}
            for job in self.jobs.values():
                if counter := TYPES[job.type_word].usage:
                    used[counter] += job.spool.rows
            fields = {
                "credits": self.balance,
                "usage": used["proxy_usage"] + used["email_usage"],
                **used,
                "fingerprint_usage": 0,
                "mobile_sdk_usage": 0,
                "country_code": "US",
            }
        return self._envelope(fields, versioned=False)

    def _download(self, request: Request) -> Response:
        query = request.query
        with self.lock:
            link = None
            if set(query) == {"download", "filename"}:
                now = self.clock.now()
                link = self._links.find(query["download"], query["filename"], now, self.knobs.link_seconds)
            if link is None:
                return html_response(self.knobs.spent_link_status, "This link has expired")
            link.spent = self.knobs.broken_download_burns_link
        disposition = f'attachment; filename="{quote(link.file_name)}"'
        headers = {"content-type": "text/csv; charset=UTF-8", "content-disposition": disposition}
        return Response(200, headers, result_csv(link, self.seed, self.knobs))

    # --- what answers are made of -------------------------------------------------------------------------------------

    def _job_fields(self, job: Job) -> dict[str, object]:
        now = self.clock.now()
        invalid_rows = 0 if job.queued(now) else int(job.spool.counts["malformed"] * job.progress(now))
        return {
            "id": job.remote_id,
            "file_name": job.name + self.knobs.job_note,
            "type": job.type_word,
            "strictness": 0,
            "status": self.status_word(job),
            "aborted": job.aborted(now),
            "invalid_records": max(invalid_rows + self.knobs.job_rows_error + job.rows_error, 0),
        }

    def _status_url(self, job: Job) -> str:
        return f"{self.addresses.root}/api/json/csv/{self.key}/status/{job.remote_id}"

    def _envelope(self, fields: Mapping[str, object], *, versioned: bool = True) -> dict[str, object]:
        return answers.envelope(fields, self._request_id(), self.knobs, versioned=versioned)

    def _request_id(self) -> str:
        with self.lock:
            self._answered += 1
            return shake_256(f"{self.seed}/{self._answered}".encode()).hexdigest(5)

    # --- checking -----------------------------------------------------------------------------------------------------

    def _check(self, request: Request, path: Mapping[str, str | None], *, parameters: set[str]) -> None:
        self._check_parameters(request, parameters)
        self._check_key(request, path)

    def _check_parameters(self, request: Request, known: AbstractSet[str]) -> None:
        if unknown := sorted(set(request.query) - known):
            raise Refuse(answers.BAD_PARAMETER.format(names=", ".join(unknown)))

    def _check_key(
        self, request: Request, path: Mapping[str, str | None], body: Mapping[str, str] | None = None
    ) -> None:
        """Every key that is given must be right, and one must be given."""
        places = (path["key"], request.query.get("key"), request.headers.get("ipqs-key"), (body or {}).get("key"))
        if {key for key in places if key is not None} != {self.key}:
            raise Refuse(answers.BAD_KEY)


def _made_up_name(type_word: str, now: float) -> str:
    return f"{type_word}_{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S}"
