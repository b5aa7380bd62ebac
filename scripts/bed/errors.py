"""What goes wrong in the bed, in one line for the user."""

import shutil


class BedError(Exception):
    """Something the user can act on: a tool that is missing, a package, a guest that does not answer."""


class Unavailable(BedError):
    """What a guest is made of cannot be had here: a tool, a mirror, a network. Nothing is wrong with the bed."""


def require(tool: str, package: str) -> str:
    """Return the path of a program, or raise Unavailable that names the Debian package that has it."""
    path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
    if path is None:
        raise Unavailable(f"{tool} is not installed; on Debian: apt-get install {package}")
    return path
