"""How far a pull is, and who wants to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lastgasp.pull.blocks import Pulled


@dataclass(slots=True)
class Progress:
    """How far it is. Bytes are those of blocks, before they are encoded for the wire."""

    total_bytes: int | None = None  # None: not known yet
    done_bytes: int = 0
    blocks: int = 0
    again: int = 0  # frames, pieces or blocks that were asked for again
    missing: int = 0  # blocks that could not be had


Got = Callable[[Pulled], None]
Tell = Callable[[Progress], None]
