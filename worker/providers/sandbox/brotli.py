"""Brotli without compression: enough for a server that must send the encoding, not save bytes (RFC 7932, section 9)."""

from __future__ import annotations

#: Bytes of one uncompressed meta-block at most (a length of 16 bits).
BLOCK_BYTES_MAX = 1 << 16


def stored(data: bytes) -> bytes:
    """A brotli stream that holds `data` as it is."""
    # The window size of 16 bits is the one bit 0; each later header begins on a byte of its own.
    stream = bytearray()
    prefix_bits = 1
    for start in range(0, len(data), BLOCK_BYTES_MAX):
        block = data[start : start + BLOCK_BYTES_MAX]
        # From the lowest bit: ISLAST 0 (1 bit), MNIBBLES 0 = four nibbles (2), MLEN - 1 (16), ISUNCOMPRESSED 1 (1).
        header = ((len(block) - 1) << 3 | 1 << 19) << prefix_bits
        stream += header.to_bytes(3, "little") + block
        prefix_bits = 0
    # ISLAST 1, ISLASTEMPTY 1.
    stream.append(0b11 << prefix_bits)
    return bytes(stream)
