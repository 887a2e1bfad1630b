"""What a sweep reads of the store, and the tally that it leaves there for the exporter and for the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from worker.core.states import PartState
from worker.store.keys import KEY_PREFIX
from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.core.sweep import Sweep
    from worker.store.store import Store

#: Ids that are asked for by one command.
ASK_IDS = 500
#: Most parts whose records are read to add up what they hold.
HELD_PARTS_MAX = 5_000
#: What a sweep alone tells, so that a walk which only searched leaves it as it was.
OF_SWEEPS = ("outcome", "seconds", "unseen", "judged_at")


class Held(NamedTuple):
    """What an account's ledger says, and what its parts hold at the same moment, in credits; see `Entry`."""

    reserved: int
    committed: int
    released: int
    wasted: int
    #: What the parts have reserved, and the rows of those with a remote job that is not done, or may have one.
    reserved_by_parts: int
    under_way: int

    @property
    def outstanding(self) -> int:
        """What is reserved, by the ledger."""
        return self.reserved - self.committed - self.released


def write_sweep(store: Store, account: str, sweep: Sweep, provider: str = "") -> None:
    """Keep what the last walk showed, and count it if it was a sweep of that `provider`; the exporter reads both."""
    client: Any = store.client
    key = store.key("sweep", account)
    with reaching():
        before: Mapping[str, str] = client.hgetall(key)
    fields = {f"jobs:{status}": str(number) for status, number in sweep.jobs.items()}
    fields |= {"at": f"{sweep.began_at:.3f}", "complete": str(int(sweep.complete)), "pages": str(sweep.pages)}
    fields |= {"ours": str(sweep.ours), "orphans": str(sweep.orphans), "proven": str(int(sweep.proven))}
    fields["complete_at"] = fields["at"] if sweep.complete else before.get("complete_at", "")
    if sweep.outcome:
        fields |= {"outcome": sweep.outcome, "seconds": f"{sweep.seconds:.3f}", "unseen": str(sweep.unseen)}
        fields["judged_at"] = f"{sweep.judged_at:.3f}" if sweep.judged_at else before.get("judged_at", "")
    else:
        fields |= {name: before[name] for name in OF_SWEEPS if name in before}
    pipeline = client.pipeline(transaction=True)
    pipeline.delete(key)
    for field, value in fields.items():
        pipeline.hset(key, field, value)
    if sweep.outcome and provider:
        pipeline.hincrby(store.key("counters"), f"sweeps|{provider}|{account}|{sweep.outcome}", 1)
    with reaching():
        pipeline.execute()


def last_sweep(store: Store, account: str) -> Mapping[str, str]:
    """What `write_sweep` has kept; empty before the first walk."""
    client: Any = store.client
    with reaching():
        found: Mapping[str, str] = client.hgetall(store.key("sweep", account))
    return found


def live_parts(store: Store, account: str, most: int) -> list[str]:
    """Parts of an account that have a remote job, may have one, or hold credits: those that wait longest first."""
    client: Any = store.client
    with reaching():
        found = set(client.smembers(store.key("active", account)))
        names: list[str] = sorted(client.smembers(store.key("indexes")))
    for name in names:
        record_type, of_account, _, state = name.split(":")
        is_live = state in {PartState.FINISHED, PartState.QUARANTINED}
        if record_type == "part" and of_account == account and is_live and len(found) < most:
            with reaching():
                found.update(client.zrange(store.key("index", name), 0, most - len(found) - 1))
    return sorted(found)[:most]


def owners_of(store: Store, scope: str, remote_ids: Sequence[str]) -> dict[str, str]:
    """The parts that have claimed remote ids of one account at one service, by remote id."""
    client: Any = store.client
    found: dict[str, str] = {}
    for start in range(0, len(remote_ids), ASK_IDS):
        asked = list(remote_ids[start : start + ASK_IDS])
        with reaching():
            owners = client.hmget(store.key("remote", scope), asked)
        found |= {remote_id: owner for remote_id, owner in zip(asked, owners, strict=True) if owner is not None}
    return found


def held_now(store: Store, account: str) -> Held | None:
    """What the ledger says and the parts hold; `None` where there are too many parts to add up at one moment."""
    found = Held(*map(int, store.run_script("held", [KEY_PREFIX], account, HELD_PARTS_MAX)))
    return None if found.under_way < 0 else found


def last_reading(store: Store, account: str) -> str | None:
    """The text of the reading of the account's credits that was kept, see `Replacement.money`."""
    client: Any = store.client
    with reaching():
        text: str | None = client.get(store.key("money", account))
    return text


def accounts_of(store: Store) -> frozenset[str]:
    """Accounts that ever had an upload or a part."""
    client: Any = store.client
    with reaching():
        return frozenset(name.split(":")[1] for name in client.smembers(store.key("indexes")))


def kinds_of(store: Store, account: str) -> frozenset[str]:
    """Kinds of which the account ever had a part."""
    client: Any = store.client
    with reaching():
        names = [name.split(":") for name in client.smembers(store.key("indexes"))]
    return frozenset(
        kind for record_type, of_account, kind, _ in names if (record_type, of_account) == ("part", account)
    )
