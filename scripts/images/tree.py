"""One of our defconfigs, built in a Buildroot tree of the user's with an output folder of its own.

Nothing is written into the tree. The output folder is kept: after a change of the package or of the variant only what
differs is built again, and the target folder is put together anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bed.errors import BedError, require
from bed.targets import BOARDS, Board

EXTERNAL = Path(__file__).resolve().parents[2] / "buildroot"
BOARD_OF = {"armv7": BOARDS["armhf"], "aarch64": BOARDS["arm64"]}
VARIANTS = ("compiled", "bytecode", "tiny")
SHOW_S = 30
# Buildroot's own way to put the target folder together once more, without building everything again.
INSTALLED = (".stamp_target_installed", ".stamp_images_installed")


@dataclass(frozen=True, slots=True)
class Order:
    """What to build."""

    buildroot: Path
    output: Path
    arch: str
    variant: str
    fragments: tuple[Path, ...] = ()
    """More lines for the configuration, which count more than ours."""
    own_kernel: bool = True
    """Build the defconfig's kernel; without it something else is booted."""

    @property
    def board(self) -> Board:
        """The machine that it is for."""
        return BOARD_OF[self.arch]

    @property
    def target(self) -> Path:
        """What the image holds, more or less: owners and device files are in the image alone."""
        return self.output / "target"

    @property
    def image(self) -> Path:
        """The root file system."""
        return self.output / "images/rootfs.squashfs"

    @property
    def kernel(self) -> Path:
        """The kernel's image."""
        return self.output / "images" / {"armv7": "zImage", "aarch64": "Image"}[self.arch]

    def compiler(self) -> Path:
        """The toolchain's C compiler. Raises BedError when there is none."""
        found = sorted(self.output.glob("host/bin/*-linux-*gcc")) or sorted(self.output.glob("host/bin/*-linux-gcc"))
        if not found:
            raise BedError(f"{self.output}/host/bin: no compiler; is the image built?")
        return found[0]


def configuration(order: Order) -> str:
    """The lines of our defconfig with the variant, and what the user gave. Raises BedError."""
    defconfig = EXTERNAL / f"configs/lastgasp_qemu_{order.arch}_defconfig"
    parts = [defconfig.read_text(), f"BR2_PACKAGE_LASTGASP_{order.variant.upper()}=y\n"]
    if not order.own_kernel:
        parts.append("# BR2_LINUX_KERNEL is not set\n")
    try:
        parts += [path.read_text() for path in order.fragments]
    except OSError as error:
        raise BedError(f"{error.filename}: {error.strerror}") from None
    return "".join(parts)


def missing(wanted: str, made: str) -> list[str]:
    """The lines of a configuration that Buildroot did not keep; of two about one symbol the last counts."""
    last = {match[1]: match[0] for match in re.finditer(r"(?m)^(?:# )?(BR2_\w+)(?:=.*| is not set)$", wanted)}
    have = set(made.splitlines())
    gone = (line for line in last.values() if line not in have)
    # A symbol that is "not set" may also be none that this configuration has.
    return [line for line in gone if not line.startswith("#") or f"\n{line.split()[1]}=" in made]


def build(order: Order) -> float:
    """Configure and build; returns the seconds that it took. Raises BedError with the log's name."""
    if not (order.buildroot / "package/Makefile.in").is_file():
        raise BedError(f"{order.buildroot}: not a Buildroot tree")
    for tool in ("make", "rsync"):
        require(tool, tool)
    order.output.mkdir(parents=True, exist_ok=True)
    wanted = configuration(order)
    defconfig = order.output / "firmware-test.defconfig"
    defconfig.write_text(wanted)
    log = order.output / "firmware-test.log"
    log.unlink(missing_ok=True)
    started = time.monotonic()
    words = [f"O={order.output}", f"BR2_EXTERNAL={EXTERNAL}", f"BR2_DEFCONFIG={defconfig}", "defconfig"]
    _make(order.buildroot, words, log)
    # The fragments may take a line of ours back, such as the toolchain.
    demanded = [line for line in wanted.splitlines() if "BR2_PACKAGE_LASTGASP" in line]
    demanded += [path.read_text() for path in order.fragments]
    lost = missing("\n".join(demanded), (order.output / ".config").read_text())
    if lost:
        raise BedError(f"{order.buildroot} has no such setting, or not here: {lost[0]}")
    _put_together_anew(order.output)
    _make(order.output, [], log)
    return time.monotonic() - started


def _put_together_anew(output: Path) -> None:
    """Forget our package, and what is installed in the target folder."""
    for folder in output.glob("build/lastgasp-*"):
        shutil.rmtree(folder)
    if (output / "target").exists():
        shutil.rmtree(output / "target")
        for name in INSTALLED:
            for stamp in output.glob(f"build/*/{name}"):
                stamp.unlink()


def _make(folder: Path, words: list[str], log: Path) -> None:
    """Run make, with what it says going to the log. Raises BedError."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            ["make", "-C", str(folder), *words], stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment()
        )
        started = time.monotonic()
        try:
            while True:
                try:
                    status = process.wait(SHOW_S)
                    break
                except subprocess.TimeoutExpired:
                    show(f"{time.monotonic() - started:4.0f} s  {last_step(log)}")
        finally:
            process.kill()
    if status:
        raise BedError(f"make {' '.join(words[-1:])} failed: {last_error(log)}; all of it is in {log}")


def environment() -> dict[str, str]:
    """This process's, without what Buildroot refuses."""
    return {
        key: value for key, value in os.environ.items() if key not in ("LD_LIBRARY_PATH", "PYTHONPATH", "MAKEFLAGS")
    }


def show(text: str) -> None:
    """Progress, for whoever sits there."""
    if sys.stderr.isatty():
        sys.stderr.write(f"firmware-test: {text}\n")


def last_step(log: Path) -> str:
    """The last heading that Buildroot printed."""
    steps = re.findall(r">>> +(.+?)(?:\x1b.*)?$", log.read_text(errors="replace"), flags=re.M)
    return steps[-1].strip() if steps else "it begins"


def last_error(log: Path) -> str:
    """The first error of the last step."""
    text = log.read_text(errors="replace").rpartition(">>> ")[2]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if re.search(r"(?i)\berror\b|\*\*\*", line)), lines[-1] if lines else "")[:200]
