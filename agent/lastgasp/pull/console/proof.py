"""What a device's own tools say of a text, so that both sides know it is the same: two words without a space in them.

By cksum(1), which POSIX has; Debian's busybox is one that leaves it out (1.35), so by md5sum(1) then; where there is
neither, the length is all there is.
"""

from __future__ import annotations

import hashlib
import re

from lastgasp.pull.console.cksum import cksum

CKSUM, MD5, LENGTH = "cksum", "md5", "length"
WORDS = rb"[0-9a-f]{32} 0|\d{1,10} \d{1,10}|- \d{1,10}"
FUNCTION = (  # k, which reads the text
    "if command -v cksum >/dev/null;then k(){ cksum;}"
    ";elif command -v md5sum >/dev/null;then k(){ set -- $(md5sum);echo $1 0;}"
    ";else k(){ echo - $(wc -c);};fi"
)


def words(kind: str, text: bytes) -> str:
    """What ``k`` says of it, on a device of this kind."""
    if kind == MD5:
        return f"{hashlib.md5(text, usedforsecurity=False).hexdigest()} 0"
    return f"{cksum(text)} {len(text)}" if kind == CKSUM else f"- {len(text)}"


def kind(said: bytes) -> str | None:
    """Of which kind a device is that said this; None: of none."""
    if not re.fullmatch(WORDS, said):
        return None
    return LENGTH if said.startswith(b"-") else MD5 if said.index(b" ") == 32 else CKSUM
