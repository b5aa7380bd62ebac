"""Where a device's Python is: its headers and its shared library, of a staging folder or of Debian's packages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bed.errors import BedError
from bed.packages import Archive
from firmware.errors import BuildError, Unavailable
from firmware.targets import Target

DEBIAN_SUITE = "bookworm"
DEBIAN_PYTHON = "3.11"


@dataclass(frozen=True, slots=True)
class Python:
    """The Python that the program will run with."""

    version: str
    """Its minor version, "3.11"."""
    include: Path
    """The folder that has Python.h."""
    includes: tuple[Path, ...]
    """All folders for the compiler, the one with the processor's own pyconfig.h among them."""
    library: Path
    """Its libpython, shared or static."""


def find(root: Path, target: Target, version: str | None = None) -> Python:
    """The Python below ``root``, which is laid out as a device's root is.

    Raises BuildError when there is none, or not this ``version``.
    """
    headers = sorted(root.glob("usr/include/python3.*/Python.h")) or sorted(root.glob("include/python3.*/Python.h"))
    found = {match[1]: path.parent for path in headers if (match := re.search(r"python(3\.\d+)/", str(path)))}
    if not found:
        raise BuildError(f"{root}: no usr/include/python3.*/Python.h; is it the staging folder, with python3 in it?")
    if version is None:
        version = max(found, key=lambda name: int(name.partition(".")[2]))
    if version not in found:
        raise BuildError(f"{root}: has Python {', '.join(found)}, not {version}: give the --python of that version")
    include = found[version]
    usr = include.parents[1]
    return Python(version, include, (include, include.parent), _library(usr, target, version))


def _library(usr: Path, target: Target, version: str) -> Path:
    folders = [usr / "lib" / target.triplet, usr / "lib", usr / "lib64", usr / "lib32"]
    for name in (f"libpython{version}.so", f"libpython{version}.so.1.0", f"libpython{version}.a"):
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
    raise BuildError(f"{usr}/lib: no libpython{version}.so; the device's Python has to be built with --enable-shared")


def debian(cache: Path, target: Target) -> Python:
    """Debian's Python for this processor, out of its packages. Raises Unavailable when they cannot be had."""
    names = [f"libpython{DEBIAN_PYTHON}-dev", f"libpython{DEBIAN_PYTHON}"]
    try:
        folders = Archive(cache, DEBIAN_SUITE, target.debian).packages(names)
    except BedError as error:
        raise Unavailable(str(error)) from None
    include = folders[0] / f"usr/include/python{DEBIAN_PYTHON}"
    library = folders[1] / f"usr/lib/{target.triplet}/libpython{DEBIAN_PYTHON}.so.1.0"
    for path in (include / "Python.h", library):
        if not path.is_file():
            raise BuildError(f"{path}: not in Debian's package")
    return Python(DEBIAN_PYTHON, include, (include, include.parent), library)
