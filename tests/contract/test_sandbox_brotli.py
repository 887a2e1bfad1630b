"""The encoding that the simulated IPQualityScore uses for clients that accept brotli."""

from __future__ import annotations

import pytest

from worker.providers.sandbox.brotli import BLOCK_BYTES_MAX, stored


@pytest.mark.parametrize(("data", "stream"), [(b"", "06"), (b"hello", "40001068656c6c6f03")])
def test_known_streams(data: bytes, stream: str) -> None:
    """Short data give exactly the streams that a brotli decoder was seen to read."""
    assert stored(data).hex() == stream


@pytest.mark.parametrize(("size", "blocks"), [(BLOCK_BYTES_MAX, 1), (BLOCK_BYTES_MAX + 1, 2), (200_000, 4)])
def test_long_data_take_several_blocks(size: int, blocks: int) -> None:
    """Each block of at most 64 KiB costs three bytes, the end one."""
    assert len(stored(b"x" * size)) == size + 3 * blocks + 1
