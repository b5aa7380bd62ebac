"""How much is programmed for each byte that the agent writes, on UBIFS and on JFFS2, by the ring's block size.

Whole blocks only. UBIFS is on a simulated NAND chip with pages of 2 KiB; the kernel's timers for metadata are set to a
second and the writes are further apart, so that each has its own, as on a device where minutes lie between two. JFFS2,
which has no metadata of that kind, is on SPI-NOR chips: on the large one of the sabrelite board, erased in pieces of
4 KiB, nothing has to be collected yet; on one that is four times as large as the ring, erased in pieces of 64 KiB, the
ring and the garbage collector come round while blocks are counted.
"""

import time
from dataclasses import dataclass, field, replace
from typing import Any

from bed.errors import BedError
from bed.flash import AST2600, SABRELITE
from rehearsals.checks import Checks
from rehearsals.device import Bench, Device, device
from rehearsals.media import AT_ONCE, COUNT, MEDIA, MODULES, PROGRAMMED, PROGRAMS, RING

MEM = "256M"
TIMEOUT_S = 1800
POLL_S = 2
SETTINGS = {
    "interval": "200ms",
    "pressure_interval": "200ms",
    "flush_interval": "1h",
    "flash_budget": "0",
    "command_line": "1000",
    "ring_path": RING,
}
# Processes that come and go, each with a command line that does not compress. The pause sets how fast blocks fill.
CHURN = (
    "touch /run/churn; (base64 -w 950 /dev/urandom | while read -r word && [ -e /run/churn ]; do"
    " sh -c 'usleep 400000; :' $word & usleep {pause_us}; done) > /dev/null 2>&1 &"
)
UBIFS = next(medium for medium in MEDIA if medium.name == "UBIFS")


@dataclass(frozen=True, slots=True)
class Figure:
    """One to measure. ``pause_us`` lies between two processes of some 750 bytes in a block."""

    name: str
    make: str
    block_size: int
    blocks: int  # to count
    skipped: int  # before these
    pause_us: int
    most: float | None  # what is to be reached
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """For the agent: the smallest ring."""
        return SETTINGS | {"block_size": f"{self.block_size >> 10}k", "ring_size": f"{32 * self.block_size >> 10}k"}


NAND_MAKE = f"{UBIFS.find}\n{UBIFS.mount}"
NOR_MAKE = f"mkdir -p /media; modprobe deflate; modprobe jffs2; {COUNT}\nmount -t jffs2 mtd0 /media"
SMALL = replace(AST2600, machine=("-M", "ast2600-evb,fmc-model=m25p40"), chip_bytes=512 << 10)
NAND = {"modules": MODULES, "programs": PROGRAMS}
NOR = {"board": SABRELITE, "root": None, "modules": ["deflate", "jffs2"]}
FIGURES = (
    Figure("UBIFS on NAND", NAND_MAKE, 4096, 10, 1, 400_000, None, NAND),
    Figure("UBIFS on NAND", NAND_MAKE, 8192, 10, 1, 200_000, 1.6, NAND),
    Figure("UBIFS on NAND", NAND_MAKE, 16384, 8, 1, 100_000, 1.6, NAND),
    Figure("JFFS2 on large NOR", NOR_MAKE, 4096, 60, 1, 100_000, 1.1, NOR),
    Figure("JFFS2 on small NOR", NOR_MAKE, 4096, 120, 80, 100_000, None, NOR | {"board": SMALL}),
)


def rehearse(bench: Bench) -> int:
    """All figures. Returns the number of failures."""
    failed = 0
    for figure in FIGURES:
        name = f"{figure.name}, {figure.block_size >> 10} KiB blocks"
        checks = Checks(name)
        _measure(bench, figure, checks)
        failed += checks.failed
    return failed


def _measure(bench: Bench, figure: Figure, checks: Checks) -> None:
    name = f"wear-{figure.name.replace(' ', '-')}-{figure.block_size}"
    changes = dict(figure.changes)
    if "board" in changes:
        changes["chip"] = changes["board"].fresh_chip(bench.file(f"{name}.chip"))
    setup = bench.setup(name, None, figure.settings, mem=MEM, **changes)
    with device(setup, bench.file(f"{name}.console")) as there:
        there.guest.check(f"{figure.make}\n{AT_ONCE}", TIMEOUT_S)
        there.start()
        there.guest.check(CHURN.format(pause_us=figure.pause_us))
        blocks, programmed = _so_far(there, figure.skipped)
        more, later = _so_far(there, blocks + figure.blocks)
        seen = there.status()
    written = (more - blocks) * figure.block_size
    times = (later - programmed) / written
    text = f"{written} bytes in {more - blocks} writes, {later - programmed} programmed: {times:.2f} times"
    if figure.most is None:
        checks.measured(text)
    else:
        checks.check(times <= figure.most, f"{text}; to reach: {figure.most}")
    checks.check(not seen["write_errors"], f"{seen['write_errors']} write errors on {seen['file_system']}")


def _so_far(there: Device, blocks: int) -> tuple[int, int]:
    """Wait for so many blocks; return how many there are, and the bytes that are programmed, a moment after a block."""
    deadline = time.monotonic() + TIMEOUT_S
    before = there.status()["blocks_written"]
    while time.monotonic() < deadline:
        there.guest.check(f"sleep {POLL_S}", TIMEOUT_S)
        now = there.status()["blocks_written"]
        if now >= blocks and now > before:
            return now, int(there.guest.check(PROGRAMMED))
        before = now
    raise BedError(f"only {now} blocks in {TIMEOUT_S} s")
