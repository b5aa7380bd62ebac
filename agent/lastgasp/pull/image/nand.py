"""A programmer's dump of NAND flash has a spare area behind each page. How large are they? The data itself says.

Blocks and nodes that reach over the end of a page have a wrong CRC in such a dump, and the right one when the right
number of bytes is taken out at the right places. So every page size with every size of the spare area is tried on
some of what failed: a CRC of 32 bits does not come right by chance. The dump must begin with a page, as they all do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import starmap

from lastgasp.pull.image.view import View, without_spare

# Sizes of a page, and what the sizes of their spare areas are multiples of.
PAGES = ((512, 1), (1024, 1), (2048, 2), (4096, 2), (8192, 4), (16384, 8))
# Chips have 16 bytes for each 512 up to 14 in 100; a controller may use less.
LEAST, MOST = 64, 6  # parts of a page that a spare area is at least, at most
# Tried first, and taken where others fit as many samples, for few samples do not tell all sizes apart.
USUAL = ((512, 16), (2048, 64), (2048, 128), (4096, 128), (4096, 224), (4096, 256), (8192, 448), (8192, 640))
KEPT = 32  # samples
FEW = 8  # of them that all sizes are tried on

Check = Callable[[bytes], bool]
Sample = tuple[int, int, Check, bytes]  # offset, bytes at most, is it valid? what stands there in the dump


@dataclass(frozen=True, slots=True)
class Geometry:
    """Bytes of a page, and of the spare area behind it."""

    page: int
    spare: int


@dataclass(slots=True)
class Samples:
    """Offsets where something begins that is not valid as it stands, spread over all that there are."""

    kept: list[tuple[int, int, Check]] = field(default_factory=list)  # offset, bytes at most, is it valid?
    _stride: int = 1
    _seen: int = 0

    def add(self, offset: int, size: int, check: Check) -> None:
        """One more, ``size`` bytes long at most."""
        if not self._seen % self._stride:
            self.kept.append((offset, size, check))
            if len(self.kept) > KEPT:
                del self.kept[1::2]
                self._stride *= 2
        self._seen += 1


def recognise(view: View, samples: Samples) -> Geometry | None:
    """The one that makes most samples valid; None where none does any. Raises OSError."""
    raw = [(offset, size, check, view.read(offset, _with_spare(size))) for offset, size, check in samples.kept]
    few = raw[:: len(raw) // FEW + 1]
    return _best(USUAL, raw, len(raw) // 2) or _best(_all(), few, 0) or _best(USUAL, raw, 0)


def _best(candidates: Iterable[tuple[int, int]], raw: list[Sample], least: int) -> Geometry | None:
    """The first of those that make most samples valid, more than ``least``."""
    best = None
    for candidate in starmap(Geometry, candidates):
        hits = sum(_fits(candidate, *sample) for sample in raw)
        if hits > least:
            best, least = candidate, hits
    return best


def _all() -> Iterator[tuple[int, int]]:
    yield from USUAL
    for page, step in PAGES:
        for spare in range(page // LEAST, page // MOST, step):
            yield page, spare


def _with_spare(size: int) -> int:
    """Bytes of a dump that so many bytes of pages are in, at most."""
    return size + size // MOST + PAGES[-1][0] // MOST


def _fits(one: Geometry, offset: int, size: int, check: Check, raw: bytes) -> bool:
    inside = offset % (one.page + one.spare)
    # Nothing taken out is nothing learned.
    return inside < one.page < inside + size and check(without_spare(raw, inside, one.page, one.spare)[:size])
