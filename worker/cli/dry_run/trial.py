"""The trial of lists: intake's and prepare's own judgement of each, with nothing submitted, written or spent."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

from config.accounts import load_accounts
from producers.contract import REQUEST_FIELD
from producers.exit_codes import ExitCode
from producers.identity import request_digest
from producers.inline_rows import rows_as_file, rows_sha256
from producers.report import report_of_status
from producers.request import check_size, to_json
from producers.stages import Stage
from producers.uploading import same_list
from worker.actors.list_staging import obstacles_to_pulling, plain_input, stage_upload
from worker.actors.names import input_name
from worker.actors.reuse import is_there, offered
from worker.cli.dry_run.balance import Balance, balance_of
from worker.cli.dry_run.forecast import Counts, Forecast, Outcome
from worker.cli.outlook import budget_of, pauses_of
from worker.context import Connected
from worker.core.method import PULL
from worker.core.quota import Day, over_quota
from worker.core.retention import DAY_SECONDS
from worker.core.reuse import is_wanted
from worker.core.tombstone import Tombstone
from worker.gate import StoreGate
from worker.intake.judging import account_of, asked_before, check_same, check_wishes, upload_of
from worker.intake.refusal import NotAcceptable, read_request, refusing
from worker.providers.registry import build
from worker.rows.errors import InputError, ScratchFailed
from worker.rows.limits import Limits
from worker.rows.shown import shown
from worker.rows.source import source_sha256
from worker.sources import open_input, recorded_source
from worker.storage import CloudOptions, Storage, open_storage
from worker.storage.copies import has_links
from worker.store.errors import StoreUnavailable
from worker.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from io import BufferedWriter
    from pathlib import Path

    from config.accounts import Account
    from config.settings import Settings
    from producers.client import Client
    from producers.display import Display
    from producers.dry_runs import Printable
    from producers.request import UploadRequest
    from worker.core.budget import BudgetDay
    from worker.core.records import UploadRecord
    from worker.providers.port import Provider
    from worker.rows.parts import StagedPart
    from worker.store.store import Store


class Trial:
    """The lists of one command line, tried out one after the other. It has what `worker.sources.Reach` asks for.

    Known limitation: this machine's accounts, limits, input roots and storage are judged by; those of the workers'
    machines may differ. Opening a storage creates its folder where there is none yet; only `--url` opens it, and
    `--reuse` where verdicts are known.
    """

    def __init__(
        self, settings: Settings, store: Store, client: Client, display: Display, workspace: Workspace
    ) -> None:
        self.settings = settings
        self._store = store
        self._client = client
        self._display = display
        self._workspace = workspace
        self._accounts: Mapping[str, Account] = load_accounts(settings.accounts_file)
        self._balances: dict[str, Balance] = {}
        #: Of the lists before on this command line: rows that count for a day, and rows to be paid for.
        self._rows_before = 0
        self._credits_before = 0

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, store: Store, client: Client, display: Display) -> Iterator[Self]:
        """A trial whose intermediate files are gone at the end. Raises `ConfigError`, `ScratchFailed`."""
        try:
            workspace = Workspace(settings.home)
        except OSError as error:
            raise ScratchFailed(
                f"The folder {settings.home} cannot be used for intermediate files ({error.strerror}); check its "
                "permissions and free space, or see BULKVERIFY_HOME."
            ) from None
        try:
            yield cls(settings, store, client, display, workspace)
        finally:
            workspace.close()

    @cached_property
    def storage(self) -> Storage:
        """The workers' storage, opened when a list is in it."""
        return open_storage(self.settings.storage_url, CloudOptions.of(self.settings))

    def _has_links(self, request: UploadRequest, account: Account) -> bool:
        """Whether the storage gives links to the account; it is opened only for a request to which that matters."""
        return request.method == PULL and has_links(self.storage, account.base_url)

    def run(self, requests: Mapping[str, UploadRequest], tell: Callable[[Printable], None]) -> None:
        """Try out every request, by the names of their lists. Raises `RequestInvalid`, `StoreError`, `RowsError`."""
        names: dict[str, str] = {}
        for name, request in requests.items():
            check_size(to_json(request).encode())
            upload_id = request.upload_id or name
            if upload_id in names:
                self._display.note(same_list(name, names[upload_id], upload_id))
                continue
            names[upload_id] = name
            tell(self._forecast(name, request))

    def _forecast(self, name: str, request: UploadRequest) -> Forecast:
        forecast = Forecast(name, recorded_source(request), request.account, request.upload_id)
        try:
            read_request({REQUEST_FIELD: to_json(request)})
            return self._judged(forecast, request)
        except NotAcceptable as refusal:
            reason, message, remedy = refusal.reason, str(refusal), refusal.remedy
        ended = replace(forecast, outcome=Outcome.REJECTED, code=ExitCode.FAILED)
        return replace(ended, reason=reason, message=message, remedy=remedy)

    def _judged(self, forecast: Forecast, request: UploadRequest) -> Forecast:
        """What intake would say. Raises `NotAcceptable`."""
        known = self._store.found(request.upload_id) if request.upload_id else None
        if known is not None and asked_before(known, request_digest(request)):
            return self._known(forecast, known)
        account = account_of(self._accounts, request)
        # The one call, for the balance, counts for the account's rate like every other.
        gate = StoreGate(self._store, account.name, account.requests_per_second, lambda _seconds: None)
        connected = Connected(account, build(account, gate), gate)
        check_wishes(
            request, account.provider, connected.provider.capabilities, links=self._has_links(request, account)
        )
        with self._workspace.folder() as folder:
            upload, copy = self._taken_in(forecast.name, request, account, folder)
            forecast = replace(forecast, upload_id=upload.upload_id)
            known = self._store.found(upload.upload_id)
            if known is not None:
                check_same(known, upload)
                return self._known(forecast, known)
            try:
                return self._staged(forecast, upload, copy, connected)
            except InputError as error:
                ended = replace(forecast, outcome=Outcome.FAILED, code=ExitCode.FAILED)
                return replace(ended, reason=error.reason, message=str(error))

    def _known(self, forecast: Forecast, known: UploadRecord | Tombstone) -> Forecast:
        """The upload that the list is already, with the exit code of submitting it once more."""
        status = self._client.status(str(forecast.upload_id))
        if status is None:
            raise StoreUnavailable(f"The upload id {forecast.upload_id!r} is being cleaned up.")
        report = report_of_status(status)
        return replace(
            forecast,
            outcome=Outcome.KNOWN,
            code=report.code,
            state=report.state,
            reason=report.reason,
            message=report.message,
            remedy=report.remedy,
            counts=None if isinstance(known, Tombstone) else Counts.of_upload(known),
            credits_max=0,
        )

    def _taken_in(self, name: str, request: UploadRequest, account: Account, folder: Path) -> tuple[UploadRecord, Path]:
        """The upload that the request would become, and a copy of its list that nobody else changes."""
        self._display.show(name, Stage("reading"))
        private = folder / "input"
        try:
            private.mkdir()
            with (private / "unnamed").open("wb") as copy:
                content = self._copied(request, copy)
            upload = upload_of(request, account.provider, content, self._store.now())
            return upload, (private / "unnamed").rename(private / PurePosixPath(input_name(upload)).name)
        except OSError as error:
            raise ScratchFailed(
                f"The list {shown(name)} cannot be copied to be read ({error.strerror}); check the free space of the "
                f"folder {self.settings.home}."
            ) from None

    def _copied(self, request: UploadRequest, copy: BufferedWriter) -> str:
        """Copy the request's list; its digest."""
        if request.source.rows is not None:
            copy.write(rows_as_file(request.source.rows))
            return rows_sha256(request.source.rows)
        source = recorded_source(request)
        with refusing(), open_input(self, source) as file:
            return source_sha256(file, self.settings.input_bytes_max, shown(next(iter(source.values()))), copy)

    def _staged(self, forecast: Forecast, upload: UploadRecord, copy: Path, connected: Connected) -> Forecast:
        """What prepare would find. Raises `InputError`."""
        batch_rows_max = connected.provider.capabilities.batch_rows_max
        limits, caps = Limits.of(self.settings), (batch_rows_max, connected.account.part_rows_max)

        def show(rows: int) -> None:
            self._display.show(forecast.name, Stage("staging", 0, None, f"{rows:,} rows staged"))

        folder = copy.parent.parent
        plain = plain_input(upload, copy, folder, limits)
        staged = stage_upload(upload, plain, folder, limits=limits, caps=caps, on_progress=show)
        obstacles = obstacles_to_pulling(upload, staged, plain)
        found = replace(
            forecast,
            dialect=staged.dialect,
            counts=Counts.of_staged(staged),
            part_rows_max=limits.part_rows_max(*caps),
            not_pullable="; ".join(obstacles),
            budget=self._budget(connected.account),
            pauses=pauses_of(self._store, upload.account, upload.provider),
        )
        allowed = self._allowed(found, upload, staged.distinct)
        if allowed.outcome is not Outcome.ACCEPTED:
            return allowed
        self._rows_before += staged.distinct
        reused = [part.rows for part in staged.parts if self._is_offered(upload, part, connected)]
        told = replace(allowed, reused_values=sum(reused), reused_parts=len(reused))
        return self._priced(told, connected.provider, staged.distinct - told.reused_values)

    def _is_offered(self, upload: UploadRecord, part: StagedPart, connected: Connected) -> bool:
        """Whether the part would take over verdicts that are there now."""
        if not is_wanted(upload):
            return False
        key = connected.reuse_key(upload.kind, part.rows, part.values_digest)
        source = offered(self._store, upload, key, self._store.now())
        return source is not None and is_there(self.storage, source, upload)

    def _allowed(self, forecast: Forecast, upload: UploadRecord, rows: int) -> Forecast:
        """The forecast with its producer's day, and with its end if the list does not fit into that."""
        most_rows = self.settings.rows_per_day_max(upload.producer)
        if most_rows is None:
            return forecast
        now = upload.created_at
        used_rows = self._store.rows_today(upload.producer) + self._rows_before
        day = Day(used_rows, most_rows, ends_at=(now // DAY_SECONDS + 1) * DAY_SECONDS)
        if rows <= day.left_rows:
            return replace(forecast, quota=day)
        (failed,) = over_quota(upload, rows, day, now, self.settings.retention_days).uploads
        ended = replace(forecast, quota=day, outcome=Outcome.FAILED, code=ExitCode.FAILED)
        return replace(ended, reason=failed.reason, message=failed.message)

    def _budget(self, account: Account) -> BudgetDay | None:
        """The account's day as it is when the lists before on this command line have been submitted."""
        day = budget_of(self._store, account)
        return None if day is None else replace(day, used_rows=day.used_rows + self._rows_before)

    def _priced(self, forecast: Forecast, provider: Provider, rows: int) -> Forecast:
        """The forecast with what the list costs at most, and the account's balance, which is asked for once."""
        balance = self._balances.get(forecast.account)
        if balance is None:
            self._display.show(forecast.name, Stage("asking for the balance"))
            balance = self._balances[forecast.account] = balance_of(provider)
        self._credits_before += rows
        missing = 0 if balance.credits is None else max(self._credits_before - balance.credits, 0)
        return replace(forecast, credits_max=rows, balance=balance, credits_missing=missing)
