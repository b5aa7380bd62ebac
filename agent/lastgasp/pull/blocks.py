"""Blocks as they come off a wire: put together from their parts, and taken only if their own CRC is right."""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.ring.format import CRC, HEADER, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE, OVERHEAD
from lastgasp.ring.prepare import SIZE_AT, valid_block

PART_COST = 150  # bytes that Python takes for one more


@dataclass(frozen=True, slots=True)
class Pulled:
    """A whole block with what tells it from others."""

    data: bytes
    ring: int
    number: int
    write: int

    @classmethod
    def of(cls, data: bytes) -> Pulled | None:
        """None: these bytes are no block of this format's version."""
        if len(data) < OVERHEAD or not valid_block(data) or 1 << data[SIZE_AT] != len(data):
            return None
        header = HEADER.unpack_from(data)
        return cls(data, header[8], header[7], header[9])


def unpacked(packed: bytes) -> Pulled | None:
    """A block that came without the zeros that fill it up; None: it is none."""
    if len(packed) < OVERHEAD or not MIN_BLOCK_SIZE <= 1 << packed[SIZE_AT] <= MAX_BLOCK_SIZE:
        return None
    fill = (1 << packed[SIZE_AT]) - len(packed)
    return Pulled.of(packed[: -CRC.size] + bytes(fill) + packed[-CRC.size :]) if fill >= 0 else None


class Parts:
    """The parts of one block that came until now."""

    __slots__ = ("count", "found")

    def __init__(self) -> None:
        self.count = 0  # how many there are; 0: nobody said yet
        self.found: dict[int, bytes] = {}

    def add(self, part: int, parts: int, data: bytes) -> None:
        """One of them; of another version of the block it replaces what there is."""
        if parts != self.count or self.found.get(part, data) != data:
            self.count, self.found = parts, {}
        self.found[part] = data

    @property
    def missing(self) -> list[int] | None:
        """Numbers of those that are; None: all, for nothing came."""
        return [part for part in range(self.count) if part not in self.found] if self.count else None

    @property
    def size(self) -> int:
        """Bytes of them."""
        return sum(map(len, self.found.values()))

    @property
    def cost(self) -> int:
        """Bytes of memory that they take, about."""
        return self.size + PART_COST * (1 + len(self.found))

    def joined(self) -> bytes:
        """All of them, once nothing is missing."""
        return b"".join(self.found[part] for part in range(self.count))
