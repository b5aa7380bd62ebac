"""Which blocks a ring holds, by few headers: none is missed, whatever was written, taken off, or kept before."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from lastgasp.pull import store
from lastgasp.pull.blocks import Pulled
from lastgasp.pull.identity import Identity
from lastgasp.pull.listing import Listing
from lastgasp.ring.format import HEADER_SIZE
from lastgasp.ring.prepare import blank_block
from lastgasp.ring.writer import Place, RingWriter

HERE = Identity("board", serial="S1")


class Memory:
    """A ring in memory."""

    def __init__(self, slots: int, block_size: int) -> None:
        self.block_size = block_size
        self.data = bytearray(blank_block(block_size) * slots)
        self.asked = 0

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.data[offset : offset + size])

    def write(self, offset: int, data: bytes | bytearray) -> None:
        self.data[offset : offset + len(data)] = data

    def sync(self) -> None:
        """Done."""

    def size(self) -> int:
        return len(self.data)

    def headers(self, slots: Iterable[int], size: int) -> dict[int, bytes]:
        wanted = list(slots)
        self.asked += len(wanted)
        found = {slot: bytes(self.data[slot * size : slot * size + HEADER_SIZE]) for slot in wanted}
        return {slot: data for slot, data in found.items() if len(data) == HEADER_SIZE}

    def blocks(self) -> dict[int, Pulled]:
        """The last version of each, by number."""
        found: dict[int, Pulled] = {}
        for at in range(0, len(self.data), self.block_size):
            block = Pulled.of(bytes(self.data[at : at + self.block_size]))
            if block is not None and (block.number not in found or found[block.number].write < block.write):
                found[block.number] = block
        return found


def written(chance: random.Random, slots: int, block_size: int) -> tuple[Memory, RingWriter]:
    memory = Memory(slots, block_size)
    writer = RingWriter(memory, Place(7, slots, 0, 0, 0), block_size, b"b" * 16, lambda: 0, key_interval=3)
    return memory, writer


def go_on(chance: random.Random, writer: RingWriter, blocks: int) -> None:
    """The real writer, with early writes at random."""
    end = writer.place.block_number + blocks
    clock_ms = writer.encoder.last_ms
    while writer.place.block_number < end:
        clock_ms += 1000
        writer.encoder.event(clock_ms, b"mark", [(b"text", chance.randbytes(chance.randrange(1, 400)))])
        if chance.random() < 0.2:
            writer.flush()


def listed(memory: Memory, device: store.Device) -> set[tuple[int, int]]:
    heads = Listing(memory.headers, len(memory.data)).heads(device, None)
    best: dict[int, int] = {}
    for one in heads:
        best[one.number] = max(best.get(one.number, -1), one.write)
    return set(best.items())


@pytest.mark.parametrize("seed", range(20))
def test_what_is_not_kept_is_listed(tmp_path: Path, seed: int) -> None:
    print("seed", seed)
    chance = random.Random(seed)
    slots, block_size = chance.choice([(32, 4096), (64, 4096), (100, 4096), (40, 16384)])
    memory, writer = written(chance, slots, block_size)
    for _ in range(4):
        go_on(chance, writer, chance.choice([1, 5, slots // 2, 2 * slots]))
        if chance.random() < 0.3:  # some were taken off, or are damaged
            for slot in chance.sample(range(slots), chance.randrange(slots)):
                memory.write(slot * block_size, chance.choice([blank_block(block_size), bytes(block_size)]))
        there = memory.blocks()
        with store.device(tmp_path, HERE) as device:
            held = device._rings[7].held if 7 in device._rings else {}
            # Of a block whose last version is damaged now an older one is there; the later one may be kept.
            kept = {(n, one.write) for n, one in there.items() if n in held and held[n].write >= one.write}
            assert listed(memory, device) | kept >= {(number, one.write) for number, one in there.items()}
            # A pull that breaks off, of the last so much, or all of it.
            order = sorted(there.values(), key=lambda one: -one.number)
            some = order[: chance.choice([0, 1, len(order) // 2, len(order)])]
            for one in some:
                device.add(one)
            if order and some == order:
                device.completed(7, max(one.write for one in order))


def test_little_is_read_where_little_is_new(tmp_path: Path) -> None:
    chance = random.Random(1)
    memory, writer = written(chance, 1024, 4096)
    go_on(chance, writer, 1500)
    with store.device(tmp_path, HERE) as device:
        for one in memory.blocks().values():
            device.add(one)
        device.completed(7, max(one.write for one in memory.blocks().values()))
    go_on(chance, writer, 3)
    memory.asked = 0
    with store.device(tmp_path, HERE) as device:
        assert listed(memory, device) >= {(n, one.write) for n, one in sorted(memory.blocks().items())[-3:]}
    assert memory.asked < 120


def test_of_a_ring_that_was_made_larger_the_new_part_is_seen_too(tmp_path: Path) -> None:
    chance = random.Random(2)
    memory, writer = written(chance, 32, 4096)
    go_on(chance, writer, 20)
    memory.data += blank_block(4096) * 32
    writer.place.slots = 64
    go_on(chance, writer, 30)
    with store.device(tmp_path, HERE) as device:
        assert listed(memory, device) == {(number, one.write) for number, one in memory.blocks().items()}
