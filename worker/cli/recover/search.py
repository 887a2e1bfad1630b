"""The search for lost uploads: everything that storage keeps, and every attempt that nothing kept accounts for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from worker.actors.attempts import part_of_token
from worker.actors.names import ATTEMPTS_FOLDER, RECORDS_FOLDER
from worker.actors.recovery import Finding, Found, Recovery
from worker.cli.recover.tally import Tally
from worker.cli.waking import wake
from worker.core.retry import UNSENT_REASON
from worker.core.states import PartState
from worker.storage import StorageError
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(slots=True)
class Search:
    """One run over the storage. Every upload is written whole or not at all, so that it may be stopped anywhere."""

    recovery: Recovery
    #: The only account whose uploads are wanted; `None`: all.
    account: str | None
    #: Nothing is written.
    dry_run: bool
    #: Parts that were never sent go on, also those that an earlier run has stopped.
    resume: bool
    #: Is told after each upload that was looked at.
    on_upload: Callable[[], None]
    tally: Tally = field(default_factory=Tally)
    _tokens: set[str] = field(default_factory=set)

    def run(self, upload_ids: Iterable[str]) -> Tally:
        """Look at each kept upload, and make the lost ones again.

        Those with attempts that are searched for come last: whose job is in the provider's list is told the better the
        more of the others are known.
        """
        searched_for = [upload_id for upload_id in upload_ids if not self._is_done(upload_id, last=False)]
        for upload_id in searched_for:
            self._is_done(upload_id, last=True)
        if self.account is None:
            self._tell_unkept()
        return self.tally

    def _is_done(self, upload_id: str, *, last: bool) -> bool:
        try:
            found = self.recovery.look(upload_id, go_on=self.resume)
            if found.kept is not None:
                self._tokens.update(part.token for part in found.kept.parts)
            if not self._is_wanted(found):
                pass
            elif not last and _is_searched_for(found):
                return False
            elif found.finding is Finding.LOST and not self.dry_run:
                found = self._restored(upload_id, found)
            self._count(upload_id, found)
        except (StorageError, Unreadable) as error:
            self.tally.failures[upload_id] = str(error)
        self.on_upload()
        return True

    def _restored(self, upload_id: str, found: Found) -> Found:
        made = self.recovery.restore(upload_id, self.recovery.store.commit, go_on=self.resume)
        return made if made.kept is not None else replace(found, finding=Finding.KNOWN)

    def _is_wanted(self, found: Found) -> bool:
        return self.account is None or found.kept is None or found.kept.upload.account == self.account

    def _count(self, upload_id: str, found: Found) -> None:
        if not self._is_wanted(found):
            return
        match found.finding:
            case Finding.LOST if found.change is not None:
                self.tally.add(found.change)
            case Finding.LIST_GONE:
                self.tally.to_ask_again.append(upload_id)
            case Finding.KNOWN:
                self._known(upload_id)

    def _known(self, upload_id: str) -> None:
        """An upload that Redis has: with `resume` the parts of it go on that an earlier run has stopped."""
        store = self.recovery.store
        upload = store.upload(upload_id)
        if upload is not None and self.account not in {None, upload.account}:
            return
        self.tally.known += 1
        if upload is None or upload.terminal:
            return
        stopped = sum(
            part.state is PartState.QUARANTINED and part.reason == UNSENT_REASON for part in store.parts_of(upload)
        )
        if stopped and self.resume:
            self.tally.unsent_going_on += stopped
            if not self.dry_run:
                wake(store, upload)
        else:
            self.tally.unsent_stopped += stopped

    def _tell_unkept(self) -> None:
        """Uploads with attempts of which neither Redis nor storage has a record, as before storage kept any."""
        storage, unkept = self.recovery.storage, set[str]()
        for folder in storage.folders(ATTEMPTS_FOLDER):
            token = folder.rpartition("/")[2]
            part_id = part_of_token(storage, token) if token not in self._tokens else None
            if part_id is not None:
                unkept.add(part_id.rpartition("/")[0])
        for upload_id in sorted(unkept - {*self.tally.to_ask_again, *self.tally.failures}):
            if self.recovery.store.found(upload_id) is None:
                self.tally.to_ask_again.append(upload_id)


def kept_uploads(recovery: Recovery) -> list[str]:
    """Ids of all uploads that storage keeps a record of. Raises `StorageError`."""
    return [folder.rpartition("/")[2] for folder in recovery.storage.folders(RECORDS_FOLDER)]


def _is_searched_for(found: Found) -> bool:
    change = found.change
    return change is not None and any(part.state is PartState.INTENT for part in change.parts)
