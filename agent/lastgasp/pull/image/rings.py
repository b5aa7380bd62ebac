"""Every ring out of a flash dump, whatever holds it: ``with rings(path) as found:``.

Looked for are blocks, by their magic and CRC, at any offset; across the spare areas of NAND pages; across UBI's erase
blocks; in the data nodes of UBIFS and JFFS2, compressed or not; in files of ext4 that lie in pieces. A block is only
taken when its CRC is right, however it was put together. Blocks of different rings are never mixed.

Not found is what f2fs, btrfs or squashfs compressed, what is encrypted, and what is in dumps of NAND whose controller
puts its check bits inside the pages; flipped bits are not corrected. What of that begins like a block is counted.

Contract: never raises on content, whatever is in the file. Bounded memory; time grows with the size of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lastgasp.pull.image import ext4, replay
from lastgasp.pull.image.found import IN_PLACE, Collection, FoundRing
from lastgasp.pull.image.heads import block_size, valid
from lastgasp.pull.image.nand import recognise
from lastgasp.pull.image.nodes import Nodes, Spans
from lastgasp.pull.image.survey import Survey
from lastgasp.pull.image.view import WINDOW, Pages, Stream, View, Whole, joined
from lastgasp.ring.format import HEADER_SIZE
from lastgasp.ring.scan import pieces
from lastgasp.ring.source import opened

LIMIT = 64 << 30  # bytes that a compressed dump may become
MOST_SYSTEMS = 16  # of ext4 in a dump
MOST_READ = 2  # times the dump, through the files of its ext4 file systems
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Findings:
    """What a dump holds. ``layout`` and ``notes`` are for people: what was recognised, and what could not be read."""

    size: int  # bytes, unpacked
    rings: list[FoundRing] = field(default_factory=list)  # the one with most blocks first
    layout: list[str] = field(default_factory=list)  # empty: blocks as they are, and nothing around them known
    notes: list[str] = field(default_factory=list)
    broken: int = 0  # places where a block begins that is not whole: damaged, or cut up in a way not known here
    blank: int = 0  # blocks that were never written
    newer: int = 0  # blocks of a later format version


@contextmanager
def rings(path: str, progress: Progress | None = None) -> Iterator[Findings]:
    """Search a dump, plain or compressed with gzip; "-" is standard input. The rings can be read inside the block.

    ``progress`` is told bytes done and bytes in all; the latter grows if the dump has to be read once more.
    Raises OSError, SourceError.
    """
    with opened(path, LIMIT) as file:
        collection = Collection()
        try:
            search = _Search(Whole(file), collection, progress or (lambda done, total: None))
            search.run()
            yield search.findings
        finally:
            collection.close()


class _Search:
    def __init__(self, view: View, collection: Collection, progress: Progress) -> None:
        self.findings = Findings(view.size)
        self._view, self._collection, self._progress = view, collection, progress
        self._done = self._total = 0  # bytes

    def run(self) -> None:
        """Find everything. Raises OSError."""
        survey = self._survey(self._view, IN_PLACE)
        geometry = recognise(self._view, survey.unexplained())
        if geometry is not None:
            sizes = f"{geometry.page}+{geometry.spare}"
            self.findings.layout.append(f"NAND pages of {sizes} bytes: spare areas taken out")
            survey = self._survey(Pages(self._view, geometry.page, geometry.spare), "NAND pages")
        self._ubi(survey)
        for nodes in survey.nodes:
            self._replay(survey.view, nodes)
        broken = self._unexplained(survey)
        if broken:
            broken -= self._ext4(survey.view, broken)
        self.findings.broken = len(broken)
        self.findings.blank, self.findings.newer = survey.blank, survey.newer
        self.findings.rings = sorted(self._collection.rings.values(), key=lambda ring: (-len(ring), ring.ring_id))

    def _survey(self, view: View, how: str) -> Survey:
        self._total += view.size
        survey = Survey(
            view,
            lambda offset, data: self._collection.add(data, how, (view, offset)),
            lambda done: self._progress(self._done + done, self._total),
        )
        self._done += view.size
        return survey

    def _ubi(self, survey: Survey) -> None:
        """Blocks that begin in one erase block of a UBI volume and end in the next one of that volume."""
        size = survey.erase_blocks.measure()
        if not size:
            return
        volumes = ", ".join(map(str, survey.erase_blocks.volumes)) or "none"
        self.findings.layout.append(
            f"UBI: {len(survey.erase_blocks.starts)} erase blocks of {size} bytes, volumes {volumes}"
        )
        for offset in survey.broken:
            needed = block_size(survey.view.read(offset, HEADER_SIZE))
            data = joined(survey.view, survey.erase_blocks.from_there(offset), needed)
            if valid(data):
                self._collection.add(data, "UBI erase blocks")
                survey.explained.add(offset)

    def _replay(self, view: View, nodes: Nodes) -> None:
        """Blocks that a file system keeps in nodes, and what to say of those that cannot be unpacked."""
        name = nodes.system.name
        if nodes.count:
            self.findings.layout.append(f"{name}: {nodes.count} data nodes")
        for file in nodes.holding_blocks():
            for data in replay.blocks(view, nodes.system, file.nodes):
                self._collection.add(data, f"{name} nodes")
        for compression, count in sorted(nodes.closed.items()):
            self.findings.notes.append(
                f"{name}: {count} data nodes are compressed with {compression}, which is not unpacked here;"
                " if they hold blocks, mount the image and copy the ring"
            )
        if nodes.forgotten:
            self.findings.notes.append(
                f"{name}: {nodes.forgotten} data nodes were left out, there are too many; mount the image and copy the"
                " ring if something is missing"
            )

    def _unexplained(self, survey: Survey) -> set[int]:
        """Where blocks begin that are damaged or cut. Not those inside a valid node: that is compressed, or goes on."""
        inside = [Spans(nodes, survey.view) for nodes in survey.nodes] if survey.broken else []
        left = set(survey.broken) - survey.explained
        return {offset for offset in left if not any(offset in one for one in inside)}

    def _ext4(self, view: View, broken: set[int]) -> set[int]:
        """Those blocks among the broken ones that are whole in their file, which lies in pieces."""
        whole: set[int] = set()
        left = view.size * MOST_READ  # bytes: files may lie over one another
        for system in self._superblocks(view):
            files = 0
            for file in system.files():
                left -= file.size
                if left < 0:
                    break
                for kind, offset, data in pieces(Stream(file)):
                    place = file.place(offset)
                    if kind == "block" and place is not None:
                        self._collection.add(data, "ext4 extents", (file, offset))
                        whole.add(place)
                files += 1
            if files:
                self.findings.layout.append(f"ext4 with blocks of {system.block} bytes: {files} files in pieces")
        return whole & broken

    def _superblocks(self, view: View) -> Iterator[ext4.FileSystem]:
        self._total += view.size
        tail, found = b"", 0
        for offset in range(0, view.size, WINDOW):
            data = view.read(offset, WINDOW)
            self._progress(self._done + offset + len(data), self._total)
            for system in ext4.superblocks(view, offset - len(tail), tail + data):
                if found < MOST_SYSTEMS:
                    yield system
                found += 1
            tail = data[-1:]
        self._done += view.size
