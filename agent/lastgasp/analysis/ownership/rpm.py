"""rpm's lists: the headers in its data base, and the text that it prints of them.

A header (lib/header.c) is two big-endian numbers, how many entries and how many bytes of data, then the entries of
four numbers each (tag, type, offset into the data, count), then the data: text ends with a zero byte, a number has
four bytes. File names are in three tags: the folders, the names, and for each name which folder.

The text has to repeat the package for each of its files, which "=" does; without it rpm refuses:
    rpm -qa --qf '[%{=NAME} %{=VERSION}-%{=RELEASE} %{FILENAMES}\\n]'
"""

from __future__ import annotations

import re
import struct

from lastgasp.analysis.ownership.listing import Listing, Package, absolute

NAME, VERSION, RELEASE, LICENCE, SOURCE = 1000, 1001, 1002, 1014, 1044
DIR_INDEXES, BASE_NAMES, DIR_NAMES = 1116, 1117, 1118
TEXTS = (NAME, VERSION, RELEASE, LICENCE, SOURCE, BASE_NAMES, DIR_NAMES)
INT32, STRING, STRING_ARRAY, I18N_STRING = 4, 6, 8, 9
MOST = 1 << 20  # entries, or values of one
LINE = re.compile(rb"(\S+) (\S+-\S+) (/[^\n]*)")
SOURCE_FILE = re.compile(rb"(.+)-[^-]+-[^-]+\.(?:no)?src\.rpm")


def is_text(head: bytes) -> bool:
    """Does a file that begins so hold what rpm -qa printed?"""
    return LINE.match(head) is not None


def text(raw: bytes) -> Listing:
    """A line for each file: package, version and release, path. Other lines (packages without files) are left out."""
    found = Listing()
    for line in raw.split(b"\n"):
        match = LINE.fullmatch(line.rstrip(b"\r"))
        if match is not None:
            package, version, path = match.groups()
            found.files.append((path, package))
            found.packages[package] = Package(version)
    return found


def header(blob: bytes) -> Listing:
    """One package of the data base; nothing, where that is damaged."""
    try:
        return _header(blob)
    except (struct.error, IndexError, ValueError):
        return Listing()


def _header(blob: bytes) -> Listing:
    entries, size = struct.unpack_from(">II", blob)
    data = 8 + 16 * entries
    if entries > MOST or data + size > len(blob):
        raise ValueError
    found: dict[int, list[bytes]] = {}
    indexes: tuple[int, ...] = ()
    for at in range(8, data, 16):
        tag, kind, offset, count = struct.unpack_from(">IIII", blob, at)
        if count > MOST or offset > size:
            raise ValueError
        if tag == DIR_INDEXES and kind == INT32:
            indexes = struct.unpack_from(f">{count}I", blob, data + offset)
        elif tag in TEXTS and kind in (STRING, STRING_ARRAY, I18N_STRING):
            found[tag] = _texts(blob, data + offset, data + size, count)
    name = found[NAME][0] if NAME in found else b""
    if not name:
        raise ValueError
    folders, names = found.get(DIR_NAMES, []), found.get(BASE_NAMES, [])
    files = [(absolute(folders[index] + base), name) for index, base in zip(indexes, names, strict=True)]
    version = b"-".join(found[tag][0] for tag in (VERSION, RELEASE) if tag in found)
    licence = found[LICENCE][0] if LICENCE in found else None
    source = SOURCE_FILE.fullmatch(found[SOURCE][0]) if SOURCE in found else None
    return Listing(files, {name: Package(version or None, licence, source[1] if source else None)})


def _texts(blob: bytes, begin: int, end: int, count: int) -> list[bytes]:
    found = []
    for _ in range(count):
        stop = blob.index(b"\0", begin, end)
        found.append(blob[begin:stop])
        begin = stop + 1
    return found
