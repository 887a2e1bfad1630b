"""The few shapes of PromQL that panels are made of.

Every series is filtered by the dashboard's variables, as far as its metric has their labels. Where several machines run
an exporter each tells the same state, so state is taken once for each installation (`job`) and then added up, while the
figures of processes are added up over all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.metric_families import PROCESS_FAMILIES

if TYPE_CHECKING:
    from worker.metric_families import Family

#: The dashboards' variables that filter by a label of the same name; every series has `job`, from Prometheus.
FILTERS = ("job", "provider", "account", "kind")


def series(family: Family, suffix: str = "", **where: str) -> str:
    """The selector of a family; `where` are values of its labels, as regular expressions."""
    asked = [f'{label}=~"${label}"' for label in FILTERS if label in ("job", *family.labels)]
    asked += [f'{label}=~"{value}"' for label, value in where.items()]
    return f"{family.full_name}{suffix}{{{', '.join(asked)}}}"


def now(family: Family, *by: str, **where: str) -> str:
    """A gauge at this moment, added up by labels."""
    return _once(family, by, series(family, **where))


def greatest(family: Family, *by: str, **where: str) -> str:
    """The greatest value of a gauge, by labels."""
    return f"max{_by(by)}({series(family, **where)})"


def least(family: Family, *by: str, **where: str) -> str:
    """The least value of a gauge, by labels."""
    return f"min{_by(by)}({series(family, **where)})"


def age(family: Family, *by: str, **where: str) -> str:
    """Seconds since the earliest of these times, by labels; a time of 0 is none."""
    return f"time() - min{_by(by)}({series(family, **where)} > 0)"


def per_second(family: Family, *by: str, **where: str) -> str:
    """How fast a counter grows, by labels."""
    return _once(family, by, f"rate({series(family, **where)}[$__rate_interval])")


def per_minute(family: Family, *by: str, **where: str) -> str:
    """How fast a counter grows that grows slowly, by labels."""
    return f"60 * {per_second(family, *by, **where)}"


def within(family: Family, *by: str, **where: str) -> str:
    """By how much a counter has grown in the time that is looked at, by labels."""
    return f"round({_once(family, by, f'increase({series(family, **where)}[$__range])')})"


def newly(family: Family, *by: str, **where: str) -> str:
    """By how much a process's counter has grown of late, by labels; for one that is not there before it counts.

    Its first event is no increase to `rate`. Where it was set back, nothing is shown for a moment.
    """
    total = f"sum{_by(by)}({series(family, **where)})"
    before = f"sum{_by(by)}({series(family, **where)} offset $__rate_interval)"
    return f"clamp_min({total}\n- ({before} or 0 * {total}), 0)"


def quantile(share: float, family: Family, *by: str, **where: str) -> str:
    """The value below which a share of a histogram's observations is, by labels."""
    rates = f"rate({series(family, '_bucket', **where)}[$__rate_interval])"
    return f"histogram_quantile({share:g}, sum{_by((*by, 'le'))}({rates}))"


def spread(family: Family, **where: str) -> str:
    """How many observations of a histogram fell into each of its buckets, for a heatmap."""
    return f"sum by (le) (increase({series(family, '_bucket', **where)}[$__rate_interval]))"


def observed(family: Family, suffix: str, *by: str, **where: str) -> str:
    """By how much a histogram's `_sum`, `_count` or a bucket has grown in the time that is looked at."""
    return f"sum{_by(by)}(increase({series(family, suffix, **where)}[$__range]))"


def share(part: str, whole: str) -> str:
    """A part of a whole; nothing while the whole is nothing."""
    return f"{part}\n/ ({whole} > 0)"


def or_zero(expression: str, label: str = "") -> str:
    """The expression; where it has no series, 0, with a label that says `none`."""
    zero = f'label_replace(vector(0), "{label}", "none", "", "")' if label else "vector(0)"
    return f"{expression} or on () {zero}"


def recorded(name: str) -> str:
    """A recorded series, of the accounts that are looked at."""
    return f'{name}{{job=~"$job", provider=~"$provider", account=~"$account"}}'


def _once(family: Family, by: tuple[str, ...], expression: str) -> str:
    if family in PROCESS_FAMILIES:
        return f"sum{_by(by)}({expression})"
    labels = ", ".join(("job", *family.labels))
    return f"sum{_by(by)}(max by ({labels}) ({expression}))"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)}) " if labels else ""
