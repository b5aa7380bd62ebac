"""What the tests of the parsers share: the captured trees, and what they were captured from in one place."""

from __future__ import annotations

import trees

ARMHF = trees.load("armhf-6.1")
ARM64 = trees.load("arm64-6.1")
X86 = trees.load("x86_64-6.18")
TREES = {"armhf-6.1": ARMHF, "arm64-6.1": ARM64, "x86_64-6.18": X86}

# What a counter that fell to -1 looks like where the kernel prints it as an unsigned long of 64 bits.
MINUS_ONE = b"18446744073709551615"
# What no kernel prints where a number belongs; int() would take some of them and choke on others.
NO_NUMBERS = (
    b"",
    b"-",
    b"-1",
    b"+1",
    b"1_000",
    b"0x10",
    b"1.5",
    b"1e3",
    b"\xd9\xa3",  # an Arabic digit in UTF-8
    b"\xb2",  # a superscript two in Latin-1
    b"1\0",
    b"9223372036854775807",  # fits 64 bits, but a difference would not
    b"%d" % 2**70,
    b"7" * 5000,  # more digits than int() converts
)


def lines(path: str, tree: trees.Tree) -> list[bytes]:
    """Return the lines of a captured file, as ``files.lines`` yields them."""
    return tree.files[path].splitlines()


def of(tree: trees.Tree, comm: bytes, name: str) -> bytes:
    """Return a file of the process that is called ``comm``."""
    return tree.files[f"proc/{tree.pid(comm)}/{name}"]
