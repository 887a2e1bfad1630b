"""The search for leaked secrets is believed only because it finds every secret that is put where it looks."""

from __future__ import annotations

import gzip
import io
import zipfile
from hashlib import shake_256
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import redis

from tests.builders.canary import Canaries, forms
from tests.builders.canary_sinks import READERS, Reading, fetched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: One key with every character that some encoding changes, one as the providers' keys are.
ODD_KEY = "c4n4ry+/=_\"'\\%41&<>key0of1tests"
PLAIN_KEY = "Canary0Key1Of2Thirty3Two4Chars5x"


def reading(*keys: str) -> Reading:
    """A reading that looks for the keys."""
    return Reading(Canaries({f"key {number}": key for number, key in enumerate(keys)}))


def zipped(data: bytes, name: str = "inside.txt") -> bytes:
    """A ZIP archive with one compressed member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("key", [ODD_KEY, PLAIN_KEY])
def test_every_form_of_a_key_is_found(key: str) -> None:
    """Wherever a secret stands, in whatever encoding, it is found under the name of that form."""
    for form, text in forms(key).items():
        found = reading(key)
        found.look("output", "there", b"before" + text + b"after")
        assert form in {hit.form for hit in found.hits}
    assert len(forms(key)) >= 15


def test_ordinary_text_holds_no_secret() -> None:
    """A clean place is clean."""
    found = reading(ODD_KEY, PLAIN_KEY).outputs({"clean": "Canary keys: none, c4n4ry is a word, at_ is a beginning"})
    assert (found.hits, list(found.places)) == ([], ["output: clean"])


#: One way to put a secret into each kind of key, and each part of it.
PLANTS: dict[str, Callable[[Any, str], object]] = {
    "key name": lambda r, key: r.set(f"a:{key}", "x"),
    "string": lambda r, key: r.set("a", f"before {key} after"),
    "hash field": lambda r, key: r.hset("a", key, "x"),
    "hash value": lambda r, key: r.hset("a", mapping={"x": "y", "z": f"{key}."}),
    "list": lambda r, key: r.rpush("a", "x", key, "y"),
    "set": lambda r, key: r.sadd("a", "x", key),
    "zset": lambda r, key: r.zadd("a", {"x": 1, key: 2}),
    "stream field": lambda r, key: r.xadd("a", {key: "x"}),
    "stream value": lambda r, key: r.xadd("a", {"x": key}),
    "late stream entry": lambda r, key: [r.xadd("a", {"x": "y"}) for _ in range(2_500)] + [r.xadd("a", {"x": key})],
    "large hash": lambda r, key: r.hset("a", mapping={f"x{n}": "y" for n in range(3_000)} | {"z": key}),
    "group": lambda r, key: r.xgroup_create("a", key, mkstream=True),
    "consumer": lambda r, key: [r.xgroup_create("a", "g", mkstream=True), r.xgroup_createconsumer("a", "g", key)],
    "pending entry's consumer": lambda r, key: [
        r.xgroup_create("a", "g", mkstream=True),
        r.xadd("a", {"x": "y"}),
        r.xreadgroup("g", key, {"a": ">"}),
    ],
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_secret_in_any_part_of_any_key_is_found(redis_url: str, plant: str) -> None:
    """Each type of key is read whole: names, fields, members, entries, groups, consumers."""
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("SLOWLOG RESET")
        before = reading(PLAIN_KEY).database(redis_url)
        PLANTS[plant](client, PLAIN_KEY)
    assert before.hits == []
    places = {hit.place.partition(" ")[0] for hit in reading(PLAIN_KEY).database(redis_url).hits}
    assert places & {"key", *READERS}


def test_a_type_that_nobody_reads_is_not_passed_over(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search fails at a key that it cannot read, as one of a module, or of a later server."""
    monkeypatch.delitem(READERS, "zset")
    with redis.Redis.from_url(redis_url) as client:
        client.zadd("a", {"x": 1})
    with pytest.raises(KeyError, match="zset"):
        reading(PLAIN_KEY).database(redis_url)


def test_what_many_consumers_have_taken_is_read_to_its_end(redis_url: str) -> None:
    """A stream has more entries that wait for an answer than are read at once; each of them is looked at."""
    with redis.Redis.from_url(redis_url) as client:
        client.xgroup_create("a", "g", mkstream=True)
        for number in range(2_500):
            client.xadd("a", {"x": number})
        client.xreadgroup("g", "c", {"a": ">"})
        last = client.xadd("a", {"x": "last"}, id="9999999999999-7")
        client.xreadgroup("g", "c", {"a": ">"})
        client.xtrim("a", maxlen=0)
    found = reading(last.decode()).database(redis_url)
    assert {hit.place for hit in found.hits} >= {"stream a"}


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("plain.txt", bytes),
        (f"{PLAIN_KEY}.txt", lambda _: b"nothing"),
        ("folder/deep/.hidden", bytes),
        ("rows.csv.gz", gzip.compress),
        ("two.gz", lambda data: gzip.compress(b"nothing") + gzip.compress(data)),
        ("rows.zip", zipped),
        ("names.zip", lambda data: zipped(b"nothing", data.decode())),
        ("rows.zip.gz", lambda data: gzip.compress(zipped(data))),
        ("no-suffix", lambda data: zipped(gzip.compress(data))),
        ("binary", lambda data: bytes(range(256)) + data),
    ],
)
def test_a_secret_in_any_file_is_found(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    """Files are read whatever they are called, and opened when they are compressed; names count as well."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack(PLAIN_KEY.encode()))
    assert reading(PLAIN_KEY).files(tmp_path).hits


def test_a_link_gives_away_where_it_leads(tmp_path: Path) -> None:
    """A link is not followed, but its target is text like any other."""
    (tmp_path / "link").symlink_to(f"/nowhere/{PLAIN_KEY}")
    assert {hit.sink for hit in reading(PLAIN_KEY).files(tmp_path).hits} == {"link"}


def test_only_the_files_made_for_a_key_may_hold_it(tmp_path: Path) -> None:
    """A file that is left out is the one named, and no other of that name."""
    for folder in (tmp_path, tmp_path / "copy"):
        folder.mkdir(exist_ok=True)
        (folder / "ipqs.key").write_text(PLAIN_KEY)
    found = reading(PLAIN_KEY).files(tmp_path, by_design=[tmp_path / "ipqs.key"])
    assert {hit.place for hit in found.hits} == {"copy/ipqs.key"}


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_secret_on_a_page_is_found(where: str) -> None:
    """Pages are fetched as they are served, with their headers."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("X-Note", PLAIN_KEY if where == "header" else "none")
            self.end_headers()
            self.wfile.write(PLAIN_KEY.encode() if where == "body" else b"none")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.handle_request)
    thread.start()
    page = fetched(f"http://127.0.0.1:{server.server_address[1]}/metrics")
    thread.join()
    server.server_close()
    assert reading(PLAIN_KEY).outputs({"page": page}).hits


def test_a_part_of_a_link_token_is_found() -> None:
    """A token that somebody shortened is a found token."""
    token = shake_256(b"a link").hexdigest(128)
    found = Reading(Canaries({}).with_tokens([token])).outputs({"log": f"see download={token[:70]}…"})
    assert [(hit.secret, hit.form) for hit in found.hits] == [("link token", "beginning")]
