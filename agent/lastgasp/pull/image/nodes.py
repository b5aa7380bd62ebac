"""Pieces of files as log-structured flash file systems keep them: nodes that say to which file, where, and when.

UBIFS and JFFS2 each have a module that knows their nodes. Here is what they share: nodes are found by their magic
number anywhere in a dump, checked by their CRC, and kept by file as offsets alone, until it is known which files hold
blocks. Bounded memory: beyond ``MOST_FILES`` and ``MOST_NODES`` what no block was seen of is forgotten, and counted.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lastgasp.pull.image.unpack import Unpack
from lastgasp.pull.image.view import View
from lastgasp.ring.format import MAGIC

PAGE = 4096  # rings are cut into blocks of a multiple of this, and so no block begins elsewhere in its file
LONGEST_HEADER = 128  # bytes that hold the header of any node
MOST_FILES, MOST_NODES = 1 << 18, 1 << 20


@dataclass(frozen=True, slots=True)
class Node:
    """``stored`` bytes of a dump that are ``size`` bytes of a file, from byte ``at`` of it on."""

    file: int  # its inode number
    at: int
    size: int
    order: int  # grows with time
    compression: int
    start: int  # where the stored bytes begin, counted from the node's magic
    stored: int

    def content(self, data: bytes, unpack: Unpack, limit: int) -> bytes:
        """What the node that ``data`` begins with says its file holds there, ``limit`` bytes of it at most.

        Raises ValueError.
        """
        return unpack(data[self.start : self.start + self.stored], limit)


class FileSystem(Protocol):
    """What its nodes look like."""

    name: str
    magics: Sequence[bytes]  # each at least 4 bytes
    compressions: Mapping[int, tuple[str, Unpack | None]]  # None: not to be unpacked here

    def likely(self, data: bytes) -> Node | None:
        """The data node whose header these bytes begin with, if all in it makes sense. Its data is not looked at."""

    def valid(self, data: bytes) -> bool:
        """Do these bytes begin with a whole data node, its CRC right?"""


@dataclass(slots=True)
class File:
    """Where its nodes are, in the order they were found."""

    nodes: array[int] = field(default_factory=lambda: array("Q"))
    wanted: bool = False  # a block begins in one of them


@dataclass(slots=True)
class Nodes:
    """All data nodes of one kind of file system in a view."""

    system: FileSystem
    files: dict[Hashable, File] = field(default_factory=dict)
    count: int = 0
    kept: int = 0
    forgotten: int = 0
    full: bool = False  # nothing more is kept
    closed: Counter[str] = field(default_factory=Counter)  # compressed with something that cannot be unpacked here

    def found(self, where: Hashable, offset: int, node: Node, data: bytes) -> None:
        """A valid node at this offset. ``where``: what tells apart files with the same number."""
        self.count += 1
        name, unpack = self.system.compressions[node.compression]
        if unpack is None:
            self.closed[name] += 1
        begins = unpack is not None and not node.at % PAGE and _begins_block(node, data, unpack)
        if not self.full and (self.kept >= MOST_NODES or len(self.files) >= MOST_FILES):
            self._forget()
        if self.full:
            self.forgotten += 1
            return
        file = self.files.setdefault((where, node.file), File())
        file.nodes.append(offset)
        file.wanted = file.wanted or begins
        self.kept += 1

    def _forget(self) -> None:
        gone = {key: file for key, file in self.files.items() if not file.wanted}
        for key, file in gone.items():
            del self.files[key]
            self.kept -= len(file.nodes)
            self.forgotten += len(file.nodes)
        # Else it would soon be asked for again, and for little.
        self.full = self.kept > MOST_NODES // 2 or len(self.files) > MOST_FILES // 2

    def holding_blocks(self) -> Iterator[File]:
        """The files that a block was seen in."""
        return (file for file in self.files.values() if file.wanted)


class Spans:
    """Where the nodes lie: is this offset in one of them?"""

    def __init__(self, nodes: Nodes, view: View) -> None:
        self._view, self._system = view, nodes.system
        self._starts = array("Q", sorted(offset for file in nodes.files.values() for offset in file.nodes))

    def __contains__(self, offset: int) -> bool:
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            return False
        start = self._starts[index]
        node = self._system.likely(self._view.read(start, LONGEST_HEADER))
        return node is not None and offset < start + node.start + node.stored


def _begins_block(node: Node, data: bytes, unpack: Unpack) -> bool:
    try:
        return node.content(data, unpack, len(MAGIC)) == MAGIC
    except ValueError:
        return False
