"""Blocks without an agent on the device: read by dd, made text by whatever the device has for that.

Contract: as ``from_agent``: every block that is given has a right CRC, what is missing is counted, and the ring is only
read. Headers are asked for first, backwards from the newest block, until everything behind them is known, too old or
blank; then blocks, the newest first. A piece of a block travels as one reply of the shell, with the shell's checksum;
packed by gzip where there is one. Pieces get smaller where many are lost.
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Callable, Iterable

from lastgasp.pull import PullError
from lastgasp.pull.blocks import Pulled
from lastgasp.pull.console.incoming import Reply
from lastgasp.pull.console.shell import Shell
from lastgasp.pull.identity import About, quoted
from lastgasp.pull.progress import Got, Progress, Tell
from lastgasp.ring.format import HEADER, HEADER_SIZE, MAGIC, MAX_BLOCK_SIZE, MIN_BLOCK_SIZE, VERSION
from lastgasp.ring.heads import Head, in_order, latest

# What makes text of bytes, and what that is; each on one line.
ENCODERS = {
    "base64": ("base64|tr -d '\\n'", "base64"),
    "uuencode": ("uuencode -m x|sed -e 1d -e '$d'|tr -d '\\n'", "base64"),
    "hexdump": ("hexdump -v -e '1/1 \"%02x\"'", "hex"),
    "od": ("od -A n -v -t x1|tr -d ' \\n'", "hex"),
}
UNIT = 4  # bytes: headers are read by dd in such pieces, for it skips whole ones only
HEADER_UNITS = -(-HEADER_SIZE // UNIT)
PROBES = 32  # headers in one command
SPARE = 8  # slots beyond the newest block in which a newer version of it may stand (ring.writer)
PIECES = (4096, 1024, 256)  # bytes; a line garbles with its length
BATCH = 16  # pieces in one command
TRIES = 4  # that bring nothing
MOST_SLOTS = 1 << 18
NAME = 16  # letters of a slot, or of a slot and a part


class Plain:
    """One pull of one ring, by shell commands alone."""

    def __init__(self, shell: Shell, about: About, got: Got, tell: Tell) -> None:
        """Raises PullError: the device lacks what it takes."""
        name = next((name for name in ENCODERS if name in about.tools), None)
        if name is None or "dd" not in about.tools:
            raise PullError(
                f"{shell.wire.name}: there is no lastgasp-agent on this device, and neither dd nor any of"
                f" {', '.join(ENCODERS)} to read {about.ring} with"
            )
        self.shell, self.got, self.tell = shell, got, tell
        self.progress = Progress()
        self._ring = about.ring
        self._encoder, self._text = ENCODERS[name]
        self._packed = "gzip" in about.tools
        self._piece = 0  # index into PIECES
        self._block_size = self._slots = 0

    def pull(self, known: Callable[[int, int], bool], last_s: int | None) -> Progress:
        """Every block that is not ``known`` by its ring and write number. Raises PullError, ShellError, WireError."""
        self._measure()
        heads = self._list(known, last_s)
        chosen = in_order(heads)
        if last_s:
            chosen = latest(chosen, last_s * 1000)
        wanted = [one for one in chosen if not known(one.ring, one.write)]
        self.progress.total_bytes = len(wanted) * self._block_size
        self._fetch([one.slot for one in wanted])
        return self.progress

    # -- headers ---------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        """How large blocks and the ring are, as the first header that can be read says. Raises PullError."""
        self._block_size, slots = MIN_BLOCK_SIZE, MAX_BLOCK_SIZE // MIN_BLOCK_SIZE
        for data in self._heads(range(2 * slots)).values():
            size = 1 << data[11] if data.startswith(MAGIC) and data[8] == VERSION and data[11] < 32 else 0
            if MIN_BLOCK_SIZE <= size <= MAX_BLOCK_SIZE:
                self._block_size, self._slots = size, min(HEADER.unpack_from(data)[11], MOST_SLOTS)
                return
        raise PullError(
            f"{self.shell.wire.name}: {self._ring} holds no recording, or cannot be read; name the ring with --ring"
        )

    def _heads(self, slots: Iterable[int]) -> dict[int, bytes]:
        """Headers as they are in the ring, by slot; what cannot be read or heard is left out."""
        found: dict[int, bytes] = {}
        wanted = list(slots)
        for _ in range(TRIES):
            skip = f"$((s*{self._block_size // UNIT}))"
            read = f"dd if={quoted(self._ring)} bs={UNIT} skip={skip} count={HEADER_UNITS} 2>/dev/null|{self._encoder}"
            for at in range(0, len(wanted), PROBES):
                some = " ".join(map(str, wanted[at : at + PROBES]))
                for name, text in self._replies(f'for s in {some};do y h $s "$({read})";done', b"h"):
                    if name.isdigit():
                        found[int(name)] = self._decoded(text)[:HEADER_SIZE]
            wanted = [slot for slot in wanted if slot not in found]
            self.progress.again += len(wanted)
        return {slot: data for slot, data in found.items() if len(data) == HEADER_SIZE}

    def _list(self, known: Callable[[int, int], bool], last_s: int | None) -> list[Head]:
        """Headers of blocks from the newest backwards, of as many as matter."""
        head = self._newest()
        found: list[Head] = []
        for at in range(0, self._slots, PROBES):
            some = [(head + SPARE - step) % self._slots for step in range(at, min(at + PROBES, self._slots))]
            new = self._blocks_among(self._heads(some))
            found += new
            ordered = in_order(found)
            if not new or (last_s and len(latest(ordered, last_s * 1000)) < len(ordered)):
                break
            if at and all(known(one.ring, one.write) for one in new):
                break
        return found

    def _newest(self) -> int:
        """The slot of the highest write number, as headers say it; 0: there is no block."""
        low, high = 0, self._slots
        best: Head | None = None
        while high > low:
            step = max(1, (high - low) // PROBES)
            for one in self._blocks_among(self._heads(range(low, high, step))):
                if best is None or one.write > best.write:
                    best = one
            if best is None or step == 1:
                break
            low, high = best.slot, min(best.slot + step, self._slots)
        return best.slot if best is not None else 0

    def _blocks_among(self, headers: dict[int, bytes]) -> list[Head]:
        return [Head(slot, data) for slot, data in headers.items() if data.startswith(MAGIC) and data[8] == VERSION]

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
                    self.got(block)
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
        some = " ".join(f"{slot}.{part}" for slot, part in asked)
        pack = "|gzip -c" if self._packed else ""
        skip = f"$((${{s%.*}}*{each}+${{s#*.}}))"
        read = f"dd if={quoted(self._ring)} bs={size} skip={skip} count=1 2>/dev/null{pack}|{self._encoder}"
        found = {}
        wanted = {b"%d.%d" % one: one for one in asked}
        for name, text in self._replies(f'for s in {some};do y b $s "$({read})";done', b"b"):
            data = self._decoded(text)
            data = _unpacked(data, size) if self._packed else data
            if name in wanted and len(data) == size:
                found[wanted[name]] = data
        return found

    # -- the shell -------------------------------------------------------------------------------------------

    def _replies(self, command: str, kind: bytes) -> list[tuple[bytes, bytes]]:
        """The words behind the kind of each reply. Raises ShellError, WireError."""
        found = []
        for event in self.shell.run(command):
            if isinstance(event, Reply):
                said, _, rest = event.text.partition(b" ")
                name, _, value = rest.partition(b" ")
                if said == kind and len(name) < NAME:
                    found.append((name, value))
        return found

    def _decoded(self, text: bytes) -> bytes:
        """The bytes behind the text; b"" if it makes no sense."""
        try:
            return bytes.fromhex(text.decode("ascii")) if self._text == "hex" else binascii.a2b_base64(text)
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
