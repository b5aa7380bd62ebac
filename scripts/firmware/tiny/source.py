"""The CPython sources that the user has: an unpacked tree, or its tarball."""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from firmware.errors import BuildError

KNOWN = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True, slots=True)
class Source:
    """An unpacked tree that nothing is written to."""

    folder: Path
    version: str
    """Its minor version, "3.11"."""


def find(path: Path, unpacked: Path) -> Source:
    """The tree at ``path``; a tarball is unpacked below the folder ``unpacked``.

    Raises BuildError when it is neither, or of a version that is not known here.
    """
    if path.is_dir():
        return _tree(path.resolve())
    try:
        with tarfile.open(path) as archive:
            archive.extractall(unpacked, filter="data")
    except OSError as error:
        raise BuildError(f"{path}: {error.strerror or error}") from None
    except (tarfile.TarError, EOFError):
        raise BuildError(f"{path}: neither a CPython source tree nor its tarball") from None
    trees = [found.parent for found in unpacked.glob("*/configure")]
    if len(trees) != 1:
        raise BuildError(f"{path}: holds no CPython source tree")
    return _tree(trees[0])


def _tree(folder: Path) -> Source:
    try:
        text = (folder / "Include/patchlevel.h").read_text()
    except OSError:
        raise BuildError(f"{folder}: no Include/patchlevel.h; --tiny wants the source tree of CPython") from None
    numbers = dict(re.findall(r"#define PY_(MAJOR|MINOR)_VERSION\s+(\d+)", text))
    version = f"{numbers.get('MAJOR')}.{numbers.get('MINOR')}"
    if version not in KNOWN:
        raise BuildError(f"{folder}: is Python {version}; the agent runs on {', '.join(KNOWN)}")
    return Source(folder, version)
