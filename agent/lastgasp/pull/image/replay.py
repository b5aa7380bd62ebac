"""The blocks of a ring out of the nodes of its file.

A block is one write to its place in the file. A file system makes one or several nodes of that, and may write them
again elsewhere later, cut at other places. So each place is written to once more, node by node in their order, and
looked at after each: where a valid block stands then, it once stood. Older versions that are still whole in the flash
come out, too. Nothing comes out whose CRC is not right.

Costs a look at a block for each node; keeps a file's node headers and one block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lastgasp.pull.image.heads import block_size, valid
from lastgasp.pull.image.nodes import LONGEST_HEADER, PAGE, FileSystem, Node
from lastgasp.pull.image.view import View
from lastgasp.ring.format import MAX_BLOCK_SIZE

Placed = tuple[int, Node]  # with the node's offset


def blocks(view: View, system: FileSystem, offsets: Iterable[int]) -> Iterator[bytes]:
    """Every valid block that stood in the file of these nodes, with repetitions. Raises OSError."""
    pages: dict[int, list[Placed]] = {}
    for offset in offsets:
        node = system.likely(view.read(offset, LONGEST_HEADER))
        if node is None:  # it was valid before, so the file changed
            continue
        for page in range(node.at // PAGE, (node.at + node.size - 1) // PAGE + 1):
            pages.setdefault(page, []).append((offset, node))
    for page in sorted(pages):
        larger: set[int] = set()
        yield from _play(view, system, pages[page], page * PAGE, PAGE, larger)
        for size in larger:
            parts = {placed for at in range(page, page + size // PAGE) for placed in pages.get(at, ())}
            yield from _play(view, system, parts, page * PAGE, size, set())


def _play(
    view: View, system: FileSystem, placed: Iterable[Placed], start: int, size: int, larger: set[int]
) -> Iterator[bytes]:
    """Write the nodes over one another; ``larger`` takes up the sizes of blocks that reach beyond ``size``."""
    place = bytearray(size)  # zeros where no node was written: some tools leave them out
    for offset, node in sorted(placed, key=lambda one: one[1].order):
        unpack = system.compressions[node.compression][1]
        if unpack is None:
            continue
        try:
            content = node.content(view.read(offset, node.start + node.stored), unpack, node.size)
        except ValueError:
            continue
        skipped = max(start - node.at, 0)
        begin = max(node.at - start, 0)
        content = content[skipped : skipped + size - begin]
        place[begin : begin + len(content)] = content
        of_block = block_size(place)
        if size < of_block <= MAX_BLOCK_SIZE:
            larger.add(of_block)
        elif of_block == size and valid(place):
            yield bytes(place)
