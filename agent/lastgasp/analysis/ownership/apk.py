"""apk's data base of what is installed (Alpine, OpenWrt since 24.10): /lib/apk/db/installed.

Paragraphs of "X:value": P is the package, V its version, L its licence, o what it is built from; F begins a folder,
R is a file in it.
"""

from __future__ import annotations

import re

from lastgasp.analysis.ownership.listing import Listing, Package, absolute

LINE = re.compile(rb"[A-Za-z]:[^\n]*\n")


def is_installed(head: bytes) -> bool:
    """Does a file that begins so list packages and their files?"""
    begin = head.partition(b"\n\n")[0] + b"\n"
    return begin.startswith((b"C:", b"P:")) and b"\nV:" in begin and LINE.match(begin) is not None


def installed(raw: bytes) -> Listing:
    """The whole data base."""
    found = Listing()
    values: dict[bytes, bytes] = {}
    paths: list[bytes] = []
    folder = b""
    for line in [*raw.split(b"\n"), b""]:
        kind, colon, value = line.rstrip(b"\r").partition(b":")
        if colon and kind == b"F":
            folder = value
        elif colon and kind == b"R":
            paths.append(absolute(folder + b"/" + value))
        elif colon:
            values.setdefault(kind, value)
        elif not line.strip():
            package = values.get(b"P")
            if package:
                found.packages[package] = Package(values.get(b"V"), values.get(b"L"), values.get(b"o"))
                found.files += [(path, package) for path in paths]
            values, paths, folder = {}, [], b""
    return found
