"""How far a pull is, and who wants to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lastgasp.pull.blocks import Pulled


@dataclass(slots=True)
class Progress:
    """How far it is. Bytes are those of blocks, before they are encoded for the wire."""

    total_bytes: int | None = None  # None: not known yet
    done_bytes: int = 0
    blocks: int = 0
    again: int = 0  # frames, pieces or blocks that were asked for again
    missing: int = 0  # blocks that could not be had


class Keeper(Protocol):
    """Where blocks go, and who knows which are there (``store.Device``)."""

    def add(self, block: Pulled) -> None:
        """Keep it. Raises PullError: it contradicts what is kept."""

    def knows(self, ring: int, write: int) -> bool:
        """Need this write of this ring not be asked for?"""

    def known_since(self, ring: int, write: int) -> int | None:
        """The first write of those up to this one of which nothing is missing; None: this one is."""

    def have(self) -> str:
        """All that need not be, for ``lastgasp-agent dump --have``."""

    def same(self) -> str:
        """Writes by which the device can tell whether its ring is the one that is kept, for ``dump --same``."""

    def places(self) -> list[int]:
        """Slots in which such writes stood."""

    def differs(self, ring: int, write: int, header: bytes) -> bool:
        """Is another block kept of this write?"""

    def completed(self, ring: int, write: int) -> None:
        """All that the device has up to this write is here."""

    def check_newest(self, ring: int, write: int) -> None:
        """The device's newest write is this. Raises PullError: it contradicts what is kept."""


Tell = Callable[[Progress], None]
