"""Yocto's lists (OpenEmbedded-Core): what each package holds, and what an image was made of.

- ``tmp/pkgdata/MACHINE/runtime/PACKAGE`` (meta/lib/oe/packagedata.py, emit_pkgdata): lines "VARIABLE: value" and
  "VARIABLE:PACKAGE: value" (before 3.4 "VARIABLE_PACKAGE: value"), the values escaped as Python escapes a string.
  FILES_INFO is JSON: path and size of every file. PKG is what the package is called in the end (libfoo → libfoo1).
- ``license.manifest`` (license_image.bbclass): paragraphs with PACKAGE NAME, PACKAGE VERSION, RECIPE NAME, LICENSE.
- ``IMAGE.manifest`` (meta/lib/oe/utils.py, format_pkg_list): lines "package architecture version", versions with
  their revision.
"""

from __future__ import annotations

import json
import re
import sys

from lastgasp.analysis.ownership.listing import Listing, Package, absolute, raw_bytes

PACKAGE_DATA = re.compile(rb"(?:PN|PKGV|PV|PKG|LICENSE|FILES_INFO)(?:[:_][^\s:]+)?:\s")
VARIABLE = re.compile(rb"([A-Z_]+?)(?:[:_]([a-z0-9][^\s:]*))?:\s+(.*)")
ESCAPE = re.compile(r"\\(?:(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})|(.))")
ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'"}
IMAGE_LINE = re.compile(rb"[a-z0-9][a-z0-9+.-]* [A-Za-z0-9_-]+ [^\s/]\S*")


def is_package_data(head: bytes) -> bool:
    """Does a file that begins so tell of one package?"""
    return PACKAGE_DATA.match(head) is not None


def package_data(raw: bytes) -> Listing:
    """A file of pkgdata's runtime folder."""
    values: dict[bytes, bytes] = {}
    package = b""
    for line in raw.split(b"\n"):
        match = VARIABLE.fullmatch(line)
        if match is not None:
            variable, of, value = match.groups()
            values.setdefault(variable, _plain(value))
            package = of or package
    package = values.get(b"PKG") or package
    if not package:
        return Listing()
    version = values.get(b"PKGV") or values.get(b"PV")
    found = Package(version, values.get(b"LICENSE") or None, values.get(b"PN") or None)
    try:
        files = json.loads(values.get(b"FILES_INFO", b"{}"))
    except (ValueError, RecursionError):
        files = {}
    paths = list(files) if isinstance(files, dict) else []
    return Listing([(absolute(raw_bytes(path)), package) for path in paths], {package: found})


def is_licence_manifest(head: bytes) -> bool:
    """Does a file that begins so have a paragraph for each package?"""
    return head.startswith(b"PACKAGE NAME:")


def licence_manifest(raw: bytes) -> Listing:
    """license.manifest of an image."""
    found = Listing()
    for paragraph in raw.replace(b"\r", b"").split(b"\n\n"):
        values = dict(line.split(b": ", 1) for line in paragraph.split(b"\n") if b": " in line)
        name = values.get(b"PACKAGE NAME")
        if name:
            found.packages[name] = Package(
                values.get(b"PACKAGE VERSION"), values.get(b"LICENSE"), values.get(b"RECIPE NAME")
            )
    return found


def is_image_manifest(head: bytes) -> bool:
    """Are all lines of a file that begins so a package, an architecture and a version?"""
    lines = head.split(b"\n")[:20]
    whole = lines[:-1] if len(lines) > 1 else lines
    return all(IMAGE_LINE.fullmatch(line.rstrip(b"\r")) for line in whole)


def image_manifest(raw: bytes) -> Listing:
    """IMAGE.manifest: what is in an image. Its versions have a revision behind them ("1.4.2-r0"), which is left out."""
    found = Listing()
    for line in raw.split(b"\n"):
        if IMAGE_LINE.fullmatch(line.rstrip(b"\r")):
            name, _, version = line.split()
            found.packages[name] = Package(re.sub(rb"-r[0-9.]+$", b"", version))
    return found


def _plain(value: bytes) -> bytes:
    """Without Python's escapes."""
    if b"\\" not in value:
        return value.strip()
    return raw_bytes(ESCAPE.sub(_escaped, value.decode("utf-8", "surrogateescape"))).strip()


def _escaped(match: re.Match[str]) -> str:
    code, other = match.groups()
    return chr(min(int(code[1:], 16), sys.maxunicode)) if code else ESCAPED.get(other, match[0])
