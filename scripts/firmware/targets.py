"""The processors that an agent is built for, as data, and what a compiler says it compiles for."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from firmware.errors import BuildError, Unavailable


@dataclass(frozen=True, slots=True)
class Target:
    """A processor and its calling convention."""

    name: str
    bits: int
    machine: int
    """e_machine of its ELF files (elf.h)."""
    macros: tuple[str, ...]
    """What every compiler for it defines."""
    triplet: str
    """Debian's, which is also the name of its folders of libraries."""
    debian: str
    """Debian's name of the architecture."""
    compiler: tuple[str, ...]
    """Debian's compiler for it, on an x86-64 host."""
    package: str
    """What installs that compiler on Debian."""


TARGETS = {
    target.name: target
    for target in (
        Target(
            "armv7", 32, 40, ("__arm__", "__ARM_PCS_VFP"), "arm-linux-gnueabihf", "armhf",
            ("arm-linux-gnueabihf-gcc",), "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
        ),
        Target(
            "aarch64", 64, 183, ("__aarch64__",), "aarch64-linux-gnu", "arm64",
            ("aarch64-linux-gnu-gcc",), "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
        ),
        Target(
            "x86_64", 64, 62, ("__x86_64__",), "x86_64-linux-gnu", "amd64",
            ("gcc",), "gcc libc6-dev",
        ),
        Target(
            "i386", 32, 3, ("__i386__",), "i386-linux-gnu", "i386",
            ("i686-linux-gnu-gcc",), "gcc-i686-linux-gnu libc6-dev-i386-cross",
        ),
    )
}  # fmt: skip


def macros(compiler: list[str]) -> dict[str, str]:
    """What the compiler defines by itself. Raises Unavailable without it, BuildError when it does not work."""
    command = [*compiler, "-dM", "-E", "-x", "c", "/dev/null"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Unavailable(f"{compiler[0]}: {error.strerror}") from None
    if done.returncode:
        raise BuildError(f"{' '.join(compiler)} does not work: {first_line(done.stderr)}")
    words = (line.split(None, 2) for line in done.stdout.splitlines())
    return {parts[1]: parts[2] if len(parts) > 2 else "" for parts in words}


def target_of(compiler: list[str], wanted: str | None) -> Target:
    """What the compiler compiles for. Raises BuildError when that is not what is ``wanted``, or not known here."""
    defined = macros(compiler)
    found = [target for target in TARGETS.values() if all(name in defined for name in target.macros)]
    if defined.get("__BYTE_ORDER__") == "__ORDER_BIG_ENDIAN__":
        raise BuildError(
            f"{compiler[0]} is for big-endian processors, which Nuitka's constants cannot be made for here"
        )
    if not found:
        soft = ", with the soft-float calling convention" if "__arm__" in defined else ""
        raise BuildError(f"{compiler[0]} is for no processor of {', '.join(TARGETS)}{soft}")
    if wanted and wanted != found[0].name:
        raise BuildError(f"{' '.join(compiler)} compiles for {found[0].name}, not for {wanted}")
    return found[0]


def first_line(text: str) -> str:
    """The first line that says something is an error, else the first one."""
    lines = text.strip().splitlines() or ["it says nothing"]
    return next((line for line in lines if "error" in line), lines[0])[:300]
