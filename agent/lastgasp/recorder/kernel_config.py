"""/proc/config.gz (CONFIG_IKCONFIG_PROC, kernel/configs.c): what the kernel was built with. For ``selftest`` only."""

from __future__ import annotations

import zlib

from lastgasp.proc import files

LIMIT = 8 << 20  # of either form; a distribution's is 280 kB


def read(root: bytes = b"/") -> dict[str, str] | None:
    """The options that are set, as ``{"CONFIG_PSI": "y"}``; None where the kernel does not tell."""
    packed = files.read_all(root + b"proc/config.gz", LIMIT)
    if not packed:
        return None
    try:
        text = zlib.decompressobj(31).decompress(packed, LIMIT)
    except zlib.error:
        return None
    return parse(text)


def parse(text: bytes) -> dict[str, str]:
    """Of a .config the lines ``CONFIG_NAME=value``; what is not set stands in comments."""
    found = {}
    for line in text.decode("ascii", "replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.startswith("CONFIG_"):
            found[name] = value
    return found


def names(hint: str) -> list[str]:
    """The options that a text speaks of, in its order."""
    return [word.rstrip(",;.") for word in hint.split() if word.startswith("CONFIG_")]


def here(hint: str, built: dict[str, str] | None) -> str:
    """How this kernel has the options that a text speaks of, empty if it does not tell."""
    if built is None or not names(hint):
        return ""
    return "; here " + ", ".join(f"{name}={built[name]}" if name in built else f"no {name}" for name in names(hint))
