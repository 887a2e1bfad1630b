"""Poll turns: the one live poll message of an account, and the one turn that it begins; see `lua/arm_poll.lua`."""

from __future__ import annotations

from worker.store.asking import Asking


class PollTurns(Asking):
    """Who looks at an account's jobs next, and when."""

    def offer_poll(self, account: str, wanted_at: float | None, slack_seconds: float) -> tuple[int, float] | None:
        """(epoch, delay in seconds) of a poll message to send, or `None` if the live one will do; `None` wants now."""
        return self._arm_poll(account, "now" if wanted_at is None else wanted_at, slack_seconds, "")

    def plan_poll(self, account: str, turn: int, wanted_at: float | None) -> tuple[int, float] | None:
        """End the turn; (epoch, delay in seconds) of the account's next poll message, every earlier one being stale.

        `None`: nothing is waiting (`wanted_at` is `None`), or another turn has begun, which plans by itself.
        """
        return self._arm_poll(account, "never" if wanted_at is None else wanted_at, 0.0, turn)

    def _arm_poll(self, account: str, wanted: float | str, slack: float, turn: int | str) -> tuple[int, float] | None:
        keys = [self.key("poll", account)]
        epoch, delay = self._ask(self._run, "arm_poll", keys, wanted, slack, turn, self.clock_offset_seconds)
        return (int(epoch), float(delay)) if epoch else None

    def begin_poll(self, account: str, epoch: int, lease_seconds: float) -> int | None:
        """Take the account's poll turn under a lease; which turn it is, `None` for a stale message."""
        return self._lease_poll(account, "begin", epoch, lease_seconds) or None

    def renew_poll(self, account: str, turn: int, lease_seconds: float) -> bool:
        """Let the turn's lease last so long from now on; False when another turn has begun."""
        return bool(self._lease_poll(account, "renew", turn, lease_seconds))

    def _lease_poll(self, account: str, mode: str, number: int, lease_seconds: float) -> int:
        keys = [self.key("poll", account)]
        return int(self._ask(self._run, "begin_poll", keys, mode, number, lease_seconds, self.clock_offset_seconds))
