"""The lists of dpkg and opkg: paragraphs on what is installed, and beside them a list of files for each package.

- ``status`` (/var/lib/dpkg, /usr/lib/opkg, /var/lib/opkg): paragraphs of "Field: value", one for each package, its
  last field continued on lines that begin with a space. What is not installed any more may still stand there.
- ``info/PACKAGE.list``: a path on each line, folders too; dpkg calls it "PACKAGE:ARCHITECTURE.list" where several
  architectures may be installed. opkg (since 0.3) puts mode and target behind the path, with tabs.
- ``info/PACKAGE.control`` of opkg: the package's own paragraph, which may name a licence.
- ``status.d/PACKAGE`` and ``status.d/PACKAGE.md5sums`` of distroless images: the same for each package by itself; a
  line of the second is "sum  path" without a leading slash.
"""

from __future__ import annotations

from lastgasp.analysis.ownership.listing import Listing, Package, absolute

FIELDS = (b"package", b"status", b"version", b"source", b"license")


def is_status(head: bytes) -> bool:
    """Does a file that begins so consist of such paragraphs?"""
    return head.startswith(b"Package: ")


def status(raw: bytes) -> Listing:
    """What is installed, by a status file, or by a paragraph without the field Status."""
    found = Listing()
    values: dict[bytes, bytes] = {}
    for line in [*raw.split(b"\n"), b""]:
        if line.strip():
            if line[:1] not in b" \t":
                name, colon, value = line.partition(b":")
                if colon and name.lower() in FIELDS:
                    values[name.lower()] = value.strip()
            continue
        package = values.get(b"package")
        if package and values.get(b"status", b"installed").split()[-1:] == [b"installed"]:
            version = values.get(b"version") or None
            source = values.get(b"source", b"").partition(b" ")[0]
            found.packages[package] = Package(version, values.get(b"license") or None, source or None)
        values = {}
    return found


def list_package(stem: bytes) -> bytes:
    """The package of a list called "libc6:amd64" or "base-files"."""
    return stem.partition(b":")[0]


def file_list(raw: bytes, package: bytes) -> Listing:
    """A list of paths."""
    lines = (line.partition(b"\t")[0].rstrip(b"\r") for line in raw.split(b"\n"))
    return Listing([(absolute(line), package) for line in lines if line[:1] in (b"/", b".") and len(line) > 2])


def sums(raw: bytes, package: bytes) -> Listing:
    """A list of check sums."""
    lines = (line.rstrip(b"\r").split(b"  ", 1) for line in raw.split(b"\n"))
    return Listing([(absolute(words[1]), package) for words in lines if len(words) == 2 and words[1]])
