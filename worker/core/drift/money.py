"""What jobs cost: each predicate tells what of that differs between the ledger and the parts or the provider.

A provider may charge when a list is taken or while it is worked on, so whatever is under way is allowed for. Where it
tells what was used, that is believed before the balance: somebody may have bought credits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.core.drift.evidence import Evidence
    from worker.core.drift.views import AccountCase, Bounds, Money, PartCase, Reading


def reservation_leak(case: PartCase) -> Evidence | None:
    """A part at its end holds credits that it will not spend."""
    part = case.part
    if not part.terminal or part.credits_reserved <= 0 or case.busy:
        return None
    return {"state": str(part.state), "credits": part.credits_reserved}


def ledger_drift(case: AccountCase) -> Evidence | None:
    """The ledger's reservations are not those of the parts, or the provider took other credits than it says."""
    money = case.money
    if money is None:
        return None
    if money.reserved != money.reserved_by_parts:
        return {"reserved": money.reserved, "reserved_by_parts": money.reserved_by_parts}
    spent = money.after.spent - money.before.spent
    taken = taken_between(money.before, money.after)
    if taken is None:
        return None
    slack = _slack_credits(money, case.occasion.bounds, max(spent, taken))
    more = taken - spent - slack
    # Credits that were bought hide what was taken, so that a balance proves only that too much went.
    less = spent - taken - slack if _tells_usage(money) else 0
    # Of strangers whose number of rows is not told, anything may have been used.
    unexplained = (more > 0 and money.foreign_rows is not None) or less > 0
    return {"taken": taken, "spent": spent, "slack": slack} if unexplained else None


def taken_between(before: Reading, after: Reading) -> int | None:
    """Credits that the provider took between two readings; `None` where that cannot be told from them."""
    if before.usage is not None and after.usage is not None:
        # A lower one is that of the next billing period.
        return after.usage - before.usage if after.usage >= before.usage else None
    return before.balance - after.balance if after.balance <= before.balance else None


def _tells_usage(money: Money) -> bool:
    return money.before.usage is not None and money.after.usage is not None


def _slack_credits(money: Money, bounds: Bounds, moved: int) -> int:
    always = max(bounds.slack_credits, int(bounds.slack_fraction * moved))
    return always + money.under_way + (money.foreign_rows or 0)
