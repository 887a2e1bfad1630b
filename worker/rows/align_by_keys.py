"""The alignment of a part whose verdicts came in any order: by keys, in bounded memory.

Values and verdicts go into buckets by a digest of their loose key, so that all that may belong together is in one
bucket, and one bucket at a time is worked on in memory. Measured against the same join in SQLite (twice the CPU time)
and in DuckDB (half the CPU time, four times the memory; out of 96 MB from some millions of values on).
"""

from __future__ import annotations

from array import array
from collections import Counter
from contextlib import ExitStack
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from worker.rows.buckets import Buckets
from worker.rows.part_files import read_answers, read_sent
from worker.rows.plain import fold_keys
from worker.rows.values import loose_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.providers.port import Kind
    from worker.rows.collected import CollectedPart, SentPart
    from worker.rows.part_files import ColumnNames

#: The place of a verdict that is not there, and the array type of places.
NO_PLACE = 2**64 - 1
TYPECODE = "Q"
#: Values of a part for which there is one bucket, on average, and the most buckets.
BUCKET_VALUES = 64 * 1024
BUCKETS_MAX = 256
#: Places held in memory at a time.
BLOCK_PLACES = 256 * 1024
#: Values that are keyed at a time.
SENT_TOGETHER = 1_024
#: Bytes of a key's digest: so many that no two keys ever share one.
_DIGEST_BYTES = 16
#: What a bucket holds of a value or verdict: digests of its loose key and its key, and its number or place.
_KEYED = "<16s16sQ"
#: What a bucket holds of a match: the value's number, and the place of its verdict.
_MATCHED = "<QQ"


class ByKeys:
    """A part whose verdicts came in any order; what lies in one bucket has its loose key in no other."""

    def __init__(self, part: SentPart, found: CollectedPart, kind: Kind, folder: Path) -> None:
        self._part = part
        self._found = found
        self._kind = kind
        self._folder = folder
        self._count = min(part.rows // BUCKET_VALUES + 1, BUCKETS_MAX)
        self.extra = 0
        self.duplicate = 0

    def align(self, columns: ColumnNames, out: BinaryIO) -> None:
        """Write the part's places and count the verdicts that have none."""
        blocks = self._part.rows // BLOCK_PLACES + 1
        with ExitStack() as stack:
            answered = stack.enter_context(Buckets(self._folder, "answered", self._count, _KEYED))
            for at, values in read_answers(self._part, self._found, columns):
                self._add(answered, values, at)
            sent = stack.enter_context(Buckets(self._folder, "sent", self._count, _KEYED))
            sent_values, first = read_sent(self._part, self._found), 0
            while values := list(islice(sent_values, SENT_TOGETHER)):
                self._add(sent, values, range(first, first + len(values)))
                first += len(values)
            # In the order of buckets numbers come in no order at all, and places are to be written in that of numbers.
            matched = stack.enter_context(Buckets(self._folder, "matched", blocks, _MATCHED))
            for bucket in range(self._count):
                matches = list(self._matches(answered, sent, bucket))
                matched.add([number // BLOCK_PLACES for number, _ in matches], matches)
            for block in range(blocks):
                first = block * BLOCK_PLACES
                places = array(TYPECODE, [NO_PLACE]) * min(BLOCK_PLACES, self._part.rows - first)
                for number, place in matched.read(block):
                    places[number - first] = place
                places.tofile(out)

    def _add(self, buckets: Buckets, values: Sequence[str], where: Sequence[int]) -> None:
        keys = fold_keys(self._kind, values)
        digests = loose_digests = [_digest(key) for key in keys]
        loose = [loose_key(self._kind, key) for key in keys]
        if loose != keys:
            loose_digests = [_digest(key) for key in loose]
        chosen = [digest[0] * buckets.count >> 8 for digest in loose_digests]
        buckets.add(chosen, zip(loose_digests, digests, where, strict=True))

    def _matches(self, answered: Buckets, sent: Buckets, bucket: int) -> Iterator[tuple[int, int]]:
        """Number and place of each value in a bucket that has a verdict; counts the verdicts on none."""
        first: dict[bytes, int] = {}
        verdicts = 0
        for _, key, place in answered.read(bucket):
            verdicts += 1
            first.setdefault(key, place)
        without = []
        used = 0
        for loose, key, number in sent.read(bucket):
            if key in first:
                used += 1
                yield number, first[key]
            else:
                without.append((loose, number))
        if without:
            shared = self._shared(answered, sent, bucket, {loose for loose, _ in without})
            exact = {key for _, key, _ in sent.read(bucket) if key in first}
            used += len(set(shared.values()) - exact)
            yield from ((number, first[shared[loose]]) for loose, number in without if loose in shared)
        self.duplicate += verdicts - len(first)
        self.extra += len(first) - used

    @staticmethod
    def _shared(answered: Buckets, sent: Buckets, bucket: int, wanted: set[bytes]) -> dict[bytes, bytes]:
        """For loose keys, the key of the only verdict on them, where it came as often as values with them were sent."""
        keys: dict[bytes, bytes] = {}
        several: set[bytes] = set()
        times: Counter[bytes] = Counter()
        for loose, key, _ in answered.read(bucket):
            if loose in wanted:
                times[loose] += 1
                if keys.setdefault(loose, key) != key:
                    several.add(loose)
        asked = Counter(loose for loose, _, _ in sent.read(bucket) if loose in wanted)
        return {loose: key for loose, key in keys.items() if loose not in several and times[loose] >= asked[loose]}


def _digest(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=_DIGEST_BYTES).digest()
