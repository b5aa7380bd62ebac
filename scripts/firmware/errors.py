"""What goes wrong while a program is built, in one line for the user."""


class BuildError(Exception):
    """Something the user can act on: a tool that is missing, a tree that lacks Python, a compiler that fails."""


class Unavailable(BuildError):
    """What a build is made of cannot be had here: a tool, a package, a network. Nothing is wrong with the sources."""
