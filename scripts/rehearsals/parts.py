"""What is built for a guest: the agent's bytecode, a leaker, disks. And what is read back from a disk."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bed import elf
from bed.errors import BedError, require
from bed.filetree import FileTree
from bed.targets import PYTHON, Arch
from bed.tools import run

SCRIPTS = Path(__file__).resolve().parents[1]
INSIDE = Path(__file__).parent / "inside"
LEAKER_SOURCE = INSIDE / "leakd.c"
AGENT = "/usr/bin/lastgasp-agent"
TREE = "opt/agent"
WRAPPER = f'#!/bin/sh\nexec python3 -I -S -E /{TREE}/lastgasp-agent.pyc "$@"\n'  # as an integrator installs bytecode
LIBPYTHON = f"libpython{PYTHON}"


@contextmanager
def folder_of(keep: Path | None) -> Iterator[Path]:
    """A folder for what is made."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="lastgasp-rehearsal-") as folder:
            yield Path(folder)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()


def build_agent(folder: Path) -> Path:
    """Return the bytecode tree for the guests' Python. Raises BedError when there is no such Python here."""
    wanted = tuple(map(int, PYTHON.split(".")))
    python = sys.executable if sys.version_info[:2] == wanted else shutil.which(f"python{PYTHON}")
    if python is None:
        raise BedError(f"the guests have Python {PYTHON}, and bytecode for it takes the same here: python{PYTHON}")
    tree = folder / "agent"
    run([sys.executable, str(SCRIPTS / "build-bytecode"), str(tree), "--python", python])
    return tree


def agent_files(agent: Path, folder: Path) -> list[tuple[Path, str]]:
    """What a guest needs for AGENT: a bytecode tree and the script that starts it, or a program. Makes the script."""
    if agent.is_file():
        return [(agent, AGENT)]
    wrapper = folder / "lastgasp-agent"
    wrapper.write_text(WRAPPER)
    wrapper.chmod(0o755)
    return [(agent, TREE), (wrapper, AGENT)]


def agent_libraries(agent: Path, arch: Arch) -> list[tuple[str, str]]:
    """The package and path of the shared libpython, where the agent is a program that needs it."""
    if not agent.is_file() or not any(name.startswith(LIBPYTHON) for name in elf.needed(agent.read_bytes())):
        return []
    return [(LIBPYTHON, f"usr/lib/{arch.triplet}/{LIBPYTHON}.so.1.0")]


def build_leaker(folder: Path, arch: Arch) -> Path:
    """Return a static program of this architecture that leaks. Raises BedError without a compiler."""
    return build_program(folder, arch, LEAKER_SOURCE)


def build_program(folder: Path, arch: Arch, source: Path) -> Path:
    """Return a static program for this architecture out of one C file. Raises BedError without a compiler."""
    compiler = require(f"{arch.triplet}-gcc", f"gcc-{arch.triplet} libc6-dev-{arch.name}-cross")
    target = folder / f"{source.stem}-{arch.name}"
    if not target.exists():
        run([compiler, "-O1", "-static", "-o", str(target), str(source)])
    return target


def fresh_disk(image: Path, size: str) -> Path:
    """Make an empty ext4 image."""
    FileTree().ext4(image, size)
    return image


def check_disk(image: Path) -> tuple[int, str]:
    """Let e2fsck replay the journal and mend what it can; its exit status (4 and above is bad) and words."""
    tool = require("e2fsck", "e2fsprogs")
    done = subprocess.run([tool, "-f", "-p", str(image)], capture_output=True, text=True, check=False)
    lines = [line.partition(": ")[2] or line for line in done.stdout.splitlines()]
    return done.returncode, "; ".join(lines[:-1]) or "clean"  # the last line tells how full it is


def take_file(image: Path, path: str, target: Path) -> Path:
    """Copy a file out of an ext4 image. Raises BedError when it is not there."""
    target.unlink(missing_ok=True)
    run([require("debugfs", "e2fsprogs"), "-R", f"dump {path} {target}", str(image)])
    if not target.exists():
        raise BedError(f"{image}: has no {path}")
    return target
