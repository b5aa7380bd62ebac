"""The password of who logs in on a device: from a file, or from who sits there."""

from __future__ import annotations

import argparse
import getpass
import os
import stat
import sys

from lastgasp.pull import PullError
from lastgasp.report.visible import visible


class Password:
    """Had when a device asks for it, and once, for a console may ask twice. ``batch``: nobody can be asked."""

    def __init__(self, options: argparse.Namespace, batch: bool = False) -> None:
        self.batch = batch
        self._path: str | None = options.password_file
        self._login: str = options.login or ""
        self._known: bytes | None = None

    def __call__(self) -> bytes:
        """Raises PullError, OSError."""
        if self._known is None:
            self._known = self._asked() if self._path is None else _first_line(self._path)
        return self._known

    def _asked(self) -> bytes:
        if self.batch or not sys.stdin.isatty():
            raise PullError(f"the device asks for the password of {self._login}: give it in --password-file")
        return getpass.getpass(f"password of {self._login} on the device: ").encode()


def _first_line(path: str) -> bytes:
    with open(path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISREG(mode) and mode & 0o077:
            sys.stderr.write(f"lastgasp: note: others can read {visible(path)}; chmod 600 it\n")
        return file.readline().rstrip(b"\r\n")
