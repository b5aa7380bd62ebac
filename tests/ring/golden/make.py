"""How the golden files were made, once, by the writer of their day. They never change: none is written over.

A new format version gets new files, made by functions added here. Run it from the repository's root with
``PYTHONPATH=agent:tests/ring``; ``test_golden.py`` pins what comes out.
"""

from __future__ import annotations

import base64
import random
import zlib
from pathlib import Path

from canonical import by_python
from flash import EmulatedFlash

from lastgasp.ring import pmsg, prepare
from lastgasp.ring.encoder import Encoder, Table
from lastgasp.ring.format import (
    BLANK_MAGIC,
    CRC,
    DEFLATE,
    FLAG_KEY,
    FLAG_RECOVERED,
    STORED,
    put_bytes,
    put_varint,
)
from lastgasp.ring.writer import Place, RingWriter, compress, seal

FOLDER = Path(__file__).parent
OOM = FOLDER.parents[1] / "oomlogs/armhf-global-c.kmsg"
SIZE = 4096
WALL = 1_790_000_000 * 10**9
BOOTS = [bytes(range(16)), bytes(range(100, 116))]
PROCESS = (b"rss", b"shared", b"vsize", b"majflt", b"cpu_ticks", b"threads", b"state")
MEMINFO = (b"MemFree", b"MemAvailable", b"Buffers", b"Cached", b"SwapFree", b"Dirty", b"AnonPages", b"Slab", b"CmaFree")
Row = tuple[int | None, ...]


def blank(slots: int) -> EmulatedFlash:
    return EmulatedFlash((BLANK_MAGIC + bytes(SIZE - len(BLANK_MAGIC))) * slots)


class Machine:
    """Feeds a writer with a small machine's rows."""

    def __init__(self, flash: EmulatedFlash, place: Place, boot: int, start_ms: int, seed: int) -> None:
        self.wall = WALL
        self.writer = RingWriter(flash, place, SIZE, BOOTS[boot], lambda: self.wall, key_interval=2)
        self.encoder = self.writer.encoder
        self.meminfo = self.encoder.table(b"meminfo", MEMINFO)
        self.pressure = self.encoder.table(b"pressure", (b"some_us", b"full_us"))
        self.cgroup = self.encoder.table(b"cgroup", (b"usage", b"limit", b"swap", b"limit_hits", b"oom_kills"))
        self.process = self.encoder.table(b"process", PROCESS)
        self.rng = random.Random(seed)
        self.now = start_ms
        self.free = 40_000
        self.known: dict[int, tuple[int, ...]] = {}

    def put(self, table: Table, ident: object, key: bytes, label: bytes, values: Row) -> None:
        if not self.encoder.update(table, ident, values):
            self.encoder.introduce(table, ident, key, label, values)

    def start(self, note: bytes) -> None:
        self.encoder.event(self.now, b"start", [(b"note", note)])
        machine = [(b"agent", b"0.1.0"), (b"kernel", b"6.1.0"), (b"page_size", b"4096"), (b"total_kb", b"122760")]
        self.encoder.event(self.now, b"machine", machine)

    def sample(self, pressure: bool = False) -> None:
        rng, encoder = self.rng, self.encoder
        # Something that cannot be compressed, so that a block is full before its text is long.
        for _ in range(6):
            encoder.event(self.now, b"mark", [(b"text", base64.b64encode(rng.randbytes(150)))])
        encoder.begin(self.now, 7 if pressure else 3)
        self.free += rng.randrange(-900, 700)
        free = self.free
        self.put(self.meminfo, 0, b"", b"", (free, free + 9000, 812, 8188, 0, rng.randrange(9), 90_000, 7000, None))
        for name in (b"memory", b"io", b"cpu"):
            full = None if name == b"cpu" else self.now // 90
            self.put(self.pressure, name, name, b"", (self.now // 40, full))
        limit = None if self.now % 7000 < 3000 else 64 << 20  # the limit comes and goes
        self.put(self.cgroup, 0, b"/system.slice/app.service", b"", (free << 10, limit, 0, self.now // 5000, 0))
        for pid in range(1, 7):
            old = self.known.get(pid)
            if old is None:
                values: tuple[int, ...] = (300 * pid, 200, 2500 + pid, pid, 5, 1, 83)
                self.put(self.process, pid, b"%d@%d" % (pid, 40 + pid), b"worker %d" % pid, values)
                pairs = [
                    (b"ppid", b"1"),
                    (b"uid", b"0"),
                    (b"exe", b"/usr/bin/worker"),
                    (b"cmdline", b"worker -n %d" % pid),
                ]
                encoder.attributes(self.now, self.process, b"%d@%d" % (pid, 40 + pid), pairs)
            elif rng.random() < 0.3:
                values = (old[0] + rng.choice((1, -1, 70, -3)), *old[1:4], old[4] + 3, 1, rng.choice((83, 83, 68)))
                self.put(self.process, pid, b"%d@%d" % (pid, 40 + pid), b"worker %d" % pid, values)
            else:
                continue
            self.known[pid] = values
        encoder.end()
        self.now += 1000

    def exit(self, pid: int, pairs: list[tuple[bytes, bytes]]) -> None:
        self.encoder.gone(self.now, self.process, pid, b"%d@%d" % (pid, 40 + pid), pairs)
        del self.known[pid]

    def fill(self, blocks: int) -> None:
        """Samples until so many blocks are closed."""
        until = self.writer.place.block_number + blocks
        while self.writer.place.block_number < until:
            self.sample()


def plain() -> bytes:
    """One boot of all that an agent writes in normal times, up to an OOM kill."""
    flash = blank(5)
    machine = Machine(flash, Place(0x0102030405060708, 5, 0, 0, 0), 0, 12_345, 1)
    machine.start(b"made for a test")
    machine.fill(2)
    machine.encoder.event(machine.now, b"mark", [(b"text", "a person said: größer".encode())])
    machine.exit(3, [(b"exit_code", b"0")])
    machine.exit(4, [(b"untracked", b"1")])
    machine.exit(5, [])
    machine.sample()
    low = [(b"name", b"available"), (b"text", b"3 % of memory are available")]
    machine.encoder.event(machine.now, b"alert", low)
    machine.sample(pressure=True)
    log = OOM.read_bytes().splitlines()
    first = next(i for i, line in enumerate(log) if b" invoked oom-killer: " in line)
    last = next(i for i, line in enumerate(log) if b"Out of memory: Killed process" in line)
    for i in range(first, last + 1, 8):
        machine.encoder.kmsg(machine.now, log[i : min(i + 8, last + 1)])
    machine.exit(6, [(b"exit_code", b"9")])
    machine.sample(pressure=True)
    machine.encoder.event(machine.now, b"alert.end", low)
    machine.encoder.event(machine.now, b"config", [(b"read", b"ok")])
    machine.sample()
    machine.encoder.event(machine.now, b"stop", [])
    assert machine.writer.flush()
    return bytes(flash.image)


def boots() -> bytes:
    """Two boots: the clock is set, the last block of the first comes twice early and then from persistent RAM.

    One block in the middle is damaged; the ring came round.
    """
    flash = blank(8)
    first = Machine(flash, Place(0x1112131415161718, 8, 5, 70, 40), 0, 5_000, 2)
    first.start(b"first boot")
    first.fill(2)
    step = 3_600 * 10**9
    first.encoder.event(first.now, b"clock", [(b"from", b"%d" % WALL), (b"to", b"%d" % (WALL + step))])
    first.wall += step
    first.fill(2)
    for _ in range(2):
        first.sample()
        assert first.writer.flush()
    first.encoder.event(first.now, b"mark", [(b"text", b"only persistent RAM has this")])
    place, encoder = first.writer.place, first.encoder
    where = place.ring_id, place.block_number, encoder.base_ms, first.wall, BOOTS[0]
    kept = pmsg.frame(bytes(encoder.payload), 0, first.writer.flags, *where)

    found = prepare.find_place(flash, 8, SIZE).place
    recovered = pmsg.recover(kept, place.ring_id)
    assert found is not None and recovered is not None
    found.block_number = recovered.block_number
    encoding, packed = compress(recovered.payload)
    block = bytearray(SIZE)
    base = recovered.base_ms * 10**6
    flags = recovered.flags | FLAG_RECOVERED
    seal(block, flags, encoding, packed, len(recovered.payload), found, found.head, BOOTS[0], base, base + first.wall)
    flash.write(found.head * SIZE, block)
    again = prepare.find_place(flash, 8, SIZE).place
    assert again is not None
    second = Machine(flash, again, 1, 900, 3)
    second.start(b"second boot")
    second.encoder.kmsg(
        second.now, [b"6,0,0,-;Booting Linux on physical CPU 0x0", b'5,1,0,-,caller=T0;quoted "\\x1b" \\']
    )
    second.fill(1)
    second.sample()
    assert second.writer.flush()
    image = bytearray(flash.image)
    image[0 * SIZE + 2000] ^= 4
    return bytes(image)


def unknown() -> bytes:
    """What later agents may write without a new version of the format, and what none may."""
    place = Place(0x2122232425262728, 5, 0, 0, 0)
    made = Encoder(lambda: None)
    made.soft_limit = 1 << 30
    future = made.table(b"from.the.future", tuple(b"column%d" % n for n in range(19)))
    process = made.table(b"process", (*PROCESS, b"joules", b"rss(anon)"))
    bare = made.table(b"bare", ())
    made.event(7_000, b"came.later", [(b"what", b"\x00\xff\n"), (b"what", b"twice"), (b"", b"")])
    made.begin(7_000, 3 | 0x70)
    largest = (1 << 63) - 1
    edges = (0, -1, 1, 63, 64, -64, -65, None, 8191, -8192, 1 << 32, largest, -largest, None, 5, 6, 7, None, 9)
    made.introduce(future, 1, b"key", b"label", edges)
    made.introduce(process, 2, b"1@2", b"init", (1, 2, 3, 4, 5, 6, 83, 700, None))
    made.introduce(bare, 3, b'a key with blanks and "quotes" \\', b"\x1b[31m", ())
    made.end()
    made.begin(8_000, 0x83)
    assert made.update(future, 1, (largest, 0, *edges[2:-1], -1))
    assert made.update(process, 2, (0, 2, 3, 4, 5, 6, 82, 701, None))
    made.end()
    made.attributes(8_000, process, b"1@2", [(b"ppid", b"0"), (b"from.the.future", b"1"), (b"ppid", b"1")])
    made.attributes(8_000, bare, b"never introduced", [])
    _record(made, 7, 1, b"a kind of record that came later")
    _record(made, 300, 500, b"")
    _record(made, (1 << 64) - 1, 0, bytes(200))
    made.begin(10_000, 1)
    made.introduce(process, 2, b"1@2", b"init, renamed", (None,) * 9)
    made.end()
    made.gone(10_001, process, 2, b"1@2", [(b"exit_code", b"9"), (b"why", b"from the future")])
    flash = blank(5)
    _put(flash, place, FLAG_KEY | 0xF8, DEFLATE, bytes(made.payload))
    made.cut(len(made.payload), made.last_ms)
    made.begin(11_000, 1)
    assert made.update(future, 1, (1, *edges[1:-1], -1))
    made.end()
    _put(flash, place, 0x80, STORED, bytes(made.payload))
    _put(flash, place, 0, 9, bytes(made.payload))  # an encoding that nobody knows: lost, as the rows that follow
    made.event(12_000, b"mark", [(b"text", b"usable all the same")])
    _put(flash, place, 0, STORED, bytes(made.payload))
    bad = bytearray()  # records that break the rules: of a table that there is not, of a key longer than the record
    put_varint(bad, 77)
    made.reset()
    made.cut(len(made.payload), made.last_ms)
    table = made.table(b"t", (b"a",))
    made.begin(13_000, 1)
    made.introduce(table, 1, b"k", b"", (1,))
    made.end()
    _record(made, 3, 1, bytes(bad) + b"\1k")
    made.begin(13_500, 1)
    assert made.update(table, 1, (2,))
    made.end()
    _record(made, 2, 1, b"\1\0\0\x7fk")
    made.begin(14_000, 1)
    assert made.update(table, 1, (3,))
    made.end()
    made.event(14_000, b"mark", [(b"text", b"the row's second change cannot be trusted")])
    _put(flash, place, FLAG_KEY, DEFLATE, bytes(made.payload))
    return bytes(flash.image)


def newer() -> bytes:
    """Two blocks of a version 2 in which only the places that every version keeps are as they were."""
    rng = random.Random(4)
    blocks = []
    for _ in range(2):
        block = bytearray(b"lastgasp\2" + bytes(SIZE - 9))
        block[9:60] = rng.randbytes(51)
        block[11] = 12
        CRC.pack_into(block, SIZE - CRC.size, zlib.crc32(block[: -CRC.size]))
        blocks.append(bytes(block))
    return b"".join(blocks)


def _record(made: Encoder, kind: int, passed: int, body: bytes) -> None:
    time = bytearray()
    put_varint(time, passed)
    put_varint(made.payload, kind)
    put_bytes(made.payload, bytes(time) + body)
    made.last_ms += passed


def _put(flash: EmulatedFlash, place: Place, flags: int, encoding: int, payload: bytes) -> None:
    """A block by hand into the next slot; its times count from 7 s."""
    packed = compress(payload)[1] if encoding == DEFLATE else payload
    block = bytearray(SIZE)
    seal(block, flags, encoding, packed, len(payload), place, place.head, BOOTS[0], 7 * 10**9, -5)
    flash.write(place.head * SIZE, block)
    place.head += 1
    place.write_number += 1
    place.block_number += 1


if __name__ == "__main__":
    for name, make in (("v1-plain", plain), ("v1-boots", boots), ("v1-unknown", unknown), ("v2-newer", newer)):
        ring, text = FOLDER / f"{name}.ring", FOLDER / f"{name}.txt"
        if not ring.exists():
            ring.write_bytes(make())
            text.write_text(by_python(ring.read_bytes()))
