"""A line whose Redis is emptied at a stage of an upload's way, with the steps that lead there taken one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.builders.charges import Charges
from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.line import poll_now
from worker.actors import collect, deliver, prepare, submit
from worker.core.states import PartState

if TYPE_CHECKING:
    from tests.builders.line import Line
    from worker.core.records import PartRecord

#: Three values, of which one comes twice, and a row without any: five rows to come back.
LIST = "email\nann@example.com\nbob@example.com\n\nann@example.com\ncid@example.com\n"
#: The stages at which Redis may be lost, in the order in which an upload comes through them.
STAGES = ("accepted", "prepared", "submitted", "finished", "collected", "delivered")


@dataclass
class Wiped:
    """An upload on its way, and everything that may become of it when its records are gone."""

    line: Line
    account: str
    upload_id: str = "crm-1"

    def advance(self, stage: str) -> None:
        """Take the steps up to a stage."""
        self.line.submit(self.line.file("list.csv", LIST), self.account, upload_id=self.upload_id)
        steps = (self._prepare, self._submit, self._finish, self._collect, self._deliver)
        for step, _ in zip(steps, range(STAGES.index(stage)), strict=False):
            step()

    def wipe(self) -> None:
        """Empty both databases; the intake makes its stream again."""
        self.line.plant.context.store.client.flushdb()
        self.line.plant.broker.client.flushdb()
        self.line.intake.prepare()

    def ask_again(self) -> None:
        """Submit the same list under the same id."""
        self.line.submit(self.line.folder / "list.csv", self.account, upload_id=self.upload_id)

    def recover(self, *options: str, code: int = 0) -> dict[str, Any]:
        """Run the command, which must not reach any provider, and end with that code; its document."""
        calls = self._calls()
        result = self._command("recover", "--json", *options)
        assert result.exit_code == code, result.output
        assert self._calls() == calls
        told: dict[str, Any] = CommandLine.document(result)
        return told

    def attention(self, *arguments: str) -> str:
        """What a command for people prints."""
        return self._command(*arguments).output

    def parts(self, state: PartState | None = None) -> list[PartRecord]:
        """The upload's parts, all or those in a state."""
        return [part for part in self.line.parts(self.upload_id) if state in {None, part.state}]

    def check_paid_once(self) -> None:
        """Every value was charged once, every job is its part's own, and every row is in the result."""
        line = self.line
        assert list(Charges(line.plant.context.storage, [line.ipqs, line.whoisxml]).broken(self.parts())) == []
        assert self.charged_rows() == 3
        upload = line.upload(self.upload_id)
        assert (upload.state, upload.result is not None) == ("completed", True)
        assert upload.result is not None
        assert (upload.result.counts.rows, upload.result.counts.matched, upload.result.counts.missing) == (5, 3, 0)

    def charged_rows(self) -> int:
        """Rows that were charged."""
        return sum(charge.rows for sandbox in (self.line.ipqs, self.line.whoisxml) for charge in sandbox.ledger)

    def _calls(self) -> int:
        return self.line.ipqs.calls.total() + self.line.whoisxml.calls.total()

    @property
    def _command(self) -> CommandLine:
        settings = self.line.settings
        assert settings.redis_url is not None
        command = CommandLine(settings.redis_url, self.line.folder)
        command.environment["BULKVERIFY_STORAGE_URL"] = settings.storage_url
        return command

    def _prepare(self) -> None:
        prepare.run(self.line.plant.context, self.upload_id, self.line.upload(self.upload_id).epoch)

    def _submit(self) -> None:
        for part in self.parts():
            submit.run(self.line.plant.context, part.part_id, part.epoch)

    def _finish(self) -> None:
        def finished() -> bool:
            poll_now(self.line.plant.context, self.account)
            return len(self.parts(PartState.FINISHED)) == len(self.parts())

        wait_until(finished, what="finished jobs")

    def _collect(self) -> None:
        for part in self.parts():
            collect.run(self.line.plant.context, part.part_id, part.epoch)

    def _deliver(self) -> None:
        deliver.run(self.line.plant.context, self.upload_id, self.line.upload(self.upload_id).epoch)
