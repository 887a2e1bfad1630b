"""Redis over TLS: `rediss://` URLs, whose parameters name the certificates."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import trustme

from config import redis_urls
from producers.client import Client
from producers.errors import Unavailable
from tests.builders.line import running_line
from tests.builders.server_process import ServerEnded, a_server, free_port
from worker.core.states import UploadState
from worker.host.embedded import find_server_binary
from worker.store.client import connect, require_safe
from worker.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What a server without TLS says of the option.
NO_TLS = ("TLS support", "connection type tls", "Bad directive")


class Certificates:
    """An authority, a server's certificate for the address 127.0.0.1, and one for a client, as files."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.authority, self.stranger = folder / "ca.pem", folder / "stranger.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        trustme.CA().cert_pem.write_to_path(str(self.stranger))
        self.server = self._issue(authority, folder, "server", "127.0.0.1")
        self.client = self._issue(authority, folder, "client", "crm.example.com")

    @staticmethod
    def _issue(authority: trustme.CA, folder: Path, name: str, identity: str) -> tuple[Path, Path]:
        issued = authority.issue_cert(identity)
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        issued.private_key_pem.write_to_path(str(key))
        for position, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(str(certificate), append=position > 0)
        return certificate, key


class Encrypted:
    """A server that speaks nothing but TLS, and demands certificates of its clients when `mutual`."""

    def __init__(self, certificates: Certificates, port: int, *, mutual: bool) -> None:
        self.certificates = certificates
        self._port = port
        self._mutual = mutual

    @property
    def configuration(self) -> str:
        """The server's directives."""
        certificate, key = self.certificates.server
        return (
            f"port 0\ntls-port {self._port}\ntls-auth-clients {'yes' if self._mutual else 'no'}\n"
            f"tls-ca-cert-file {self.certificates.authority}\ntls-cert-file {certificate}\ntls-key-file {key}\n"
        )

    def url(self, *, host: str = "127.0.0.1", authority: Path | None = None) -> str:
        """The URL as documented: certificates by their files' paths."""
        files = {"ssl_ca_certs": authority or self.certificates.authority}
        if self._mutual:
            files["ssl_certfile"], files["ssl_keyfile"] = self.certificates.client
        return f"rediss://{host}:{self._port}/0?{urlencode(files, safe='/')}"


@pytest.fixture(params=[False, True], ids=["server certificate", "client certificates too"])
def encrypted(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Encrypted]:
    """Yield a running server, or skip the test where the machine's server was built without TLS."""
    server = Encrypted(Certificates(tmp_path), free_port(), mutual=bool(request.param))
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(a_server(tmp_path / "redis", server.configuration, server.url()))
        except ServerEnded as error:
            if not any(words in str(error) for words in NO_TLS):
                raise
            pytest.skip(f"{find_server_binary().name} of this machine was built without TLS")
        yield server


def test_a_list_comes_back_over_tls(tmp_path: Path, encrypted: Encrypted) -> None:
    """Producer, store and broker work with a URL that names the certificates, and the broker's is derived from it."""
    url = encrypted.url()
    with running_line(tmp_path, url, redis_urls.next_database(url)) as line:
        upload_id = line.submit(line.file("list.csv", "email\na@example.com\n"), "ipqs-main")
        assert line.client.wait(upload_id, timeout_seconds=20).state == UploadState.COMPLETED


def test_a_server_that_cannot_prove_who_it_is_gets_nothing(encrypted: Encrypted) -> None:
    """With another authority, or under a name that is not in its certificate, the server is not talked to."""
    strange = encrypted.url(authority=encrypted.certificates.stranger), encrypted.url(host="localhost")
    for url in strange:
        with Client(url) as client, pytest.raises(Unavailable):
            client.status("crm-1")
        with connect(url, 5.0) as store, pytest.raises(StoreUnavailable):
            require_safe(store)
