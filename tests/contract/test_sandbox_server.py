"""The simulators on real sockets: routing, the wire, transport faults, control paths, and stopping."""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from tests.builders.sandbox_bench import IPQS_KEY, WHOISXML_KEY, Bench, make_bench
from worker.providers.sandbox.faults import Fault
from worker.providers.sandbox.run import serve
from worker.providers.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Bench]:
    """Both simulators behind a server."""
    bench = make_bench(tmp_path)
    with SandboxServer(bench.ipqs, bench.whoisxml) as server, requests.Session() as session:
        session.headers["User-Agent"] = "bulkverify-test/1"
        ipqs_api, whoisxml_api = (
            f"{server.base_url}/ipqs/api/json",
            f"{server.base_url}/whoisxml/api/bevService/request",
        )
        yield replace(bench, session=session, ipqs_api=ipqs_api, whoisxml_api=whoisxml_api)


def base_url(served: Bench) -> str:
    """Scheme, host and port of the server."""
    parts = urlsplit(served.ipqs_api)
    return f"{parts.scheme}://{parts.netloc}"


def test_a_list_goes_all_the_way_over_sockets(served: Bench) -> None:
    """Upload, status, list and download work over HTTP, and every link leads back to this server."""
    answer = served.upload(["ann@gmail.com", "bad"])
    assert answer["status_url"] == f"{served.ipqs_api}/csv/{IPQS_KEY}/status/{answer['id']}"
    link = served.status(answer["id"])["downloads"]["all"]
    assert link.startswith(f"{base_url(served)}/ipqs-downloads/download?download=")
    assert served.session.get(link).text.splitlines()[1].startswith("ann@gmail.com,")
    assert served.session.get(link).status_code == 404
    assert served.listing()["total_csvs"] == 1


def test_the_other_provider_and_its_balance_are_served_too(served: Bench) -> None:
    """WhoisXML's operations and balance have their paths on the same server."""
    remote_id = served.create()
    assert served.job(remote_id)["ready"] == 1
    url = f"{base_url(served)}/whoisxml/user-service/account-balance"
    assert served.session.get(url, params={"apiKey": WHOISXML_KEY}).json()["data"][1]["product_id"] == 7


@pytest.mark.parametrize("path", ["/", "/api/json/csv/k/list", "/ipqs/download", "/ipqs-downloads/api/json/account/k"])
def test_other_paths_are_not_found(served: Bench, path: str) -> None:
    """A path outside both providers is 404 with HTML."""
    response = served.session.get(base_url(served) + path)
    assert (response.status_code, response.headers["content-type"]) == (404, "text/html; charset=UTF-8")


def test_connections_are_kept_alive(served: Bench) -> None:
    """Several requests go over one connection, also after a refusal of a request with a body."""
    host, port = urlsplit(served.ipqs_api).hostname, urlsplit(served.ipqs_api).port
    body = b"x" * 100_000
    head = "POST /ipqs/api/json/csv/WRONG/email/upload HTTP/1.1\r\nHost: h\r\nUser-Agent: t\r\n"
    refused = f"{head}Content-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection((host, port), timeout=5) as connection, connection.makefile("rb") as answers:
        for _ in range(2):
            connection.sendall(refused)
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            while answers.readline() != b"0\r\n":
                pass
            answers.readline()


@pytest.mark.parametrize(
    ("kind", "jobs", "cause"),
    [
        # A client that is still sending may learn of the reset there, and then read only an end.
        ("reset", 0, "Connection reset by peer|Remote end closed connection"),
        ("answer_lost", 1, "Remote end closed connection"),
        ("answer_reset", 1, "Connection reset by peer"),
    ],
)
def test_connections_end_without_an_answer(served: Bench, kind: str, jobs: int, cause: str) -> None:
    """A reset is an RST and a lost answer an orderly end; either way the job may have been accepted."""
    served.ipqs.knobs.faults.append(Fault("submit", kind))
    with pytest.raises(requests.ConnectionError, match=cause):
        served.upload()
    assert len(served.ipqs.ledger) == jobs


def test_a_reset_in_the_middle_of_an_upload(served: Bench) -> None:
    """A connection can be reset while the body is still on its way; nothing is accepted."""
    served.ipqs.knobs.faults.append(Fault("submit", "reset", after_bytes=1000))
    with pytest.raises(requests.ConnectionError):
        served.upload(["someone@example.com"] * 500_000)
    assert served.ipqs.ledger == []


@pytest.mark.parametrize("operation", ["list", "download"])
def test_a_truncated_answer_is_noticed(served: Bench, operation: str) -> None:
    """An answer that breaks off raises while it is read, whether it is generated or not."""
    remote_id = served.upload(["someone@example.com"] * 2000)["id"]
    served.ipqs.knobs.faults.append(Fault(operation, "truncate", after_bytes=20))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        served.listing() if operation == "list" else served.result(remote_id)


def test_a_silently_truncated_answer_is_not(served: Bench) -> None:
    """An answer whose end is the connection's end can be cut unnoticed."""
    served.whoisxml.knobs.faults.append(Fault("list", "truncate_silent", after_bytes=12))
    response = served.post("list")
    assert (response.content, response.headers["connection"]) == (b'{"response":', "close")


def test_an_answer_may_drip(served: Bench) -> None:
    """An answer can come in small pieces with pauses, and be complete."""
    served.whoisxml.knobs.faults.append(Fault("list", "drip", piece_bytes=30, pause_seconds=0.02))
    began = time.monotonic()
    assert served.post("list").json()["response"]["data"] == []
    assert time.monotonic() - began > 0.04


def test_a_hang_outlasts_the_clients_patience(served: Bench) -> None:
    """A server that says nothing makes the client time out; the job was accepted all the same."""
    served.whoisxml.knobs.faults.append(Fault("submit", "answer_hang", seconds=60))
    url, document = served.whoisxml_api, {"apiKey": WHOISXML_KEY, "emails": ["a@b.co"]}
    with pytest.raises(requests.ReadTimeout):
        served.session.post(url, json=document, timeout=0.1)
    assert len(served.whoisxml.ledger) == 1


def test_an_upload_that_breaks_off_is_not_accepted(served: Bench) -> None:
    """A body shorter than its announced length is no upload: no answer, no charge, no file."""
    host, port = urlsplit(served.ipqs_api).hostname, urlsplit(served.ipqs_api).port
    head = f"POST /ipqs/api/json/csv/{IPQS_KEY}/email/upload HTTP/1.1\r\nHost: h\r\nUser-Agent: t\r\n"
    part = '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\na@b.co\n'
    with socket.create_connection((host, port), timeout=5) as connection:
        head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000\r\n\r\n"
        connection.sendall((head + part).encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000) == b""
    assert (served.ipqs.ledger, list(served.ipqs.folder.iterdir())) == ([], [])


def test_state_and_knobs_over_http(served: Bench) -> None:
    """Other processes can read calls, charges and jobs, and set knobs and faults."""
    remote_id = served.upload(["a@b.co"])["id"]
    state = served.session.get(f"{base_url(served)}/_sandbox/state").json()
    assert state["ipqs"]["calls"] == {"submit": 1}
    assert state["ipqs"]["charges"] == [{"remote_id": remote_id, "rows": 1, "at": served.clock.now()}]
    assert (state["ipqs"]["jobs"], state["whoisxml"]["jobs"]) == ({"FINISHED": 1}, {})
    url = f"{base_url(served)}/_sandbox/knobs"
    changes = {"ipqs": {"credits": 5, "faults": [{"operation": "list", "kind": "http_500"}]}}
    assert served.session.post(url, json=changes).json()["ipqs"]["credits"] == 5
    assert served.account()["credits"] == 4
    assert served.session.get(f"{served.ipqs_api}/csv/{IPQS_KEY}/list").status_code == 500
    assert served.session.get(url).json()["ipqs"]["faults"] == []


@pytest.mark.parametrize(
    "document", [[], {"carrots": {}}, {"ipqs": []}, {"ipqs": {"carrots": 1}}, {"ipqs": {"ids": 1}}]
)
def test_wrong_knobs_are_refused_over_http(served: Bench, document: object) -> None:
    """A mistake in the knobs is 400 and says what is wrong."""
    response = served.session.post(f"{base_url(served)}/_sandbox/knobs", json=document)
    assert (response.status_code, bool(response.json()["error"])) == (400, True)


def test_many_clients_at_once_are_charged_once_each(served: Bench) -> None:
    """Uploads from several threads each get an id and a charge of their own."""
    ids: list[int] = []
    threads = [threading.Thread(target=lambda: ids.append(served.upload(["a@b.co"])["id"])) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert sorted(ids) == sorted(charge.remote_id for charge in served.ipqs.ledger)
    assert len(set(ids)) == 12


def test_stopping_ends_a_hang_at_once(tmp_path: Path) -> None:
    """A server stops without waiting for the answers that it withholds."""
    bench = make_bench(tmp_path)
    bench.whoisxml.knobs.faults.append(Fault("list", "hang", seconds=60))
    with SandboxServer(bench.ipqs, bench.whoisxml) as server:
        parts = urlsplit(server.base_url)
        with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
            connection.sendall(b"POST /whoisxml/api/bevService/request/list HTTP/1.1\r\nHost: h\r\n\r\n")
            deadline = time.monotonic() + 5
            while not bench.whoisxml.calls and time.monotonic() < deadline:
                threading.Event().wait(0.01)
            began = time.monotonic()
            server.stop()
            assert connection.recv(10) == b""
    assert time.monotonic() - began < 2


def test_serve_runs_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    """`serve` builds both providers at the given pace, tells when it is ready, and leaves nothing behind."""
    seen: dict[str, str] = {}

    def on_ready(server: SandboxServer) -> None:
        seen["url"] = server.base_url
        seen["account"] = requests.get(f"{server.base_url}/ipqs/api/json/account/k", headers={"User-Agent": "t"}).text
        assert server.ipqs.knobs.job_seconds == server.whoisxml.knobs.job_seconds == 0.5
        assert server.whoisxml.knobs.credits == 7
        server.request_stop()

    knobs = {"credits": 7}
    serve(
        "127.0.0.1",
        0,
        ipqs_key="k",
        whoisxml_key="w",
        on_ready=on_ready,
        folder=tmp_path,
        whoisxml_knobs=knobs,
        seconds_per_job=0.5,
    )
    assert '"success":true' in seen["account"]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(requests.ConnectionError):
        requests.get(seen["url"], timeout=1)


def test_nothing_is_logged(served: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    """Request lines hold keys, so the server writes none of them anywhere."""
    served.upload()
    served.account()
    served.session.get(base_url(served) + "/nothing")
    assert not re.search(r".", "".join(capfd.readouterr()))


def test_single_jobs_are_changed_from_outside(served: Bench) -> None:
    """A job is hidden from list and status and shown again; an unknown job, or a bad field, changes nothing."""
    remote_id = served.upload(["ann@gmail.com", "bob@gmail.com"])["id"]
    url = f"{base_url(served)}/_sandbox/jobs"
    change = {"ipqs": {str(remote_id): {"hidden": True}}}
    assert served.session.post(url, json=change).json() == {"ipqs": [remote_id]}
    assert (served.status(remote_id)["success"], served.listing()["total_csvs"]) == (False, 0)
    assert served.session.get(url).json()["ipqs"][str(remote_id)]["hidden"] is True
    for bad in ({"7": {"hidden": False}}, {str(remote_id): {"hidden": False, "colour": 1}}):
        assert served.session.post(url, json={"ipqs": bad}).status_code == 400
    served.session.post(url, json={"ipqs": {str(remote_id): {"hidden": False, "missing_row_every": 2}}})
    assert served.listing()["total_csvs"] == 1
    link = served.status(remote_id)["downloads"]["all"]
    assert len(served.session.get(link).text.splitlines()) == 2
    served.session.post(url, json={"ipqs": {str(remote_id): {"work_seconds": 1e9}}})
    assert served.status(remote_id)["status"] == "PROCESSING"


def test_others_add_jobs_and_copies(served: Bench) -> None:
    """Jobs of others are listed and not charged; a copy has the name and the rows of the job that it was made of."""
    remote_id = served.upload(["ann@gmail.com", "bob@gmail.com"])["id"]
    url = f"{base_url(served)}/_sandbox/others"
    (stranger,) = served.session.post(url, json={"ipqs": {"jobs": 1}}).json()["ipqs"]
    (copy,) = served.session.post(url, json={"ipqs": {"copy_of": remote_id}}).json()["ipqs"]
    assert served.session.post(url, json={"ipqs": {"copy_of": 7}}).status_code == 400
    told = served.session.get(f"{base_url(served)}/_sandbox/jobs").json()["ipqs"]
    assert (told[str(copy)]["rows"], told[str(copy)]["name"]) == (2, told[str(remote_id)]["name"])
    assert [job["id"] for job in served.listing()["csvs"]] == [copy, stranger, remote_id]
    assert len(served.ipqs.ledger) == 1
