"""``lastgasp-agent clear --have …``: blocks of the ring that a laptop has, taken off flash, where somebody asks for it.

Each slot that holds such a block becomes a blank one, but for the newest block and the slots behind it, which an agent
that runs may be writing to just now. That agent goes on where it was. Costs one write of each of these slots.
"""

from __future__ import annotations

import posix

from lastgasp.recorder import complain, slots
from lastgasp.recorder.dump import Usage, options
from lastgasp.ring.format import HEADER
from lastgasp.ring.prepare import RECENT, blank_block, valid_block

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
    """Raises OSError."""
    block_size = slots.block_size(fd, length)
    count = length // block_size
    found = []  # slots that are meant
    newest, newest_slot = -1, 0
    for slot in range(count):
        block = posix.pread(fd, block_size, slot * block_size)
        if valid_block(block):
            header = HEADER.unpack_from(block)
            if header[9] > newest:
                newest, newest_slot = header[9], slot
            if slots.named(meant, header[8], header[9]):
                found.append(slot)
    for slot in found:
        if (slot - newest_slot) % count > RECENT:
            posix.pwrite(fd, blank_block(block_size), slot * block_size)
    posix.fdatasync(fd)
