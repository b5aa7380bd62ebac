"""The agent as one small program that needs nothing of the device but its kernel: no Python, no library, no file.

It is an interpreter of the agent's own, linked statically: of CPython's modules only those that the agent uses, the
agent's modules frozen in as bytecode, and no standard library at all, for the agent imports none of it; three small
modules of ours (``inside/``) are what the interpreter itself asks for at its start. It opens no file at its start and
reads no environment.

``build()`` is all that others call; it is in ``program``, with the steps. ``source`` finds the CPython tree that the
user has, ``library`` makes libpython and zlib, ``frozen`` the table of modules.

What has to be shipped with it: the licence texts of CPython (LICENSE of its tree, PSF-2.0) and zlib (the notice in
zlib.h), and that of the libc. The GNU C library is under LGPL-2.1: whoever gives away a program that is linked with it
statically has to let others link it again with another libc, so the object files (``--keep``) or what builds them has
to be offered with it; musl is under MIT and asks for its notice only.
"""

from firmware.tiny.program import build

__all__ = ["build"]
