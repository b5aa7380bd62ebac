"""The image in QEMU: a disk that is read only, a disk for the ring, and root's shell on the serial line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bed import userland
from bed.bench import working_folder
from bed.errors import BedError, require
from bed.guest import Guest
from bed.kernel import KernelFiles
from bed.packages import Archive
from bed.targets import EXT4_MODULES, KERNELS, USERLAND_SUITE, Board

INIT = Path(__file__).with_name("init")
MODULES = ("squashfs",)
LOGIN_S = 300
ANSWER_S = 120
# In place of the login shell, which would prompt and echo: one that the OOM killer does not choose.
SHELL = (
    "stty -echo -onlcr; dmesg -n 1; echo -1000 > /proc/self/oom_score_adj; echo BED-'READY'; "
    "while IFS= read -r line; do printf '%s\\n' \"$line\"; done | setsid sh; exit"
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What to boot."""

    board: Board
    image: Path
    data: Path
    kernel: Path | None
    """A kernel image with all drivers built in; or Debian's kernel of this name, with an initramfs for its modules."""
    debian: str | None = None
    mem: str = "128M"


class Image(Guest):
    """A guest of which nothing is known but that it asks root to log in."""

    def __enter__(self) -> Image:
        return self

    def login(self) -> float:
        """Come in; returns the seconds from QEMU's start or the last reset to the question. Raises BedError."""
        started = time.monotonic()
        self.expect(rb"login: ", LOGIN_S)
        asked_s = time.monotonic() - started
        self._send("root\n")
        self.expect(rb"[#$] ", ANSWER_S)
        self._send(f"{SHELL}\n")
        self.expect(rb"BED-READY\s", ANSWER_S)
        return asked_s

    def reboot(self) -> float:
        """Have init reboot the machine, with all that is stopped then, and come in again."""
        self._send("reboot\n")
        return self.login()

    def status(self) -> dict[str, Any] | None:
        """What the agent says of itself; None while it does not answer."""
        status, output = self.run("lastgasp-agent status --json 2>/dev/null", ANSWER_S)
        try:
            answer: dict[str, Any] = json.loads(output) if status == 0 else {}
        except ValueError:
            return None
        return answer or None

    def wait_for(self, reached: Callable[[dict[str, Any]], bool], timeout_s: float) -> dict[str, Any]:
        """Ask until an answer of the agent will do. Raises BedError."""
        deadline = time.monotonic() + timeout_s
        while True:
            answer = self.status()
            if answer is not None and reached(answer):
                return answer
            if time.monotonic() > deadline:
                log = self.run("ps | grep -v ' \\[' | tail -15; dmesg | grep -i lastgasp | tail -5")[1]
                raise BedError(f"the agent does not get there in {timeout_s:.0f} s: {answer}\n{log}")
            time.sleep(1)


def arguments(machine: Machine, folder: Path) -> list[str]:
    """QEMU's command line. Raises BedError when what it takes cannot be had."""
    board = machine.board
    command = [require(board.qemu, board.qemu_package), *board.machine, "-m", machine.mem, "-nodefaults"]
    command += ["-display", "none"]
    append = f"console={board.console} loglevel=4 panic=-1 psi=1 cryptomgr.notests"
    if machine.debian:
        kernel, initramfs = _debian(machine, folder)
        command += ["-kernel", str(kernel), "-initrd", str(initramfs)]
    else:
        command += ["-kernel", str(machine.kernel)]
        append += " root=/dev/vda rootfstype=squashfs ro"
    command += ["-append", append]
    # QEMU's virt board gives its memory-mapped slots to the devices from the last to the first.
    for name, image, options in (("data", machine.data, ""), ("root", machine.image, ",readonly=on")):
        path = str(image).replace(",", ",,")
        command += ["-drive", f"if=none,id={name},format=raw,file={path}{options}"]
        command += ["-device", f"{board.disk_device},drive={name},serial={name}"]
    return command


def _debian(machine: Machine, folder: Path) -> tuple[Path, Path]:
    """Debian's kernel, and an initramfs that loads its modules."""
    kernel = KERNELS[machine.debian or ""]
    arch = machine.board.arch
    packages = Archive(working_folder(), kernel.suite, arch.name)
    files = KernelFiles(packages.packages(packages.kernel_packages(arch.kernel_package)))
    tree = userland.skeleton(Archive(working_folder(), USERLAND_SUITE, arch.name), "init-disk")
    tree.file("init", INIT.read_bytes(), 0o755)
    userland.add_modules(tree, files, [*machine.board.disk_modules, *EXT4_MODULES, *MODULES], [])
    initramfs = folder / "initramfs"
    initramfs.write_bytes(tree.cpio())
    return files.image, initramfs


@contextmanager
def booted(machine: Machine, folder: Path) -> Iterator[tuple[Image, float]]:
    """Boot and come in; the guest, and the seconds to its login prompt. QEMU is ended as by a power cut."""
    with (folder / "console").open("wb") as console, Image(arguments(machine, folder), console) as guest:
        yield guest, guest.login()
