"""The architectures, boards and kernels that the bed knows, as data.

A new kernel is a line in KERNELS, a new board one in BOARDS; no other module names one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arch:
    """A Debian architecture."""

    name: str
    triplet: str
    loader: str
    """The file name of the dynamic loader, in the root's lib/."""
    kernel_package: str
    """The package that depends on the suite's newest kernel for this architecture."""


@dataclass(frozen=True, slots=True)
class Board:
    """A machine that QEMU emulates."""

    arch: Arch
    qemu: str
    qemu_package: str
    machine: tuple[str, ...]
    """QEMU's arguments for the machine and its processor."""
    console: str
    """The kernel's name for the serial line that the guest's shell is on."""
    disk_device: str
    disk_modules: tuple[str, ...]
    """Modules that the disk needs where they are not built in, in any order."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel generation: whatever version the Debian suite has of it."""

    name: str
    suite: str


ARMHF = Arch("armhf", "arm-linux-gnueabihf", "ld-linux-armhf.so.3", "linux-image-armmp")
ARM64 = Arch("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1", "linux-image-arm64")

EXT4_MODULES = ("crc32c_generic", "ext4")
VIRTIO = ("virtio_mmio", "virtio_pci", "virtio_blk")

BOARDS = {
    "armhf": Board(
        arch=ARMHF,
        qemu="qemu-system-arm",
        qemu_package="qemu-system-arm",
        machine=("-M", "virt", "-cpu", "cortex-a7"),
        console="ttyAMA0",
        disk_device="virtio-blk-device",
        disk_modules=VIRTIO,
    ),
    "arm64": Board(
        arch=ARM64,
        qemu="qemu-system-aarch64",
        qemu_package="qemu-system-arm",
        machine=("-M", "virt", "-cpu", "cortex-a53"),
        console="ttyAMA0",
        disk_device="virtio-blk-device",
        disk_modules=VIRTIO,
    ),
}

KERNELS = {
    kernel.name: kernel
    for kernel in (
        Kernel("5.10", "bullseye"),
        Kernel("6.1", "bookworm"),
        Kernel("6.12", "trixie"),
        Kernel("7.2", "sid"),
    )
}
DEFAULT_KERNEL = "6.1"

USERLAND_SUITE = "bookworm"
PYTHON = "3.11"
PYTHON_PACKAGES = (f"python{PYTHON}-minimal", f"libpython{PYTHON}-minimal", f"libpython{PYTHON}-stdlib")
LIBRARY_PACKAGES = ("libc6", "libgcc-s1", "zlib1g", "libexpat1", "libffi8")
PROGRAM_LIBRARIES = {
    "dropbear-bin": ("libcrypt1", "libtomcrypt1", "libtommath1", "libgmp10"),
    "bash": ("libtinfo6",),
    "atop": ("libncursesw6", "libtinfo6"),
}
"""Packages of libraries that only these programs need."""

NETWORK_DEVICE = "virtio-net-device"
NETWORK_MODULES = ("virtio_mmio", "virtio_net")
SHELL_LINE_MODULES = ("virtio_mmio", "virtio_console")
