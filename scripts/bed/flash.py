"""Boards with a NOR flash chip on SPI: a file of the host is the chip, a medium that outlives QEMU.

QEMU writes a page to the file as soon as the guest has programmed it, and keeps no cache of its own. So a QEMU that is
killed leaves what a chip has whose power fails; but the host writes whole pages (256 bytes) or sectors, so what a
chip holds whose power fails in the middle of one of these is not shown.
"""

from dataclasses import dataclass
from pathlib import Path

from .errors import BedError
from .kernel import KernelFiles
from .targets import ARMHF, Board

ERASED = b"\xff"


@dataclass(frozen=True, slots=True)
class FlashBoard(Board):
    """A board that needs its device tree, and has a chip."""

    device_tree: str
    """The file in the kernel's package."""
    chip_bytes: int
    erase_bytes: int
    """Bytes that are erased at a time, as Debian's kernel drives this chip."""
    chip_modules: tuple[str, ...]
    """Modules that make it mtd0, in the order to load them."""
    lines_before: int
    """Serial lines before the one that is the console."""

    def fresh_chip(self, image: Path) -> Path:
        """Write the file of a chip that is erased."""
        image.write_bytes(ERASED * self.chip_bytes)
        return image

    def arguments(self, kernel: KernelFiles, chip: Path) -> list[str]:
        """What QEMU's command line has besides. Raises BedError for a file of another size."""
        if chip.stat().st_size != self.chip_bytes:
            raise BedError(f"{chip}: the chip of this board has {self.chip_bytes} bytes")
        path = str(chip).replace(",", ",,")
        lines = ["-serial", "null"] * self.lines_before
        return ["-dtb", str(kernel.device_tree(self.device_tree)), *lines, "-drive", f"if=mtd,format=raw,file={path}"]


SABRELITE = FlashBoard(
    arch=ARMHF,
    qemu="qemu-system-arm",
    qemu_package="qemu-system-arm",
    machine=("-M", "sabrelite"),
    console="ttymxc1",
    disk_device="",
    disk_modules=(),
    device_tree="imx6q-sabrelite.dtb",
    chip_bytes=2 << 20,
    erase_bytes=4 << 10,
    chip_modules=("gpio-mxc", "anatop-regulator", "spi-nor", "spi-imx"),
    lines_before=1,
)
"""An i.MX6 board with an SST25VF016B."""
AST2600 = FlashBoard(
    arch=ARMHF,
    qemu="qemu-system-arm",
    qemu_package="qemu-system-arm",
    # Its own chip is erased in pieces of 4 KiB, which is too little for UBIFS; the kernel erases an M25P64 in 64 KiB.
    machine=("-M", "ast2600-evb,fmc-model=m25p64"),
    console="ttyS4,115200",
    disk_device="",
    disk_modules=(),
    device_tree="aspeed-ast2600-evb.dtb",
    chip_bytes=8 << 20,
    erase_bytes=64 << 10,
    chip_modules=("spi-nor", "spi-aspeed-smc"),
    lines_before=0,
)
"""A board with a controller of base boards; no disk, and memory of 256M or more in powers of two."""
