"""Blocks without an agent on the device: read by dd, made text by whatever the device has for that.

Contract: as ``from_agent``: every block that is given has a right CRC, what is missing is counted, and the ring is only
read. Headers are asked for first, backwards from the newest block, until everything behind them is known, too old or
blank; then blocks, the newest first. A piece of a block travels as one reply of the shell, with the shell's checksum;
packed by gzip where there is one. Pieces get smaller where many are lost.
"""

from __future__ import annotations

import binascii
import contextlib
import re
import zlib
from collections.abc import Iterable
from shlex import quote

from lastgasp.pull import PullError
from lastgasp.pull.blocks import Pulled
from lastgasp.pull.console import Garbled
from lastgasp.pull.console.incoming import Reply
from lastgasp.pull.console.shell import Shell
from lastgasp.pull.identity import About
from lastgasp.pull.listing import Listing
from lastgasp.pull.progress import Keeper, Progress, Tell
from lastgasp.ring.format import HEADER_SIZE
from lastgasp.ring.heads import in_order, latest

# What makes text of bytes. The shell joins its lines with spaces, which saves processes: they are what costs here.
ENCODERS = {
    "base64": "base64",
    "uuencode": "uuencode -m x",
    "hexdump": "hexdump -v -e '1/1 \"%02x\"'",
    "od": "od -A n -v -t x1",
}
AROUND = re.compile(rb"begin-base64 \d+ x|====| ")  # what is no data
UNIT = 4  # bytes: headers are read by dd in such pieces, for it skips whole ones only
HEADER_UNITS = -(-HEADER_SIZE // UNIT)
PROBES = 16  # headers in one reply, of 2 kB: a long one garbles sooner
PIECES = (4096, 1024, 256)  # bytes; a line garbles with its length
BATCH = 16  # pieces in one command
TRIES = 4  # that bring nothing
MOST = 256 << 20  # bytes of a ring
NAME = 10  # letters of a slot
WORTH = 0.75  # of a block: what holds less is packed


class Plain:
    """One pull of one ring, by shell commands alone."""

    def __init__(self, shell: Shell, about: About, keeper: Keeper, tell: Tell) -> None:
        """Raises PullError: the device lacks what it takes."""
        name = next((name for name in ENCODERS if name in about.tools), None)
        if name is None or "dd" not in about.tools:
            raise PullError(
                f"{shell.wire.name}: there is no lastgasp-agent on this device, and neither dd nor any of"
                f" {', '.join(ENCODERS)} to read {about.ring} with"
            )
        self.shell, self.keeper, self.tell = shell, keeper, tell
        self.progress = Progress()
        self._ring = about.ring
        self._encoder, self._hex = ENCODERS[name], name in ("hexdump", "od")
        self._gzip = "gzip" in about.tools
        self._sizes: dict[int, int] = {}  # of blocks without what fills them up, by slot
        self._piece = 0  # index into PIECES
        self._probes = PROBES
        self._block_size = 0

    def pull(self, last_s: int | None) -> Progress:
        """Every block that is not kept already. Raises PullError, ShellError, WireError."""
        listing = Listing(self._heads, self._length())
        chosen = in_order(listing.heads(self.keeper, last_s))
        self._block_size = listing.block_size
        if not chosen and not listing.blank:
            raise self._no_ring()
        if chosen:
            self.keeper.check_newest(chosen[0].ring, chosen[0].write)
        if last_s:
            chosen = latest(chosen, last_s * 1000)
        wanted = [one for one in chosen if not self.keeper.knows(one.ring, one.write)]
        self.progress.total_bytes = len(wanted) * self._block_size
        self._sizes = {one.slot: one.size for one in wanted}
        self._fetch([one.slot for one in wanted])
        if chosen and not last_s and not self.progress.missing:
            self.keeper.completed(chosen[0].ring, chosen[0].write)
        return self.progress

    # -- headers ---------------------------------------------------------------------------------------------

    def _length(self) -> int:
        """Bytes of the ring, at most MOST. Raises PullError: it cannot be read."""
        read = f"dd if={quote(self._ring)} bs=65536 count={MOST >> 16} 2>/dev/null|wc -c"
        for _ in range(TRIES):
            for reply in self._replies(f"y z $({read})", b"z"):
                if reply.isdigit() and int(reply[:NAME]) > 0:
                    return min(int(reply[:NAME]), MOST)
        raise self._no_ring()

    def _no_ring(self) -> PullError:
        return PullError(
            f"{self.shell.wire.name}: {self._ring} holds no recording, or cannot be read; name the ring with --ring"
        )

    def _heads(self, slots: Iterable[int], block_size: int) -> dict[int, bytes]:
        """Headers as they are in the ring, by slot; those that cannot be read are left out. Raises PullError."""
        found: dict[int, bytes] = {}
        wanted = list(slots)
        idle = 0
        while wanted and idle < TRIES:
            skip = f"$((s*{block_size // UNIT}))"
            read = f"dd if={quote(self._ring)} bs={UNIT} skip={skip} count={HEADER_UNITS} 2>/dev/null|{self._encoder}"
            before = len(wanted)
            for at in range(0, len(wanted), self._probes):
                some = " ".join(map(str, wanted[at : at + self._probes]))
                for reply in self._replies(f'w=;for s in {some};do w="$w,$s:"$({read});done;y h $w', b"h"):
                    for one in reply.split(b","):
                        name, _, text = one.partition(b":")
                        if name.isdigit() and len(name) < NAME:
                            found[int(name)] = self._decoded(text)[:HEADER_SIZE]
            wanted = [slot for slot in wanted if slot not in found]
            self.progress.again += len(wanted)
            if wanted:
                self._probes = max(1, self._probes // 2)
            idle = idle + 1 if len(wanted) == before else 0
        if wanted:
            raise PullError(f"{self.shell.wire.name}: the line garbles too much: what is in the ring cannot be heard")
        return {slot: data for slot, data in found.items() if len(data) == HEADER_SIZE}

    # -- blocks ----------------------------------------------------------------------------------------------

    def _fetch(self, slots: list[int]) -> None:
        """Blocks, as many at a time as one command asks for."""
        tries = dict.fromkeys(slots, 0)
        parts: dict[int, dict[int, bytes]] = {}
        left = list(slots)
        while left:
            size = min(PIECES[self._piece], self._block_size)
            each = self._block_size // size
            asked = [(slot, part) for slot in left[:BATCH] for part in range(each) if part not in parts.get(slot, ())]
            asked = asked[:BATCH]
            found = self._pieces(asked, size, each)
            for slot, part in found:
                parts.setdefault(slot, {})[part] = found[slot, part]
            self.progress.again += len(asked) - len(found)
            if len(found) < len(asked) * 3 // 4 and self._piece + 1 < len(PIECES):
                self._piece += 1
                parts.clear()
            for slot in dict.fromkeys(slot for slot, _ in asked):
                tries[slot] += 1
                whole = len(parts.get(slot, ())) == each
                block = Pulled.of(b"".join(parts[slot][part] for part in range(each))) if whole else None
                if block is not None:
                    self.progress.blocks += 1
                    self.progress.done_bytes += len(block.data)
                    self.keeper.add(block)
                elif not whole and tries[slot] < TRIES * each * len(PIECES):
                    continue
                elif whole and tries[slot] < TRIES:  # the agent wrote there while we read
                    parts.pop(slot)
                    continue
                else:
                    self.progress.missing += 1
                left.remove(slot)
                parts.pop(slot, None)
            self.tell(self.progress)

    def _pieces(self, asked: list[tuple[int, int]], size: int, each: int) -> dict[tuple[int, int], bytes]:
        """Pieces of blocks, by slot and part; what did not arrive is left out."""
        found = {}
        for pack in (True, False):
            wanted = {b"%d.%d" % one: one for one in asked if self._worth_packing(one[0]) == pack}
            some = b" ".join(wanted).decode()
            skip = f"$((${{s%.*}}*{each}+${{s#*.}}))"
            then = ("|gzip -c|" if pack else "|") + self._encoder
            read = f"dd if={quote(self._ring)} bs={size} skip={skip} count=1 2>/dev/null{then}"
            for reply in self._replies(f"for s in {some};do y b $s $({read});done", b"b") if wanted else ():
                name, _, text = reply.partition(b" ")
                data = self._decoded(text)
                data = _unpacked(data, size) if pack else data
                if name in wanted and len(data) == size:
                    found[wanted[name]] = data
        return found

    def _worth_packing(self, slot: int) -> bool:
        """What a block holds is compressed already; only what fills it up is worth a process."""
        return self._gzip and self._sizes.get(slot, self._block_size) < self._block_size * WORTH

    # -- the shell -------------------------------------------------------------------------------------------

    def _replies(self, command: str, kind: bytes) -> list[bytes]:
        """What is behind the kind in each reply. Raises ShellError, WireError."""
        found = []
        with contextlib.suppress(Garbled):  # what was not heard is asked for again
            for event in self.shell.run(command):
                if isinstance(event, Reply):
                    said, _, rest = event.text.partition(b" ")
                    if said == kind:
                        found.append(rest)
        return found

    def _decoded(self, text: bytes) -> bytes:
        """The bytes behind the text; b"" if it makes no sense."""
        try:
            text = AROUND.sub(b"", text)
            return binascii.unhexlify(text) if self._hex else binascii.a2b_base64(text)
        except ValueError:
            return b""


def _unpacked(packed: bytes, size: int) -> bytes:
    """What gzip packed; b"" if it is more than ``size`` or makes no sense."""
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        data = unpacker.decompress(packed, size + 1)
    except zlib.error:
        return b""
    return data if unpacker.eof and len(data) <= size else b""
