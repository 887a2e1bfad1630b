"""WhoisXML's Email Verification Bulk, simulated: create, status, list, completed, failed, and the account's balance."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from worker.providers.sandbox import whoisxml_answers as answers
from worker.providers.sandbox.knobs import WhoisXmlKnobs
from worker.providers.sandbox.list_pages import shown_page
from worker.providers.sandbox.simulated import Call, SimulatedProvider
from worker.providers.sandbox.values import spool_values
from worker.providers.sandbox.whoisxml_answers import Refuse, plain_json, response_json
from worker.providers.sandbox.whoisxml_fields import check_fields, page_fields, read_body
from worker.providers.sandbox.whoisxml_results import judge, results_json
from worker.providers.sandbox.wire import Response, html_response, stringly

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from worker.providers.sandbox.clock import TimeSource
    from worker.providers.sandbox.jobs import Job
    from worker.providers.sandbox.wire import Request

#: Path of each operation below the API; all are POST (documented).
_OPERATIONS = {
    "/api/bevService/request": "submit",
    "/api/bevService/request/status": "status",
    "/api/bevService/request/list": "list",
    "/api/bevService/request/completed": "completed",
    "/api/bevService/request/failed": "failed",
}
#: Paths of the balance, GET: as documented, and an older one that is still in use.
_BALANCE_PATHS = ("/user-service/account-balance", "/service/account-balance")
#: The balance's number for e-mail verification, and other products that an account may show.
EMAIL_PRODUCT = 7
_PRODUCTS = {1: "WHOIS API", EMAIL_PRODUCT: "Email Verification API", 8: "IP Geolocation API"}
#: Credits shown for products that have nothing to do with e-mail.
OTHER_CREDITS = 500
#: Version of jobs made without `version` (documented: since 2024-04-30).
API_VERSION = 3


class WhoisXmlSandbox(SimulatedProvider[WhoisXmlKnobs]):
    """One account at the simulated WhoisXML. Paths are `/api/bevService/…` and `/user-service/account-balance`."""

    def __init__(
        self, *, key: str, clock: TimeSource, folder: Path, seed: int = 0, knobs: WhoisXmlKnobs | None = None
    ) -> None:
        super().__init__(key=key, clock=clock, folder=folder, knobs=knobs or WhoisXmlKnobs(), seed=seed)

    def refusal(self, word: str, text: str = "") -> Response:
        """The documented status and text; `refuse` is the error that comes with status 200."""
        match word:
            case "bad_key":
                return self._wrong_key()
            case "no_credits":
                return response_json(402, {"error": answers.NO_BALANCE})
            case "quota":
                return response_json(403, {"error": answers.DENIED})
            case _:
                return response_json(200, {"error": text})

    def throttled(self, retry_after_seconds: float | None) -> Response:
        """429 with an HTML page."""
        headers = {} if retry_after_seconds is None else {"retry-after": str(math.ceil(retry_after_seconds))}
        return html_response(429, "Too Many Requests", headers)

    def status_word(self, job: Job) -> str:
        """`ready` or `not_ready`."""
        return "ready" if job.finished(self.clock.now()) else "not_ready"

    def _route(self, request: Request) -> Call | Response:
        if request.path in _BALANCE_PATHS:
            wanted, call = "GET", Call("credits", partial(self._answer, self._balance, request))
        elif operation := _OPERATIONS.get(request.path):
            wanted, call = "POST", Call(operation, partial(self._answer, partial(self._perform, operation), request))
        else:
            return html_response(404, "Not Found")
        return call if request.method == wanted else html_response(405, "Method Not Allowed")

    def _perform(self, operation: str, request: Request) -> Response:
        if request.query:
            raise Refuse(400, errors=["Parameters belong in the body."])
        document = read_body(request)
        if document.get("apiKey") != self.key:
            return self._wrong_key()
        check_fields(operation, document)
        match operation:
            case "submit":
                return self._submit(document)
            case "status":
                return self._status(document)
            case "list":
                return self._list(document)
            case _:
                return self._results(operation, document)

    # --- operations ---------------------------------------------------------------------------------------------------

    def _submit(self, document: Mapping[str, Any]) -> Response:
        share = self.knobs.failed_share
        emails: list[str] = document["emails"]
        word = partial(judge, self.seed, share)
        spool = spool_values(emails, self.folder, word, deduplicate=self.knobs.deduplicate_rows)
        with self.lock:
            if twin := self.twin(spool):
                spool.discard()
                return self._reply({"id": twin.remote_id})
            job = self.accept(spool)
            if job is None:
                raise Refuse(402, error=answers.NO_BALANCE)
            job.failed_share = share
            job.api_version = document.get("version", API_VERSION)
        return self._reply({"id": job.remote_id})

    def _status(self, document: Mapping[str, Any]) -> Response:
        with self.lock:
            found = (self.find(remote_id) for remote_id in document["ids"])
            return self._reply([self._job_fields(job) for job in found if job and self._shown(job)])

    def _list(self, document: Mapping[str, Any]) -> Response:
        page, per_page, only_ids, ascending = page_fields(document)
        with self.lock:
            shown = shown_page(self, page, per_page, wanted=self._shown, ascending=ascending)
            data = [{"id": job.remote_id} if only_ids else self._job_fields(job) for job in shown.jobs]
        start = (page - 1) * per_page
        ordinals = {"from": start + 1 if data else None, "to": start + len(data) if data else None}
        totals = {"last_page": shown.pages, "per_page": per_page, "total": shown.total}
        return self._reply({"current_page": page, "data": data, **ordinals, **totals})

    def _results(self, operation: str, document: Mapping[str, Any]) -> Response:
        job = self.find(document["id"])
        if job is None or (self.expired(job) and self.knobs.expired_results == "error"):
            raise Refuse(400, error=answers.UNKNOWN_JOB)
        now = self.clock.now()
        rows_done = 0
        if job.finished(now):
            rows_done = 0 if self.expired(job) else job.spool.rows
        elif self.knobs.partial_results:
            rows_done = int(job.spool.rows * job.progress(now))
        body = results_json(job, operation, self.seed, self.knobs, rows_done)
        return Response(200, {"content-type": "application/json"}, body)

    def _balance(self, request: Request) -> Response:
        if unknown := sorted(set(request.query) - {"apiKey", "productId", "outputFormat"}):
            raise Refuse(400, errors=[answers.BAD_FIELD.format(name=name) for name in unknown])
        if request.query.get("apiKey") != self.key:
            return self._wrong_key()
        if request.query.get("outputFormat", "JSON") != "JSON":
            raise Refuse(400, errors=[answers.NOT_SIMULATED])
        wanted = request.query.get("productId")
        data = [
            {
                "product_id": number,
                "product": {"id": number, "name": name},
                "credits": self.balance if number == EMAIL_PRODUCT else OTHER_CREDITS,
            }
            for number, name in _PRODUCTS.items()
            if wanted in (None, str(number))
        ]
        return plain_json(200, stringly({"data": data}) if self.knobs.stringly else {"data": data})

    # --- what answers are made of -------------------------------------------------------------------------------------

    def _answer(self, perform: Callable[[Request], Response], request: Request) -> Response:
        try:
            return perform(request)
        except Refuse as refused:
            return response_json(refused.status, refused.document)

    def _reply(self, content: object) -> Response:
        return response_json(200, stringly(content) if self.knobs.stringly else content)

    def _wrong_key(self) -> Response:
        match self.knobs.wrong_key_status:
            case 401:
                return response_json(401, {"error": answers.UNAUTHORIZED})
            case 403:
                return response_json(403, {"error": answers.DENIED})
            case status:
                return Response(status, {"content-type": "text/plain"}, b"Error\n")

    def _shown(self, job: Job) -> bool:
        return self.knobs.expired_jobs_listed or not self.expired(job)

    def _job_fields(self, job: Job) -> dict[str, object]:
        now = self.clock.now()
        skew = self.knobs.clock_skew_seconds
        counts, progress = job.spool.counts, job.progress(now)
        fields: dict[str, object] = {
            "id": job.remote_id,
            "api_version": job.api_version,
            "date_start": str(int(job.accepted_at + skew)),
            "total_emails": max(job.spool.rows + self.knobs.job_rows_error + job.rows_error, 0),
            "invalid_emails": int(counts["invalid"] * progress),
            "processed_emails": int(counts["processed"] * progress),
            "failed_emails": int(counts["failed"] * progress),
            "ready": int(job.finished(now)),
        }
        if job.finished(now):
            fields["date_end"] = str(int(job.ends_at + skew))
        if self.knobs.job_note:
            fields["note"] = self.knobs.job_note
        if self.knobs.bare_jobs:
            del fields["api_version"]
        return fields
