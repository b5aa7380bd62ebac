"""Lists of packages, found and read: in a file whatever its name, in and beside a folder where tools put them.

What a file is, its content says. A data base is copied before it is opened, so that nothing is written beside it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from lastgasp.analysis.ownership import apk, buildroot, control, rpm, yocto
from lastgasp.analysis.ownership.listing import Listing, Package

HEAD = 4096  # bytes that tell what a file is
LIMIT = 1 << 28  # bytes; no list is that long
SQLITE = b"SQLite format 3\0"
BERKELEY = (b"\x61\x15\x06\x00", b"\x00\x06\x15\x61")  # magic of its hash tables, at 12, in both byte orders
NDB = b"RpmP"
RPM_TEXT = "rpm --root DIR -qa --qf '[%{=NAME} %{=VERSION}-%{=RELEASE} %{FILENAMES}\\n]' > rpms.txt"
KINDS = "Buildroot's packages-file-list.txt or manifest.csv, Yocto's pkgdata or a manifest, opkg, dpkg, rpm, apk"
DPKG = ("var/lib/dpkg",)
OPKG = ("usr/lib/opkg", "var/lib/opkg", "opt/lib/opkg")
RPM = ("var/lib/rpm", "usr/lib/sysimage/rpm")
RPM_OLD = ("Packages", "Packages.db")
APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
LICENCES = "usr/share/common-licenses/license.manifest"  # Yocto's COPY_LIC_MANIFEST
BUILD_LISTS = ("packages-file-list.txt", "packages-file-list-staging.txt")
ABOVE = 4  # folders above a sysroot that may be Buildroot's output: staging is a link to host/TUPLE/sysroot

Found = list[tuple[str, Listing]]


class OwnershipError(Exception):
    """A path that was named holds no list of packages that can be read; str() is the line to show."""


def in_path(path: str) -> Found:
    """The lists in a file or a folder, each with its path. Raises OSError, OwnershipError."""
    if os.path.isdir(path):
        found = _in_folder(path)
        if not found:
            raise OwnershipError(f"{path}: no list of packages in this folder; it takes {KINDS}")
        return found
    return _in_file(path)


def of_sysroot(path: str) -> Found:
    """The lists in the device's file system, or in the build that it belongs to. Raises OSError, OwnershipError."""
    if not os.path.isdir(path):
        os.stat(path)
        raise OwnershipError(f"{path}: not a folder; --sysroot takes the root of the device's files")
    for start in (os.path.abspath(path), os.path.realpath(path)):
        for above in [start, *map(str, Path(start).parents)][: ABOVE + 1]:
            found = _buildroot(above)
            if found:
                return found
    return _in_folder(path)


def _in_file(path: str) -> Found:
    head, raw = _read(path)
    if head.startswith(SQLITE):
        return [(path, _rpm_data_base(path))]
    if head[12:16] in BERKELEY or head.startswith(NDB):
        raise OwnershipError(f"{path}: an rpm data base that only rpm can read; give its text: {RPM_TEXT}")
    found = _known(path, head, raw)
    if not any(listing for _, listing in found):
        raise OwnershipError(f"{path}: {_nothing(head)}; it takes {KINDS}")
    return found


def _known(path: str, head: bytes, raw: bytes) -> Found:
    """By its content."""
    if buildroot.is_file_list(head):
        listing = buildroot.file_list(raw)
        if not listing and buildroot.HOST in head:
            raise OwnershipError(f"{path}: lists what runs on the build machine; the device's is {BUILD_LISTS[0]}")
        return _with_versions(path, listing)
    if buildroot.is_manifest(head):
        return [(path, buildroot.manifest(raw))]
    if head.lstrip()[:1] == b"{":
        return [(path, buildroot.info(raw) or Listing())]
    if yocto.is_licence_manifest(head):
        return [(path, yocto.licence_manifest(raw))]
    if control.is_status(head):
        return [(path, _beside_status(path, raw))]
    if apk.is_installed(head):
        return [(path, apk.installed(raw))]
    if yocto.is_package_data(head):
        return [(path, yocto.package_data(raw))]
    if rpm.is_text(head):
        return [(path, rpm.text(raw))]
    if yocto.is_image_manifest(head):
        return [(path, yocto.image_manifest(raw))]
    return []


def _nothing(head: bytes) -> str:
    if not head.strip():
        return "empty, no list of packages"
    return "a recording, no list of packages" if head.startswith(b"lastgasp") else "no list of packages"


def _in_folder(path: str) -> Found:
    """All that is there: a root file system with several data bases has several."""
    found = _buildroot(path)
    runtime = _folder(path, "runtime")
    if runtime is not None:
        found.append((path, _package_data(runtime)))
    elif _first_is(path, yocto.is_package_data):
        found.append((path, _package_data(path)))
    for folder in (path, *(os.path.join(path, place) for place in DPKG + OPKG)):
        status = os.path.join(folder, "status")
        if os.path.isfile(status):
            found.append((status, _beside_status(status, _read(status)[1])))
        elif _folder(folder, "status.d") is not None:
            found.append((os.path.join(folder, "status.d"), _distroless(os.path.join(folder, "status.d"))))
    for folder in (path, *(os.path.join(path, place) for place in RPM)):
        found += _rpm_folder(folder)
    for place in (*APK, LICENCES):
        file = os.path.join(path, place)
        if os.path.isfile(file):
            found += _in_file(file)
    return [(source, listing) for source, listing in found if listing]


def _buildroot(output: str) -> Found:
    """Of an output folder of Buildroot."""
    for name in BUILD_LISTS:
        path = os.path.join(output, "build", name)
        if os.path.isfile(path):
            return _with_versions(path, buildroot.file_list(_read(path)[1]))
    return []


def _with_versions(path: str, listing: Listing) -> Found:
    """Buildroot's list of files, with the versions that stand beside it."""
    build = os.path.dirname(os.path.abspath(path))
    found: Found = [(path, listing)]
    for manifest in (os.path.join(build, "..", "legal-info", "manifest.csv"), os.path.join(build, "manifest.csv")):
        if os.path.isfile(manifest):
            found.append((os.path.normpath(manifest), buildroot.manifest(_read(manifest)[1])))
            break
    versions = Listing()
    for file in Path(build).glob("*/.files-list.txt"):
        with file.open("rb") as lines:
            package = lines.readline(HEAD).partition(b",")[0]
        version = buildroot.version_of_folder(os.fsencode(file.parent.name), package)
        if package and version is not None:
            versions.packages[package] = Package(version)
    listing.add(versions)
    return found


def _package_data(runtime: str) -> Listing:
    """Yocto's files, one for each package."""
    found = Listing()
    for file in _files(runtime):
        if not file.name.endswith(".packaged"):
            head, raw = _read(file.path)
            if yocto.is_package_data(head):
                found.add(yocto.package_data(raw))
    return found


def _beside_status(path: str, raw: bytes) -> Listing:
    """dpkg's or opkg's status, and the lists of files that belong to it."""
    found = control.status(raw)
    info = _folder(os.path.dirname(os.path.abspath(path)), "info")
    for file in _files(info) if info is not None else ():
        stem, dot, kind = file.name.rpartition(".")
        package = control.list_package(os.fsencode(stem))
        if dot and kind == "list" and package in found.packages:
            found.add(control.file_list(_read(file.path)[1], package))
        elif dot and kind == "control" and package in found.packages:
            found.add(control.status(_read(file.path)[1]))
    return found


def _distroless(folder: str) -> Listing:
    found = Listing()
    sums = {}
    for file in _files(folder):
        raw = _read(file.path)[1]
        if file.name.endswith(".md5sums"):
            sums[os.fsencode(file.name.removesuffix(".md5sums"))] = raw
        else:
            paragraph = control.status(raw)
            found.add(paragraph)
    for package in found.packages:
        found.files += control.sums(sums.get(package, b""), package).files
    return found


def _rpm_folder(folder: str) -> Found:
    path = os.path.join(folder, "rpmdb.sqlite")
    if os.path.isfile(path):
        return [(path, _rpm_data_base(path))]
    for name in RPM_OLD:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return _in_file(path)
    return []


def _rpm_data_base(path: str) -> Listing:
    try:
        import sqlite3
    except ImportError:
        raise OwnershipError(f"{path}: this Python has no sqlite3; give rpm's text: {RPM_TEXT}") from None
    found = Listing()
    with tempfile.TemporaryDirectory(prefix="lastgasp-") as folder:
        copy = os.path.join(folder, "rpmdb.sqlite")
        for end in ("", "-wal"):
            if os.path.exists(path + end):
                shutil.copyfile(path + end, copy + end)
        try:
            connection = sqlite3.connect(copy)
            try:
                for (blob,) in connection.execute("SELECT blob FROM Packages ORDER BY hnum"):
                    if isinstance(blob, bytes):
                        found.add(rpm.header(blob))
            finally:
                connection.close()
        except (sqlite3.Error, UnicodeDecodeError):  # the latter where SQLite's message is no text
            raise OwnershipError(f"{path}: no data base of rpm, or a damaged one") from None
    if not found:
        raise OwnershipError(f"{path}: an rpm data base without packages")
    return found


def _read(path: str) -> tuple[bytes, bytes]:
    """Its beginning and all of it."""
    with open(path, "rb") as file:
        raw = file.read(LIMIT + 1)
    if len(raw) > LIMIT:
        raise OwnershipError(f"{path}: more than {LIMIT >> 20} MiB; no list of packages is that long")
    return raw[:HEAD], raw


def _folder(path: str, name: str) -> str | None:
    folder = os.path.join(path, name)
    return folder if os.path.isdir(folder) else None


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    yield from sorted((one for one in os.scandir(folder) if os.path.isfile(one.path)), key=lambda one: one.name)


def _first_is(folder: str, kind: Callable[[bytes], bool]) -> bool:
    """Is the first file in a folder of that kind?"""
    for file in _files(folder):
        with open(file.path, "rb") as opened:
            return kind(opened.read(HEAD))
    return False
