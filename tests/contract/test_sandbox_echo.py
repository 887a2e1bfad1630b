"""A simulator that repeats requests in its refusals, so that nobody who repeats those is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.sandbox_bench import IPQS_KEY, make_bench
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from pathlib import Path


def test_pages_and_refusals_repeat_the_request_when_told_to(tmp_path: Path) -> None:
    """With `echo_requests` the key of a call stands in the page or message that refuses it, and else in neither."""
    bench = make_bench(tmp_path)
    url = f"{bench.ipqs_api}/csv/{IPQS_KEY}/status/1"
    for told in (False, True):
        bench.ipqs.knobs.echo_requests = told
        bench.ipqs.knobs.faults.append(Fault("status", "http_502"))
        page = bench.session.get(url, timeout=5)
        refusal = bench.session.get(url, timeout=5, headers={"Accept-Encoding": "identity"})
        assert page.status_code == 502
        assert refusal.json()["success"] is False
        assert [IPQS_KEY in answer.text for answer in (page, refusal)] == [told, told]
