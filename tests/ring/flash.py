"""An emulated flash: storage that remembers every write and sync, so that power can be cut at each of them.

The ring writer has one write under way at a time, so a crash leaves what was synced plus some part of one write.
``torn`` lists the parts that matter for a write of 512-byte sectors.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Iterable, Iterator

SECTOR = 512


class EmulatedFlash:
    """Storage in memory with a log of all writes; ``before_write`` may look on or raise."""

    def __init__(self, image: bytes) -> None:
        self.image = bytearray(image)
        self.writes: list[tuple[int, bytes]] = []
        self.syncs = 0
        self.unsynced = 0
        self.before_write: Callable[[int, bytes], None] | None = None

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.image[offset : offset + size])

    def write(self, offset: int, data: bytes | bytearray) -> None:
        if self.before_write is not None:
            self.before_write(offset, bytes(data))
        assert offset + len(data) <= len(self.image), "a ring never grows"
        self.writes.append((offset, bytes(data)))
        self.unsynced += 1
        self.image[offset : offset + len(data)] = data

    def sync(self) -> None:
        self.syncs += 1
        self.unsynced = 0

    def size(self) -> int:
        return len(self.image)


class FailingFlash(EmulatedFlash):
    """Refuses chosen operations with an errno, after writing a part of the data."""

    def __init__(self, image: bytes) -> None:
        super().__init__(image)
        self.fail_writes: set[int] = set()
        self.fail_syncs: set[int] = set()
        self.errno = errno.EIO
        self.part = 0
        self.operations = 0

    def write(self, offset: int, data: bytes | bytearray) -> None:
        self.operations += 1
        if self.operations in self.fail_writes:
            self.image[offset : offset + self.part] = data[: self.part]
            raise OSError(self.errno, "emulated")
        super().write(offset, data)

    def sync(self) -> None:
        self.operations += 1
        if self.operations in self.fail_syncs:
            raise OSError(self.errno, "emulated")
        super().sync()


def torn(before: bytes, data: bytes, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """What the medium may hold after a cut while ``data`` was written over ``before``: (name, contents)."""
    old = [before[i : i + SECTOR] for i in range(0, len(before), SECTOR)]
    new = [data[i : i + SECTOR] for i in range(0, len(data), SECTOR)]
    count = len(new)

    def mixed(name: str, chosen: Iterable[int]) -> tuple[str, bytes]:
        """The chosen sectors are new, the others old."""
        wanted = set(chosen)
        return name, b"".join(new[i] if i in wanted else old[i] for i in range(count))

    yield "nothing", before
    yield "everything, not synced", data
    for k in range(1, count):
        yield mixed(f"first {k} sectors", range(k))
        yield mixed(f"last {k} sectors", range(count - k, count))
    for k in range(count):
        yield mixed(f"only sector {k}", [k])
        yield mixed(f"all but sector {k}", set(range(count)) - {k})
    yield mixed("even sectors", range(0, count, 2))
    yield mixed("odd sectors", range(1, count, 2))
    for k in range(count):
        for filler, junk in (("zeros", bytes(SECTOR)), ("ones", b"\xff" * SECTOR), ("noise", rng.randbytes(SECTOR))):
            yield f"{filler} in sector {k}", b"".join([*new[:k], junk, *new[k + 1 :]])
            yield f"{filler} from sector {k}", b"".join(new[:k]) + junk * (count - k)
    cut = rng.randrange(1, SECTOR)
    k = rng.randrange(count)
    yield f"cut inside sector {k}", b"".join(new[:k]) + new[k][:cut] + old[k][cut:] + b"".join(old[k + 1 :])
