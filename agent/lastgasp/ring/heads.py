"""Blocks by their headers alone: which of them count, and which reach back so far. For who sends and who asks."""

from lastgasp.ring.format import CRC, FLAG_KEY, HEADER, HEADER_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MS = 1_000_000


class Head:
    """What the choice needs of a block. ``size``: bytes without those that fill it up."""

    __slots__ = ("boot", "key", "number", "ring", "size", "slot", "uptime_ms", "write")

    def __init__(self, slot: int, block: bytes) -> None:
        """``block``: its beginning, at least the header."""
        header = HEADER.unpack_from(block)
        self.slot = slot
        self.key = bool(header[2] & FLAG_KEY)
        self.size: int = HEADER_SIZE + header[5] + CRC.size
        self.number: int = header[7]
        self.ring: int = header[8]
        self.write: int = header[9]
        self.boot: bytes = header[12]
        self.uptime_ms = header[13] // MS


def in_order(heads: "Iterable[Head]") -> list[Head]:
    """The last version of each block, newest block first; those of the ring that was written last stand before all."""
    best: dict[tuple[int, int], Head] = {}
    newest = -1
    ring = 0
    for one in heads:
        other = best.get((one.ring, one.number))
        if other is None or other.write < one.write:
            best[one.ring, one.number] = one
        if one.write > newest:
            newest, ring = one.write, one.ring
    return sorted(best.values(), key=lambda one: (one.ring == ring, one.ring, one.number), reverse=True)


def latest(heads: list[Head], span_ms: int) -> list[Head]:
    """Of blocks in order, those of the last so many ms of the first one's ring, and before them to a key block.

    Time runs where a boot runs. What a boot lasted after its last block began is not known, and not counted.
    """
    chosen: list[Head] = []
    passed_ms = 0
    for one in heads:
        if chosen:
            later = chosen[-1]
            if one.ring != later.ring or (passed_ms >= span_ms and later.key):
                break
            passed_ms += later.uptime_ms - one.uptime_ms if one.boot == later.boot else later.uptime_ms
        chosen.append(one)
    return chosen
