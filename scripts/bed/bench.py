"""From a target to a booted guest: packages, root, disks, QEMU."""

import fcntl
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from . import guest, userland
from .errors import BedError
from .filetree import FileTree
from .flash import FlashBoard
from .guest import SHELL_LINE, Disk, Guest
from .kernel import KernelFiles
from .packages import Archive
from .targets import (
    EXT4_MODULES,
    LIBRARY_PACKAGES,
    NETWORK_DEVICE,
    NETWORK_MODULES,
    PROGRAM_LIBRARIES,
    SHELL_LINE_MODULES,
    USERLAND_SUITE,
    Board,
    Kernel,
)

SIZE = re.compile(r"\d+[KMG]")
COUNTED = "shift=1"
"""An instruction takes 2 ns: about what an emulated guest takes on a host that has nothing else to do."""
HURRIED = "shift=1,sleep=off"
"""The same, and while the guest has nothing to do its clock goes on at once to when it has."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What to boot.

    `mem` and `root` are sizes as QEMU and mke2fs write them (128M). Without `root` the root is the initramfs,
    where every file is memory; with it, an ext4 disk of that size. `data` is a size for a disk that goes when
    the guest goes, or an ext4 image that stays; it is mounted on /data. `iops` limits all disks together.
    `disks` are more images, which stay; nothing mounts them. `chip` is the flash of a FlashBoard: a file of its size,
    which stays; it is mtd0. `files` are copied from host paths to guest paths,
    `programs` are (Debian package, path in it), `modules` are there for modprobe, `append` are more arguments
    for the kernel. With `own_kernel`, a folder with boot/vmlinuz-VERSION, that one is booted in place
    of Debian's. A guest that `may_reset` starts again when it resets, with what is in its RAM. With `counted` its
    clock goes by the instructions that it executes, so that a busy host does not make it miss time; `hurried` it
    also passes over the time in which the guest has nothing to do. `utc` is what the guest's clock begins with
    (2026-11-23T12:00:00). With `ssh_port` the guest has a network card, on which it sees nobody, and that port of
    the loopback interface leads to its port 22. `root_image` is where the root's disk is kept; one that is there
    already is used as it is, as a guest wants it that goes on from a saved state. `apart` leaves the serial line to
    whoever is to have it: see Guest.
    """

    board: Board
    kernel: Kernel
    mem: str = "128M"
    root: str | None = None
    data: str | None = None
    iops: int | None = None
    disks: list[Disk] = field(default_factory=list)
    chip: Path | None = None
    files: list[tuple[Path, str]] = field(default_factory=list)
    programs: list[tuple[str, str]] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    append: str = ""
    own_kernel: Path | None = None
    may_reset: bool = False
    counted: bool = False
    hurried: bool = False
    utc: str | None = None
    ssh_port: int | None = None
    root_image: Path | None = None
    apart: bool = False


def working_folder() -> Path:
    """Return the folder for all that is fetched and made: $LASTGASP_BED, or .bed of the checkout."""
    folder = Path(os.environ.get("LASTGASP_BED") or Path(__file__).parents[2] / ".bed").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep two beds from fetching the same packages at the same time."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def booted(
    setup: Setup,
    console: IO[bytes] | None = None,
    wire: socket.socket | str | None = None,
    state: Path | None = None,
) -> Iterator[Guest]:
    """Boot a guest, wait for its shell, and end it with the block. `console` gets all that it says.

    A guest that is set up `apart` wants a `wire` for its serial line. With `state`, which Monitor.save() wrote for a
    guest of the same setup, the guest is not booted but goes on from there.
    """
    folder = working_folder()
    with tempfile.TemporaryDirectory(prefix="run-", dir=folder) as run:
        with _locked(folder):
            command = _prepare(setup, folder, Path(run))
        if state:
            command += ["-incoming", f"exec:cat '{state}'"]
        with Guest(command, console, wire) as started:
            if state:
                started.go_on()
            else:
                started.boot()
            yield started


def fetch(board: Board, kernel: Kernel, programs: list[tuple[str, str]] | None = None) -> None:
    """Have all packages that guests of this kind want. Raises BedError where they cannot be had."""
    folder = working_folder()
    with _locked(folder):
        archive = Archive(folder, USERLAND_SUITE, board.arch.name)
        userland.root(archive, board.arch)
        for package, _ in programs or ():
            archive.packages(_with_libraries(package))
        _kernel(folder, board, kernel)


def _with_libraries(package: str) -> list[str]:
    return [package, *PROGRAM_LIBRARIES.get(package, ()), *LIBRARY_PACKAGES]


def _kernel(folder: Path, board: Board, kernel: Kernel) -> KernelFiles:
    archive = Archive(folder, kernel.suite, board.arch.name)
    return KernelFiles(archive.packages(archive.kernel_packages(board.arch.kernel_package)))


def _prepare(setup: Setup, folder: Path, run: Path) -> list[str]:
    """Fetch what is missing and write the run's images; return the command line."""
    board = setup.board
    if isinstance(board, FlashBoard) != bool(setup.chip):
        raise BedError("a file for a flash chip is for a board that has one, and that board wants it")
    archive = Archive(folder, USERLAND_SUITE, board.arch.name)
    kernel = KernelFiles([setup.own_kernel]) if setup.own_kernel else _kernel(folder, board, setup.kernel)
    disk_modules = [*board.disk_modules, *EXT4_MODULES]
    root = userland.root(archive, board.arch)
    load = disk_modules if setup.root or setup.data or setup.disks else []
    load = [*load, *(SHELL_LINE_MODULES if setup.apart else ()), *(NETWORK_MODULES if setup.ssh_port else ())]
    if isinstance(board, FlashBoard):
        load = [*load, *board.chip_modules]
    userland.add_modules(root, kernel, load, setup.modules)
    for package, path in setup.programs:
        userland.add_program(root, archive.packages(_with_libraries(package)), board.arch, path)
    for source, path in setup.files:
        root.host(source, path.lstrip("/"))
    disks: list[Disk] = []
    first = root
    if setup.iops and not (setup.root or setup.data or setup.disks):
        raise BedError("a limit of disk operations wants a disk")
    if setup.root:
        if not SIZE.fullmatch(setup.root):
            raise BedError(f"{setup.root}: not a size such as 64M")
        first = userland.skeleton(archive, "init-disk")
        userland.add_modules(first, kernel, disk_modules, [])
        disks.append(Disk(setup.root_image or run / "root.ext4", "root"))
        if not disks[0].image.exists():
            root.ext4(disks[0].image, setup.root)
    if setup.data:
        disks.append(Disk(_data_image(setup.data, run), "data"))
    disks += setup.disks
    for disk in disks:
        if disk.log:
            disk.log.write_bytes(b"")  # QEMU takes a file that is there
    (run / "initramfs").write_bytes(first.cpio())
    options = f"bed.data {setup.append}" if setup.data else setup.append
    if setup.apart:
        options += f" bed.line={SHELL_LINE}"
    command = guest.arguments(board, kernel.image, run / "initramfs", setup.mem, disks, setup.iops, options)
    if isinstance(board, FlashBoard) and setup.chip:
        command += board.arguments(kernel, setup.chip)
    if setup.ssh_port:
        forward = f"hostfwd=tcp:127.0.0.1:{setup.ssh_port}-:22"
        command += ["-netdev", f"user,id=net,restrict=on,{forward}", "-device", f"{NETWORK_DEVICE},netdev=net"]
    if setup.counted or setup.hurried:
        command += ["-icount", HURRIED if setup.hurried else COUNTED]
    if setup.utc:
        command += ["-rtc", f"base={setup.utc}"]
    return command if setup.may_reset else [*command, "-no-reboot"]


def _data_image(data: str, run: Path) -> Path:
    if SIZE.fullmatch(data):
        FileTree().ext4(run / "data.ext4", data)
        return run / "data.ext4"
    if not Path(data).is_file():
        raise BedError(f"{data}: neither a size such as 64M nor an image (mke2fs -t ext4 {data} 64M)")
    return Path(data).absolute()
