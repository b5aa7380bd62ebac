"""--sysroot and --packages: where the lists are that say which package a file came in."""

from __future__ import annotations

import argparse
import os

from lastgasp.analysis.ownership.listing import join
from lastgasp.analysis.ownership.owner import Owners
from lastgasp.cli.package_lists import Found, OwnershipError, in_path, of_sysroot

DEEPEST = 64  # folders in one another that are looked at for links


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare both."""
    parser.add_argument(
        "--sysroot",
        action="append",
        default=[],
        metavar="DIR",
        help="the device's files (Buildroot's output/staging or output/target, a root file system): name the package"
        " and version that a file came in, by the lists found in it or beside it",
    )
    parser.add_argument(
        "--packages",
        action="extend",
        nargs="+",
        default=[],
        metavar="FILE",
        help="lists of packages: Buildroot's packages-file-list.txt, Yocto's pkgdata folder, of opkg, dpkg, rpm or apk"
        " (behind the recordings, for it takes all names that follow)",
    )


def owners(options: argparse.Namespace) -> Owners | None:
    """What the lists say; None: no option names any. Raises OSError and OwnershipError.

    A list that was named goes before one that was found.
    """
    found: Found = []
    for path in options.packages:
        found += in_path(path)
    for path in options.sysroot:
        found += of_sysroot(path)
        if not found:
            raise OwnershipError(f"{path}: no list of packages in it or beside it; name one with --packages")
    if found and not any(listing.files for _, listing in found):
        raise OwnershipError(f"{found[0][0]}: names packages but none of their files; name a list of these as well")
    return join(found, _links(options.sysroot, found)) if found else None


def _links(sysroots: list[str], found: Found) -> dict[bytes, bytes]:
    """Folders of the lists that are symbolic links in a sysroot, or lie below one: where they really are."""
    folders = {path.rpartition(b"/")[0] for _, listing in found for path, _ in listing.files} if sysroots else set()
    links: dict[bytes, bytes] = {}
    for root in map(os.fsencode, sysroots):
        known = {b"": b""}
        for folder in folders:
            real = _real(root, folder, known)
            if real != folder:
                links.setdefault(folder, real)
    return links


def _real(root: bytes, folder: bytes, known: dict[bytes, bytes]) -> bytes:
    """Where a folder is once all links are followed, within ``root``; as it is, where they lead in circles."""
    if folder in known or folder.count(b"/") > DEEPEST or b"\0" in folder:
        return known.get(folder, folder)
    known[folder] = folder
    above, _, name = folder.rpartition(b"/")
    path = _real(root, above, known) + b"/" + name
    try:
        target = os.readlink(root + path)
    except OSError:
        pass
    else:
        path = _real(root, os.path.normpath(os.path.join(os.path.dirname(path), target)).rstrip(b"/"), known)
    known[folder] = path
    return path
