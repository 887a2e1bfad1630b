"""An installation that a real Prometheus watches."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.builders.observed.prometheus import Prometheus
from tests.builders.observed.shortened import AGES
from tests.builders.sandboxed_site import SandboxedSite, a_sandboxed_site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Observed(SandboxedSite):
    """A site, and who looks at it."""

    prometheus: Prometheus


@contextmanager
def an_observed_site(folder: Path, ages: Mapping[str, str] = AGES, waits: int = 1) -> Iterator[Observed]:
    """All of it, running until the end of the block; `ages` and `waits` are those of the rules, see `shortened`."""
    with (
        a_sandboxed_site(folder) as site,
        Prometheus(folder / "prometheus", site.metrics_port, ages, waits) as prometheus,
    ):
        yield Observed(**vars(site), prometheus=prometheus)
