"""Redaction: no registered secret in any encoding, and nothing that looks like one, leaves through the redactor."""

from __future__ import annotations

import base64
import html
import json
import string
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from config.redaction import DEPTH_MAX, Redactor
from config.secret_forms import HINTS, MASK

if TYPE_CHECKING:
    from collections.abc import Callable

#: As long and as plain as the providers' keys are.
KEY = "Q4Jt7GmXoZ0cR5vBw9Yh2KfNdLsUa3Ep"

#: A key with every character that some encoding changes.
ODD_KEY = 'k"e/y+\\&%é=' + KEY


def redactor(*secrets: str) -> Redactor:
    """A redactor that knows these secrets and nothing of other tests."""
    made = Redactor()
    for secret in secrets:
        made.register(SecretStr(secret))
    return made


@pytest.mark.parametrize(
    "encode",
    [
        str,
        lambda key: quote(key, safe=""),
        quote,
        quote_plus,
        lambda key: json.dumps({"x": key}),
        lambda key: json.dumps({"x": key}, ensure_ascii=False),
        lambda key: repr([key]),
        lambda key: f"<a href='{key}'>",
        lambda key: ascii({"x": key}),
        lambda key: json.dumps({"x": key}).replace("/", r"\/"),
        html.escape,
    ],
)
@pytest.mark.parametrize("key", [KEY, ODD_KEY])
def test_a_registered_secret_is_masked_in_every_encoding(encode: Callable[[str], str], key: str) -> None:
    """Whatever a library made of the key on its way into a text, the core of it is gone."""
    clean = redactor(key).redact(f"before {encode(key)} after")
    assert KEY not in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert MASK in clean


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("user", ["", "u", "us", "use", "a longer name"])
def test_a_secret_inside_base64_is_masked_at_any_offset(encode: Callable[[bytes], bytes], user: str) -> None:
    """Basic authentication shifts the key by the length of the user's name."""
    text = encode(f"{user}:{KEY}:x".encode()).decode()
    clean = redactor(KEY).redact(text)
    assert MASK in clean
    # What is left at the two ends are characters that are shared with the neighbours.
    assert len(clean.replace(MASK, "")) < len(text) - len(KEY)


@given(
    secret=st.text(string.ascii_letters + string.digits + "-_/+=%&\"'\\ é", min_size=8, max_size=64),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_no_registered_secret_survives(secret: str, before: str, after: str) -> None:
    """Wherever in a text a secret stands, and whatever it consists of."""
    assert secret not in redactor(secret).redact(before + secret + after)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"https://www.example.com/api/json/csv/{KEY}/status/3868534", "https://www.example.com/api/json/csv/[redacted]/status/3868534"),
        (f"/csv/{KEY}/email/upload", "/csv/[redacted]/email/upload"),
        (rf'"https:\/\/x\/api\/json\/csv\/{KEY}\/status\/1"', r'"https:\/\/x\/api\/json\/csv\/[redacted]\/status\/1"'),
        (f"url=x%2Fapi%2Fjson%2Fcsv%2F{KEY}%2Flist", "url=x%2Fapi%2Fjson%2Fcsv%2F[redacted]%2Flist"),
        (f"GET /api/json/account/{KEY} HTTP/1.1", "GET /api/json/account/[redacted] HTTP/1.1"),
        (f"https://d/download?download={KEY * 8}&filename=a.csv", "https://d/download?download=[redacted]&filename=a.csv"),
        ("https://x/balance?apiKey=at_1&productId=7", "https://x/balance?apiKey=[redacted]&productId=7"),
        ('{"apiKey": "at_1", "ids": [1]}', '{"apiKey": "[redacted]", "ids": [1]}'),
        ("{'apiKey': 'at_1', 'ids': [1]}", "{'apiKey': '[redacted]', 'ids': [1]}"),
        (r'"{\"apiKey\": \"at_1\"}"', r'"{\"apiKey\": \"[redacted]\"}"'),
        ("b'api_key=1'", "b'api_key=[redacted]'"),
        ("https://x/?key=short&type=email", "https://x/?key=[redacted]&type=email"),
        (f"key={KEY}&type=email", "key=[redacted]&type=email"),
        (f'{{"key":"{KEY}"}}', '{"key":"[redacted]"}'),
        (f"IPQS-KEY: {KEY}", "IPQS-KEY: [redacted]"),
        (f"{{'IPQS-KEY': b'{KEY}'}}", "{'IPQS-KEY': b'[redacted]'}"),
        ("Authorization: Bearer a.b-c", "Authorization: Bearer [redacted]"),
        ("redis://user:pass@host/0", "redis://user:[redacted]@host/0"),
        ("redis://:pass@host/0", "redis://:[redacted]@host/0"),
        ("unix:///s.sock?db=1&password=pass", "unix:///s.sock?db=1&password=[redacted]"),
        ("https://s3/x?X-Amz-Credential=a%2Fb&X-Amz-Signature=c", "https://s3/x?X-Amz-Credential=[redacted]&X-Amz-Signature=[redacted]"),
        ("https://s3/x?AWSAccessKeyId=a&Signature=b%3D&Expires=1", "https://s3/x?AWSAccessKeyId=[redacted]&Signature=[redacted]&Expires=1"),
    ],
)  # fmt: skip
def test_a_place_that_holds_secrets_is_masked_whoever_filled_it(text: str, clean: str) -> None:
    """Nobody registered these; their place gives them away. A second pass changes nothing."""
    assert redactor().redact(text) == clean
    assert redactor().redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "part 3 of upload u-1 was submitted",
        "https://www.example.com/api/json/csv/{key}/status/{id}",
        "https://www.example.com/api/json/csv/upload",
        "{balance_url}?apiKey={key}&productId=7",
        "account/ipqs-main/parts/customers-2024",
        "/srv/csv/customers2024/list.csv",
        "WRONGTYPE key=bulkverify:upload:0123456789abcdef",
        "the key is missing; set key_env",
        "https://host:8080/a@b",
        "redis://host:6379/0",
        '{"event": "part_submitted", "part": 3, "signals": 2}',
        "download=yes",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Redaction that eats what operators need would be turned off."""
    assert redactor(KEY).redact(text) == text


def test_an_exception_rendered_as_text_is_masked() -> None:
    """Tracebacks of several lines, with causes and source lines, go through the same gate."""
    with pytest.raises(RuntimeError) as raised:
        raise RuntimeError(f"apiKey={ODD_KEY!r}") from ValueError(f"GET https://x/api/json/csv/{KEY}/list")
    clean = redactor(ODD_KEY).redact("".join(traceback.format_exception(raised.value)))
    assert KEY not in clean
    assert "direct cause" in clean
    assert clean.count(MASK) >= 2


def test_values_are_walked_and_keep_their_shape() -> None:
    """Mappings, lists, tuples, sets, texts and bytes, as names and as values, at any depth."""
    value = {
        "list": [KEY, {"nested": (f"x{KEY}", KEY.encode(), 3, None, 1.5, True)}],
        "set": {KEY},
        KEY: "as a name",
    }
    assert redactor(KEY).redact_value(value) == {
        "list": [MASK, {"nested": (f"x{MASK}", MASK.encode(), 3, None, 1.5, True)}],
        "set": {MASK},
        MASK: "as a name",
    }


def test_the_given_value_is_not_changed() -> None:
    """A record that is logged goes on with its key."""
    value = {"a": [KEY]}
    redactor(KEY).redact_value(value)
    assert value == {"a": [KEY]}


def test_bytes_of_any_kind_are_walked() -> None:
    """Text in UTF-8 is found, and what is no text comes back as it was."""
    made = redactor(ODD_KEY)
    assert made.redact_value(b"\xff\x00 " + ODD_KEY.encode()) == b"\xff\x00 " + MASK.encode()
    assert made.redact_value(bytes(range(256))) == bytes(range(256))


def test_names_alone_give_secrets_away() -> None:
    """In a mapping the value has no place that a pattern could see; its name is enough."""
    value = {"apiKey": "x", "IPQS-KEY": b"x", "Authorization": "x", "password": "", "key": KEY, "keys": "x"}
    assert redactor().redact_value(value) == {
        "apiKey": MASK,
        "IPQS-KEY": MASK.encode(),
        "Authorization": MASK,
        "password": "",
        "key": MASK,
        "keys": "x",
    }


@pytest.mark.parametrize("value", ["bulkverify:uploads", "short", 3, None])
def test_a_field_called_key_is_masked_only_when_it_looks_like_one(value: object) -> None:
    """Redis has keys too, and they are worth reading."""
    assert redactor().redact_value({"key": value}) == {"key": value}


def test_other_objects_become_their_redacted_text_when_they_hold_a_secret() -> None:
    """An exception or a path in an event is text in the end; one without a secret stays what it is."""
    path = Path("/srv")
    clean = redactor(KEY).redact_value([ValueError(KEY), SecretStr(KEY), path])
    assert clean == [f"ValueError('{MASK}')", SecretStr(KEY), path]


def test_values_nested_too_deeply_are_masked_as_text() -> None:
    """A limit on depth never becomes a hole."""
    value: list[object] = [KEY]
    for _ in range(DEPTH_MAX + 5):
        value = [value]
    clean = redactor(KEY).redact_value(value)
    assert KEY not in repr(clean)
    assert MASK in repr(clean)


def test_each_redacted_text_is_told_to_the_hook() -> None:
    """Operators count what was stopped, by where it was going."""
    sinks: list[str] = []
    made = redactor(KEY)
    made.on_redaction(sinks.append)
    made.redact(f"{KEY} {KEY}", sink="log")
    made.redact("nothing", sink="log")
    made.redact_value({"a": KEY, "apiKey": "x", "b": "nothing"}, sink="message")
    assert sinks == ["log", "message", "message"]


def test_a_short_secret_is_not_searched_for() -> None:
    """It would eat ordinary words; its places are still masked."""
    made = redactor("abc")
    assert made.redact("abcdef") == "abcdef"
    assert made.redact("redis://u:abc@h") == f"redis://u:{MASK}@h"


@pytest.mark.parametrize(
    "encode",
    [
        lambda key: quote(key, safe="").lower(),
        lambda key: quote(quote(key, safe=""), safe=""),
        lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
        lambda key: "".join(f"\\u{ord(letter):04x}" for letter in key),
        lambda key: "".join(f"\\u{ord(letter):04X}" for letter in key),
        lambda key: key.encode().hex(),
        lambda key: key.encode().hex().upper(),
    ],
)
def test_a_secret_is_masked_where_no_letter_of_it_is_left_as_it_was(encode: Callable[[str], str]) -> None:
    """Escapes in digits of either case, once or twice, of some characters or of all, are masked whole."""
    key = 'k"e/y+&%=1234567'
    assert redactor(key).redact(f"before {encode(key)} after") == f"before {MASK} after"


def test_only_a_long_secret_is_certain_to_be_one() -> None:
    """A request is refused for a key in any encoding, and not for a password that is an ordinary word."""
    made = redactor(KEY, "worker")
    assert made.holds_secret(f"it is {base64.b64encode(KEY.encode()).decode()}")
    assert not made.holds_secret("/srv/worker/list.csv?key=unknown")
    assert "worker" not in made.redact("/srv/worker/list.csv")


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    """One secret inside another leaves nothing of either."""
    assert redactor(KEY, KEY + "tail-of-it").redact(KEY + "tail-of-it") == MASK


def test_secrets_can_be_registered_while_others_redact() -> None:
    """Every secret is masked from the moment `register` returns, whichever thread did it."""
    made = redactor()
    leaks: list[str] = []

    def work(name: str) -> None:
        for number in range(12):
            secret = f"{name}-secret-{number:04}"
            made.register(SecretStr(secret))
            if secret in made.redact(f"x {secret}"):
                leaks.append(secret)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert leaks == []


def test_a_text_without_a_hint_is_not_looked_at_closely() -> None:
    """The fast path: most log lines hold no word that a secret could stand behind."""
    assert HINTS.search('{"event": "part_submitted", "upload_id": "u-1", "part": 3, "level": "info"}') is None


@pytest.mark.parametrize(
    "piece", ["://", "key", "apiKey", ":", "csv/", "authorization : ", "key ", "://a:", "json/csv/"]
)
def test_no_text_makes_redaction_slow(piece: str) -> None:
    """Answers are foreign text: time grows with their length, never with its square (or this times out)."""
    text = piece * (2_000_000 // len(piece))
    assert len(redactor(KEY).redact(text)) > 0
