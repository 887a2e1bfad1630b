"""What a list holds: the same digest however it was compressed, in whatever blocks it comes."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.content import ContentDigest

TEXT = b"email\nann@x.example\n"
PACKED = gzip.compress(TEXT, mtime=0)


def digest(content: bytes, block_bytes: int = 7, **limits: int) -> ContentDigest:
    """The digests of a content that comes in blocks of that size."""
    found = ContentDigest(**limits)
    for place in range(0, len(content), block_bytes):
        found.update(content[place : place + block_bytes])
    return found


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 400), st.integers(0, 9))
def test_a_compressed_list_is_its_text(members: list[bytes], block_bytes: int, level: int) -> None:
    """Whatever the level, the members, the padding behind them, and the blocks in which it comes."""
    content = b"".join(gzip.compress(member, level) for member in members) + bytes(level)
    found = digest(content, block_bytes)
    assert found.sha256 == hashlib.sha256(b"".join(members)).hexdigest()
    assert found.sent_sha256 == hashlib.sha256(content).hexdigest()


@given(st.binary(max_size=50), st.integers(1, 5))
def test_any_other_list_is_its_bytes(content: bytes, block_bytes: int) -> None:
    """Nothing is lost of a short list, nor of one that is no gzip although it begins so."""
    for other in (content, b"\x1f" + content, b"\x1f\x8b" + content):
        assert digest(other, block_bytes).sha256 == hashlib.sha256(other).hexdigest()


@pytest.mark.parametrize("content", [PACKED[:-1], PACKED + b"x", PACKED[:-8] + bytes(8), PACKED + PACKED[:-1]])
def test_a_damaged_list_is_its_bytes(content: bytes) -> None:
    """Two that hold the same text as far as they go are not the same list."""
    assert digest(content).sha256 == hashlib.sha256(content).hexdigest()


def test_a_bomb_is_its_bytes_and_holds_nobody_up() -> None:
    """From the limit on nothing more is decompressed; up to it a list is its text."""
    bomb = gzip.compress(bytes(50_000_000))
    assert digest(bomb, 4096, text_bytes_max=49_999_999).sha256 == hashlib.sha256(bomb).hexdigest()
    assert digest(bomb, 4096, text_bytes_max=50_000_000).sha256 == hashlib.sha256(bytes(50_000_000)).hexdigest()
