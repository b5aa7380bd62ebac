"""How much is programmed for each byte that the agent's writer writes, on UBIFS and on JFFS2, by the block size.

Whole blocks of what does not compress, by the writer of the ring alone. UBIFS is on a simulated NAND chip with pages of
2 KiB; the kernel's timers for metadata are set to a second and the blocks are further apart, so that each has its own,
as on a device where minutes lie between two. JFFS2, which has no metadata of that kind, is on SPI-NOR chips: on the
large one of the sabrelite board, erased in pieces of 4 KiB, nothing has to be collected yet; on one that is four times
as large as the ring, erased in pieces of 64 KiB, the garbage collector works while blocks are counted.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bed.flash import AST2600, SABRELITE
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import Bench, device
from rehearsals.media import AT_ONCE, COUNT, MEDIA, MODULES, PROGRAMS, RING

MEM = "256M"
TIMEOUT_S = 1800
SLOTS = 32
APART_S = 2.5
# Processes that come and go, each with a command line that does not compress. The pause sets how fast blocks fill.
CHURN = (
    "touch /run/churn; (base64 -w 950 /dev/urandom | while read -r word && [ -e /run/churn ]; do"
    " sh -c 'usleep 400000; :' $word & usleep {pause_us}; done) > /dev/null 2>&1 &"
)
WRITER = parts.INSIDE / "write-blocks.py"
PACKAGE = parts.SCRIPTS.parent / "agent/lastgasp"
FILES: list[tuple[Path, str]] = [
    (WRITER, "opt/writer/write-blocks.py"),
    (PACKAGE / "__init__.py", "opt/writer/lastgasp/__init__.py"),
    *((path, f"opt/writer/lastgasp/ring/{path.name}") for path in sorted((PACKAGE / "ring").glob("*.py"))),
]
UBIFS = next(medium for medium in MEDIA if medium.name == "UBIFS")


@dataclass(frozen=True, slots=True)
class Figure:
    """One to measure."""

    name: str
    make: str
    block_size: int
    blocks: int  # to count
    skipped: int  # before these
    pause_s: float
    most: float | None  # what is to be reached
    changes: dict[str, Any] = field(default_factory=dict)


NAND_MAKE = f"{UBIFS.find}\n{UBIFS.mount}"
NOR_MAKE = f"mkdir -p /media; modprobe deflate; modprobe jffs2; {COUNT}\nmount -t jffs2 mtd0 /media"
SMALL = replace(AST2600, machine=("-M", "ast2600-evb,fmc-model=m25p40"), chip_bytes=512 << 10)
NAND = {"modules": MODULES, "programs": PROGRAMS}
NOR = {"board": SABRELITE, "modules": ["deflate", "jffs2"]}
FIGURES = (
    Figure("UBIFS on NAND", NAND_MAKE, 4096, 12, 1, APART_S, None, NAND),
    Figure("UBIFS on NAND", NAND_MAKE, 8192, 12, 1, APART_S, 1.6, NAND),
    Figure("UBIFS on NAND", NAND_MAKE, 16384, 12, 1, APART_S, 1.6, NAND),
    Figure("JFFS2 on large NOR", NOR_MAKE, 4096, 50, 1, 0, 1.1, NOR),
    Figure("JFFS2 on small NOR", NOR_MAKE, 4096, 160, 80, 0, None, NOR | {"board": SMALL}),
)


def rehearse(bench: Bench) -> int:
    """All figures. Returns the number of failures."""
    return sum(measure(bench, figure) for figure in FIGURES)


def measure(bench: Bench, figure: Figure) -> int:
    """One figure. Returns the number of failures."""
    checks = Checks(f"{figure.name}, blocks of {figure.block_size >> 10} KiB")
    name = f"wear-{figure.name.replace(' ', '-')}-{figure.block_size}"
    changes = dict(figure.changes)
    if "board" in changes:
        changes["chip"] = changes["board"].fresh_chip(bench.file(f"{name}.chip"))
    setup = bench.setup(name, None, {}, mem=MEM, root=None, **changes)
    setup.files[:] = FILES
    numbers = f"{SLOTS} {figure.block_size} {figure.skipped} {figure.blocks} {figure.pause_s}"
    with device(setup, bench.file(f"{name}.console")) as there:
        there.guest.check(f"{figure.make}\n{AT_ONCE}", TIMEOUT_S)
        said = there.guest.check(f"cd /opt/writer; PYTHONPATH=. python3 -S write-blocks.py {RING} {numbers}", TIMEOUT_S)
    written, programmed, errors = map(int, said.split())
    times = programmed / written
    text = f"{written} bytes in {figure.blocks} writes, {programmed} programmed: {times:.2f} times"
    if figure.most is None:
        checks.measured(text)
    else:
        checks.check(times <= figure.most, f"{text}; to reach: {figure.most}")
    checks.check(not errors, f"{errors} write errors")
    return checks.failed
