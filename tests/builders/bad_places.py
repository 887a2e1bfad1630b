"""The table of bad places: URLs that no list is read from, hosts that give something else, lists not to be pulled."""

from __future__ import annotations

import gzip
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.builders.bad_files import LIMITS
from tests.builders.bad_input import BadInput, Ground
from tests.builders.scripted_server import Scripted, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.builders.bad_input import Sent

_LIST = b"ann@example.com\nbob@example.com\n"
_PAGE = b"<!doctype html>\n<title>Sign in</title>\n<p>Ask help@example.com for a password.</p>\n"
_TOO_MANY = b"x" * (LIMITS["input_bytes_max"] + 1)


def _whole(body: bytes, **headers: str) -> Scripted:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Scripted(body, headers={"Content-Length": str(len(body)), **named})


#: What the host that may be read from answers, by target; a target's last answer is given again and again.
SITE: dict[str, tuple[Scripted, ...]] = {
    "/moved.csv": (Scripted(status=302, headers={"Location": "/list.csv", "Content-Length": "0"}),),
    "/locked.csv": (Scripted(b"no", 403, {"Content-Length": "2"}),),
    "/broken.csv": (Scripted(b"no", 500, {"Content-Length": "2"}),),
    "/gzip.csv": (_whole(gzip.compress(_LIST), Content_Encoding="gzip"),),
    "/endless.csv": (Scripted(_LIST),),
    "/half.csv": (Scripted(_LIST, headers={"Content-Length": "99"}),),
    "/huge.csv": (_whole(_TOO_MANY),),
    "/chunks.csv": (
        Scripted(
            raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
            % (len(_TOO_MANY), _TOO_MANY)
        ),
    ),
    "/nothing.csv": (_whole(b""),),
    "/changing.csv": (_whole(_LIST), _whole(_LIST + b"eve@example.com\n")),
    "/page.csv": (_whole(_PAGE, Content_Type="text/html"),),
    "/ssh.csv": (Scripted(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),),
    "/header.csv": (_whole(b"email\n" + _LIST),),
    # Compressed or not, equal texts are one upload: this one is no other's.
    "/list.csv.gz": (_whole(gzip.compress(_LIST + b"gina@example.com\n")),),
    "/doubles.csv": (_whole(_LIST + _LIST),),
    "/two.csv": (_whole(b"1,ann@example.com\n2,bob@example.com\n"),),
}

#: A host that may be read from, over https only.
ELSEWHERE = "lists.example.com"


@contextmanager
def a_ground(folder: Path) -> Iterator[Ground]:
    """Folders and hosts for the inputs of the table."""
    inside, outside = folder / "inside", folder / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.csv").write_text("email\nsecret@example.com\n")
    # A port that is taken, so that nobody else gets it, and at which nobody listens.
    with ScriptedServer() as site, socket.socket() as taken:
        for target, answers in SITE.items():
            site.at(target, *answers)
        taken.bind(("127.0.0.1", 0))
        yield Ground(inside, outside, folder / "storage", site.base_url, f"127.0.0.1:{taken.getsockname()[1]}")


def pull_hosts_of(ground: Ground) -> tuple[str, ...]:
    """The hosts of a ground that lists may be read from, as settings name them."""
    return urlsplit(ground.site).netloc, ground.nobody, ELSEWHERE


def _url(name: str, url: str, reason: str, *told: str) -> BadInput:
    """A request for an object; `url` goes on behind the storage's own URL."""
    return BadInput(name, lambda ground: ground.request(source={"url": ground.storage.as_uri() + url}), reason, told)


def _made(name: str, make: Callable[[Ground], str], reason: str, *told: str) -> BadInput:
    """A request for an object whose URL is made on the ground."""
    return BadInput(name, lambda ground: ground.request(source={"url": make(ground)}), reason, told)


def _remote(name: str, target: str, reason: str, *told: str, **fields: Any) -> BadInput:
    """A request for a list on the host that may be read from."""

    def send(ground: Ground) -> Sent:
        return ground.request(source={"remote_url": ground.site + target}, **fields)

    return BadInput(name, send, reason, told)


def _remote_host(name: str, url: str, reason: str, *told: str) -> BadInput:
    """A request for a list on any host; `{nobody}` stands for one that may be read from and where nobody listens."""
    return BadInput(
        name, lambda ground: ground.request(source={"remote_url": url.format(nobody=ground.nobody)}), reason, told
    )


def _link_out(ground: Ground) -> str:
    (ground.inputs / "out.csv").symlink_to(ground.outside / "secret.csv")
    return (ground.inputs / "out.csv").as_uri()


def _folder_out(ground: Ground) -> str:
    (ground.inputs / "out").symlink_to(ground.outside)
    return f"{ground.inputs.as_uri()}/out/secret.csv"


def _empty_object(ground: Ground) -> str:
    (ground.inputs / "empty.csv").touch()
    return (ground.inputs / "empty.csv").as_uri()


_BEGIN = "its URL has to begin with"
_PUT = "put the list there"
_HOSTS = "BULKVERIFY_PULL_HOSTS"
_LATER = "Submit it again when that is mended."

BAD_URLS = (
    _url("a URL of a result", "/results/good-0/result.csv", "url_outside_storage", "good-0/result.csv", _BEGIN),
    _url("a URL that leads up", "/inputs/../uploads/x.csv", "url_outside_storage", "/inputs/../uploads", _BEGIN),
    _url("a URL that leads up escaped", "/inputs/%2e%2e/x.csv", "url_outside_storage", "%2e%2e/x.csv", _BEGIN),
    _url("a URL with an escaped slash", "/inputs/..%2Fx.csv", "url_outside_storage", "..%2Fx.csv", _BEGIN),
    _url("a URL with an escaped letter", "/inputs/%6cist.csv", "url_outside_storage", "%6cist.csv", "letters, digits"),
    _url("a URL with an escaped NUL", "/inputs/a%00.csv", "url_outside_storage", "a%00.csv", _BEGIN),
    _url("a URL of a storage beside it", "-of-others/inputs/x.csv", "url_outside_storage", "-of-others", _BEGIN),
    _url("a URL of nothing", "/inputs/gone.csv", "not_found", "inputs/gone.csv", _PUT),
    _url("a URL of a folder", "/inputs/crm", "unreadable", "inputs/crm", "name a text file"),
    _url("a URL of the folder for inputs", "/inputs", "url_outside_storage", "/inputs", _BEGIN),
    _made("a URL of a link out", _link_out, "url_outside_storage", "inputs/out.csv", "no link may lead out"),
    _made("a URL through a link out", _folder_out, "url_outside_storage", "out/secret.csv", "no link may lead out"),
    _made("a URL of an empty object", _empty_object, "empty", "empty.csv", "name a file with something"),
    _made("a URL of a bucket", lambda _: "s3://lists/inputs/a.csv", "url_outside_storage", "s3://lists", _BEGIN),
    _made("a URL of a host", lambda _: "file://nas/inputs/a.csv", "url_outside_storage", "file://nas/", _BEGIN),
    _made("a hostile URL", lambda _: "file:///\x1b[2J/a.csv", "schema", "source.url: must be a URL"),
)

BAD_REMOTES = (
    _remote_host("a remote host not allowed", "https://x.example/a.csv", "host_not_allowed", "x.example/a.csv", _HOSTS),
    _remote_host("a remote metadata service", "http://169.254.169.254/", "host_not_allowed", "169.254.169", _HOSTS),
    _remote_host("a remote port not allowed", f"https://{ELSEWHERE}:22/a", "host_not_allowed", ":22/a", _HOSTS),
    _remote_host("a remote host not encrypted", f"http://{ELSEWHERE}/a", "host_not_allowed", "only https", ELSEWHERE),
    _remote_host("a remote host of two readings", f"https://x.example\\.{ELSEWHERE}/", "host_not_allowed", _HOSTS),
    _remote_host(
        "a hostile remote URL", "https://x.example/\x1b]0;x\x07", "schema", "source.remote_url: must be a URL"
    ),
    _remote_host("a remote URL that turns", "https://x.example/\u202ea", "schema", "source.remote_url: must be a URL"),
    _remote_host("a remote host that is not there", "http://{nobody}/a.csv", "source_unavailable", "/a.csv", _LATER),
    _remote("a remote list that moved", "/moved.csv", "unreadable", "/moved.csv", "302", "name the place itself"),
    _remote(
        "a remote list that is not there", "/gone.csv", "not_found", "/gone.csv", "404", "put the list there first"
    ),
    _remote(
        "a remote list that is locked",
        "/locked.csv",
        "unreadable",
        "/locked.csv",
        "403",
        "has to be open to the workers",
    ),
    _remote("a remote host that fails", "/broken.csv", "source_unavailable", "/broken.csv", "500", _LATER),
    _remote("a remote list compressed", "/gzip.csv", "unreadable", "/gzip.csv", "have it served as it is"),
    _remote(
        "a remote list without length",
        "/endless.csv",
        "unreadable",
        "/endless.csv",
        "have it served with Content-Length",
    ),
    _remote("a remote list broken off", "/half.csv", "source_unavailable", "/half.csv", "broke off", _LATER),
    _remote("a remote list too large", "/huge.csv", "too_large", "/huge.csv has more than 20,000", "INPUT_BYTES"),
    _remote("remote chunks too large", "/chunks.csv", "too_large", "/chunks.csv has more than 20,000", "INPUT_BYTES"),
    _remote("an empty remote list", "/nothing.csv", "empty", "/nothing.csv", "nothing to verify"),
    _remote(
        "a remote list that changes",
        "/changing.csv",
        "changed",
        "/changing.csv",
        "changed meanwhile",
        "Submit it again",
    ),
    _remote("a remote page", "/page.csv", "not_a_list", "page.csv", "a web page", "send the list"),
    _remote("a remote host that is none of the web", "/ssh.csv", "source_unavailable", "/ssh.csv", _LATER),
    _remote("a pull of a compressed list", "/list.csv.gz", "not_pullable", "it is compressed", "(auto)", method="pull"),
    _remote("a pull of a header", "/header.csv", "not_pullable", "/header.csv", "a header", "(auto)", method="pull"),
    _remote(
        "a pull of equal rows",
        "/doubles.csv",
        "not_pullable",
        "/doubles.csv",
        "2 rows with a value that an earlier row has",
        "(auto)",
        method="pull",
    ),
    _remote(
        "a pull of two columns",
        "/two.csv",
        "not_pullable",
        "/two.csv",
        "2 columns",
        "nothing but the values",
        method="pull",
    ),
    _remote(
        "a pull by a provider that pulls not",
        "/header.csv",
        "method_unsupported",
        "pull",
        "Its methods are: json",
        method="pull",
        account="whoisxml-main",
    ),
)
