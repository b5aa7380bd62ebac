"""One walk through a view: its blocks, what looks like blocks, and the file systems' nodes.

Contract: reads the view once, in order; bounded memory; never raises on content.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator

from lastgasp.pull.image.heads import block_size, valid
from lastgasp.pull.image.jffs2 import Jffs2
from lastgasp.pull.image.nand import Samples
from lastgasp.pull.image.nodes import LONGEST_HEADER, Nodes, Spans
from lastgasp.pull.image.ubi import MAGIC as UBI_MAGIC
from lastgasp.pull.image.ubi import EraseBlocks
from lastgasp.pull.image.ubifs import Ubifs
from lastgasp.pull.image.view import WINDOW, Stream, View
from lastgasp.ring.format import HEADER_SIZE, MAGIC
from lastgasp.ring.scan import pieces

MAGIC_SIZE = 4  # of all the file systems' nodes, and of UBI
EMPTY = (bytes(WINDOW), b"\xff" * WINDOW)  # much of a dump; no magic number begins or ends so
MOST_HEADS = 1 << 20
Found = Callable[[int, bytes], None]


class Survey:
    """What a view holds. ``found`` is told of each valid block: its offset and its bytes."""

    def __init__(self, view: View, found: Found, progress: Callable[[int], None]) -> None:
        self.view = view
        self.erase_blocks = EraseBlocks()
        self.nodes = [Nodes(system) for system in (Ubifs(), Jffs2("<"), Jffs2(">"))]
        self.broken: array[int] = array("Q")  # where a block begins that is not valid as it stands
        self.explained: set[int] = set()  # those of them that were put together
        self.samples = Samples()  # of what is not valid as it stands
        self.newer = 0  # blocks of a later format version
        self.blank = 0
        self._progress = progress
        self._tail = b""
        self._walk(found)

    def unexplained(self) -> Samples:
        """Those samples that no valid node reaches over."""
        inside = [Spans(nodes, self.view) for nodes in self.nodes]
        return Samples([one for one in self.samples.kept if not any(one[0] in nodes for nodes in inside)])

    def _walk(self, found: Found) -> None:
        for kind, offset, data in pieces(Stream(self.view, self._look)):
            if kind == "block":
                found(offset, data)
            elif kind == "newer":
                self.newer += 1
            elif kind == "blank":
                self.blank += 1
            elif data.startswith(MAGIC):
                self._broken(offset)

    def _broken(self, offset: int) -> None:
        size = block_size(self.view.read(offset, HEADER_SIZE))
        if size and len(self.broken) < MOST_HEADS:
            self.broken.append(offset)
            self.samples.add(offset, size, valid)

    def _look(self, offset: int, data: bytes) -> None:
        """Look for nodes in a window."""
        self._progress(offset + len(data))
        if data in EMPTY:
            self._tail = b""
            return
        data = self._tail + data
        offset -= len(self._tail)
        self._tail = data[-(MAGIC_SIZE - 1) :]
        for at in _every(data, UBI_MAGIC):  # first, for it tells nodes apart
            self.erase_blocks.look(self.view, offset + at)
        for nodes in self.nodes:
            for magic in nodes.system.magics:
                for at in _every(data, magic):
                    self._node(nodes, offset, data, at)

    def _node(self, nodes: Nodes, start: int, window: bytes, at: int) -> None:
        """One may begin at ``window[at]``; ``start`` is the offset of the window."""

        def there(size: int) -> bytes:
            return window[at : at + size] if at + size <= len(window) else self.view.read(start + at, size)

        node = nodes.system.likely(there(LONGEST_HEADER))
        if node is None:
            return
        size = node.start + node.stored
        data = there(size)
        if nodes.system.valid(data):
            used = self.erase_blocks.at(start + at)
            nodes.found(used.volume if used else None, start + at, node, data)
        else:
            self.samples.add(start + at, size, nodes.system.valid)


def _every(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)
