"""Where an export goes: a file that is there as a whole or not at all, and never instead of another one unasked."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ExportError(Exception):
    """It cannot be exported so; str() is the line to show."""


@contextmanager
def new_file(path: str, force: bool) -> Iterator[str]:
    """A path beside ``path`` to write to, moved there in the end. Raises ExportError, OSError."""
    if os.path.isdir(path):
        raise ExportError(f"{path}: is a folder; name a file in it")
    if os.path.lexists(path) and not os.path.isfile(path):  # /dev/stdout, a pipe: nothing to replace
        yield path
        return
    if os.path.lexists(path) and not force:
        raise ExportError(f"{path}: is there already; name another file, or say --force to replace it")
    with _beside(path) as folder:
        made = os.path.join(folder, "export")
        yield made
        os.replace(made, path)


@contextmanager
def new_folder(path: str, force: bool) -> Iterator[str]:
    """A folder to write files into, which are moved to the folder ``path`` in the end. Raises ExportError, OSError."""
    if os.path.lexists(path) and not os.path.isdir(path):
        raise ExportError(f"{path}: is there and no folder; name a folder, or one table with --table")
    if os.path.isdir(path) and os.listdir(path) and not force:
        raise ExportError(f"{path}: is not empty; name another folder, or say --force to replace its tables")
    with _beside(path) as folder:
        yield folder
        os.makedirs(path, exist_ok=True)
        for made in sorted(os.listdir(folder)):
            os.replace(os.path.join(folder, made), os.path.join(path, made))


@contextmanager
def _beside(path: str) -> Iterator[str]:
    """A temporary folder on the file system of ``path``."""
    parent = Path(path).parent
    try:
        folder = tempfile.mkdtemp(prefix=".lastgasp-export-", dir=parent.absolute())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(parent)) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
