"""``lastgasp-agent clear --have …``: blocks of the ring that a laptop has, taken off flash, where somebody asks for it.

Each slot that holds such a block becomes a blank one. An agent that runs goes on where it was, and loses nothing:

* What it may write to next stays: the RECENT slots before and behind the newest block, wherever that has got to by
  then, for an early write may go to a slot before it (writer, SPARE_DISTANCE).
* The RECENT newest blocks stay, in whichever slot: their last versions are still to come.
* A slot is looked at once more right before it is blanked, and left alone unless it still holds what was asked for.

A slot that cannot be read or written is passed over; the command fails for the latter once it did the others. Costs
one write of each slot that it blanks.
"""

from __future__ import annotations

import posix

from lastgasp.recorder import complain, slots
from lastgasp.recorder.dump import Usage, options
from lastgasp.ring.format import HEADER_SIZE, MAGIC
from lastgasp.ring.heads import Head
from lastgasp.ring.prepare import RECENT, blank_block, valid_block
from lastgasp.ring.storage import FileStorage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config

OPTIONS = ("--ring", "--have")


def main(config: Config, words: list[str]) -> int:
    """Run the command; returns the exit status."""
    try:
        given = options(words, OPTIONS)
        meant = slots.writes(given.get("--have", ""))
        if not meant:
            raise Usage("say which: --have RING:WRITES")
    except (Usage, ValueError) as error:
        return complain(f"clear: {error}; see --help", 2)
    path = given.get("--ring", config.ring_path)
    try:
        fd = posix.open(path, posix.O_RDWR | posix.O_CLOEXEC)
        try:
            _clear(fd, slots.length(fd, config), meant)
        finally:
            posix.close(fd)
    except OSError as error:
        return complain(f"{path}: {error.strerror}; some of it may be cleared", 1)
    return 0


def _clear(fd: int, length: int, meant: slots.Writes) -> None:
    """Raises OSError: the last of those that writes met, after all slots were tried."""
    block_size = slots.block_size(fd, length)
    count = length // block_size
    found = []  # slots that are meant
    newest = None
    for slot in range(count):
        one = _head(fd, block_size, slot)
        if one is not None:
            if newest is None or one.write > newest.write:
                newest = one
            if slots.named(meant, one.ring, one.write):
                found.append(slot)
    if newest is None:
        return
    storage = FileStorage(fd)
    failed = None
    for slot in found:
        blank = blank_block(block_size)
        newest = _newest(fd, block_size, count, newest)
        one = _head(fd, block_size, slot)  # nothing that takes time between this and the write
        if one is None or not slots.named(meant, one.ring, one.write) or _near(one, newest, count):
            continue
        try:
            storage.write(slot * block_size, blank)
        except OSError as error:
            failed = error
    storage.sync()
    if failed is not None:
        raise failed


def _head(fd: int, block_size: int, slot: int) -> Head | None:
    """Of the whole block in a slot; None where there is none."""
    block = slots.read(fd, block_size, slot)
    return Head(slot, block) if valid_block(block) else None


def _newest(fd: int, block_size: int, count: int, known: Head) -> Head:
    """The newest block by now, sought near the one that was: an agent does not go far in one write's time."""
    newest, looked = known, None
    while looked is not newest:
        looked = newest
        for step in range(-RECENT, RECENT + 1):
            slot = (looked.slot + step) % count
            head = slots.read(fd, block_size, slot, HEADER_SIZE)
            if len(head) == HEADER_SIZE and head.startswith(MAGIC) and Head(slot, head).write > newest.write:
                newest = _head(fd, block_size, slot) or newest
    return newest


def _near(one: Head, newest: Head, count: int) -> bool:
    """May an agent write to this slot next, or is it a version of one of the newest blocks?"""
    ahead = (one.slot - newest.slot) % count
    return min(ahead, count - ahead) <= RECENT or (one.ring == newest.ring and newest.number - one.number <= RECENT)
