"""What an allocation was allowed to do, out of the bare number that kernels before 4.6 print: ``gfp_mask=0x201da``.

The bits mean something else in each era (include/linux/gfp.h of 3.2, 3.5, 3.10, 4.0 and 4.4 were compared), so the
kernel's version decides; where the log does not tell it, the bits that only the newer era uses do. Later kernels
print the names themselves, and move the bits again: for these, and for a number without a sense, the answer is None.
"""

from __future__ import annotations

import re

VERSION = re.compile(rb"(\d{1,3})\.(\d{1,3})")
PRINTED_SINCE = (4, 6)
RECLAIM_SINCE = (4, 4)
KSWAPD_RECLAIM = 0x2000000  # set in nearly all requests of 4.4 and 4.5, unused before

COMMON = {
    0x01: b"__GFP_DMA",
    0x02: b"__GFP_HIGHMEM",
    0x04: b"__GFP_DMA32",
    0x08: b"__GFP_MOVABLE",
    0x20: b"__GFP_HIGH",
    0x40: b"__GFP_IO",
    0x80: b"__GFP_FS",
    0x100: b"__GFP_COLD",
    0x200: b"__GFP_NOWARN",
    0x400: b"__GFP_REPEAT",
    0x800: b"__GFP_NOFAIL",
    0x1000: b"__GFP_NORETRY",
    0x2000: b"__GFP_MEMALLOC",
    0x4000: b"__GFP_COMP",
    0x8000: b"__GFP_ZERO",
    0x10000: b"__GFP_NOMEMALLOC",
    0x20000: b"__GFP_HARDWALL",
    0x40000: b"__GFP_THISNODE",
    0x200000: b"__GFP_NOTRACK",
    0x800000: b"__GFP_OTHER_NODE",
    0x1000000: b"__GFP_WRITE",
}
WAIT = COMMON | {0x10: b"__GFP_WAIT", 0x80000: b"__GFP_RECLAIMABLE", 0x400000: b"__GFP_NO_KSWAPD"}
RECLAIM = COMMON | {
    0x10: b"__GFP_RECLAIMABLE",
    0x80000: b"__GFP_ATOMIC",
    0x400000: b"__GFP_DIRECT_RECLAIM",
    0x2000000: b"__GFP_KSWAPD_RECLAIM",
}
# Sets with a name of their own, those with more bits first.
WAIT_SETS = (
    (0x200DA, b"GFP_HIGHUSER_MOVABLE"),
    (0x200D2, b"GFP_HIGHUSER"),
    (0x200D0, b"GFP_USER"),
    (0x800D0, b"GFP_TEMPORARY"),
    (0xD0, b"GFP_KERNEL"),
    (0x50, b"GFP_NOFS"),
    (0x10, b"GFP_NOIO"),
    (0x20, b"GFP_ATOMIC"),
)
RECLAIM_SETS = (
    (0x24200CA, b"GFP_HIGHUSER_MOVABLE"),
    (0x24200C2, b"GFP_HIGHUSER"),
    (0x24200C0, b"GFP_USER"),
    (0x24000D0, b"GFP_TEMPORARY"),
    (0x24000C0, b"GFP_KERNEL"),
    (0x2400040, b"GFP_NOFS"),
    (0x2080020, b"GFP_ATOMIC"),
    (0x2400000, b"GFP_NOIO"),
    (0x2000000, b"GFP_NOWAIT"),
)


def decode(mask: int, kernel: bytes | None) -> tuple[bytes, ...] | None:
    """The names in this mask, as later kernels would print them; bits without a name as one number at the end."""
    version = _version(kernel)
    if mask <= 0 or mask >> 32 or (version is not None and version >= PRINTED_SINCE):
        return None
    newer = mask & KSWAPD_RECLAIM != 0 if version is None else version >= RECLAIM_SINCE
    bits, sets = (RECLAIM, RECLAIM_SETS) if newer else (WAIT, WAIT_SETS)
    bits = bits | {0x100000: _accounting(version, newer)}
    names = []
    for value, name in sets:
        if mask & value == value:
            names.append(name)
            mask &= ~value
            break
    for value, name in sorted(bits.items()):
        if mask & value and name:
            names.append(name)
            mask &= ~value
    if mask:
        names.append(b"%#x" % mask)
    return tuple(names)


def _accounting(version: tuple[int, int] | None, newer: bool) -> bytes:
    if version is None:
        return b""
    if newer:
        return b"__GFP_ACCOUNT" if version >= (4, 5) else b"__GFP_NOACCOUNT"
    return b"__GFP_KMEMCG" if (3, 8) <= version < (3, 19) else b""


def _version(kernel: bytes | None) -> tuple[int, int] | None:
    match = VERSION.match(kernel) if kernel else None
    return (int(match[1]), int(match[2])) if match else None
