"""Buildroot's lists: which package installed which file, and of each package its version and licence.

- ``output/build/packages-file-list.txt``: a line "package,./path" for each file and link in target/, put together by
  target-finalize from what every package's build left in its folder (package/pkg-generic.mk, pkg_size_after). The
  lists "-staging" and "-host" look the same. A file that several packages wrote stands there several times.
- ``output/legal-info/manifest.csv``: from ``make legal-info``; columns by their titles.
- ``make show-info``: an object of all packages, as JSON.
- The folder that a package was built in is called after its name and version.
"""

from __future__ import annotations

import csv
import io
import json
import re

from lastgasp.analysis.ownership.listing import Listing, Package, absolute, raw_bytes

HOST = b"host-"  # packages that run where the firmware is built
LINE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9+._-]*,\./[^\n]*")


def is_file_list(head: bytes) -> bool:
    """Does a file that begins so list files?"""
    return LINE.match(head) is not None


def file_list(raw: bytes) -> Listing:
    """packages-file-list.txt; lines of packages for the build machine are left out."""
    files = []
    for line in raw.split(b"\n"):
        if LINE.match(line) and not line.startswith(HOST):
            package, _, path = line.partition(b",")
            files.append((absolute(path.rstrip(b"\r")), package))
    return Listing(files)


def is_manifest(head: bytes) -> bool:
    """Does a file that begins so hold a row for each package?"""
    return head.removeprefix(b"\xef\xbb\xbf").startswith((b'"PACKAGE","VERSION"', b"PACKAGE,VERSION"))


def manifest(raw: bytes) -> Listing:
    """legal-info/manifest.csv. Buildroot writes the fields in quotes and escapes none in them: a licence that has
    quotes loses them."""
    found = Listing()
    rows = csv.reader(io.StringIO(raw.decode("utf-8-sig", "surrogateescape"), newline=""))
    try:
        titles = [title.strip().upper() for title in next(rows, [])]
        name_at, version_at, licence_at = (titles.index(title) for title in ("PACKAGE", "VERSION", "LICENSE"))
        for row in rows:
            if len(row) > max(name_at, version_at, licence_at) and row[name_at]:
                found.packages[raw_bytes(row[name_at])] = Package(_known(row[version_at]), _known(row[licence_at]))
    except (csv.Error, ValueError):  # no such title; a field beyond all measure: what was read until then holds
        pass
    return found


def info(raw: bytes) -> Listing | None:
    """The output of ``make show-info``; None: it is another JSON."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    listing = Listing()
    for key, item in found.items():
        if isinstance(item, dict) and item.get("type") == "target" and "name" in item:
            version, licence = item.get("version"), item.get("licenses")
            listing.packages[raw_bytes(key)] = Package(
                _known(version) if isinstance(version, str) else None,
                _known(licence) if isinstance(licence, str) else None,
            )
    return listing or None


def version_of_folder(folder: bytes, package: bytes) -> bytes | None:
    """ "1.4.2" of the folder "libfoo-1.4.2" that libfoo was built in; None: it is not called so."""
    return folder[len(package) + 1 :] or None if folder.startswith(package + b"-") else None


def _known(text: str) -> bytes | None:
    """Buildroot writes "unknown" for what a package does not tell."""
    text = text.strip()
    return raw_bytes(text) if text and text != "unknown" else None
