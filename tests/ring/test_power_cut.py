"""Power cut at every write of a full lap, the interrupted write torn in every way that matters."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flash import EmulatedFlash, torn
from workload import BLOCK_SIZE, BOOT, SLOTS, Workload, blank_ring, events_of, invented, read_back

from lastgasp.ring import prepare
from lastgasp.ring.scan import scan
from lastgasp.timeline.load import newest_versions

PARTS = 4  # the cuts are shared out to so many test processes


@dataclass
class Write:
    """One write of the scenario: where, what, and the whole medium before it."""

    offset: int
    data: bytes
    before: bytes
    events: int  # events encoded so far


def record_lap(seed: int) -> tuple[list[Write], Workload]:
    """Run a writer for more than a lap, flushing early at times as it does under pressure."""
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, seed)
    writes: list[Write] = []

    def note(offset: int, data: bytes) -> None:
        assert flash.unsynced == 0, "every write is synced before the next begins"
        writes.append(Write(offset, data, bytes(flash.image), work.next_event))

    flash.before_write = note
    rng = random.Random(seed)
    while work.writer.place.block_number < SLOTS + 12:
        work.sample()
        # Calm and pressure take turns: no early writes, some, one per sample.
        if rng.random() < (0.0, 0.1, 0.4)[work.writer.place.block_number // 5 % 3]:
            assert work.writer.flush()
    return writes, work


def blocks_by_slot(image: bytes) -> dict[int, int]:
    """Slot: block number, of the newest versions."""
    return {b.offset // BLOCK_SIZE: b.number for b in newest_versions(scan(io.BytesIO(image)).blocks)}


LAP, WORK = record_lap(seed=20)


def test_a_write_only_ever_replaces_the_oldest_block_or_a_superseded_one() -> None:
    for write in LAP:
        held = blocks_by_slot(write.before)
        number = held.get(write.offset // BLOCK_SIZE)
        if number is not None:
            assert number <= min(held.values()) + 4, "a block in the middle of the history was overwritten"


def test_the_lap_holds_early_writes_and_comes_round() -> None:
    slots = [write.offset // BLOCK_SIZE for write in LAP]
    assert len(LAP) > 2 * SLOTS
    assert set(slots) == set(range(SLOTS))


class Cuts:
    """Checks what a cut left. Reader and writer go by the valid blocks alone, so what follows from the same set of
    valid blocks is worked out once; that the set and the place to go on are right is checked for every cut."""

    def __init__(self, write: Write) -> None:
        self.write = write
        safe = bytearray(write.before)
        safe[write.offset : write.offset + BLOCK_SIZE] = bytes(BLOCK_SIZE)
        self.synced = scan(io.BytesIO(bytes(safe))).blocks
        self.synced_events = set(events_of(read_back(bytes(safe))))
        self.places: dict[int, tuple[int, int, int]] = {}  # head, write and block number, by what the slot holds

    def check(self, crashed: bytes, name: str) -> None:
        """All that was synced is there, nothing is invented, and a new agent goes on."""
        valid = scan(io.BytesIO(crashed)).blocks
        extra = [block for block in valid if block not in self.synced]
        assert [block for block in valid if block in self.synced] == self.synced, f"{name}: synced blocks are gone"
        for block in extra:
            here = crashed[block.offset : block.offset + BLOCK_SIZE]
            old = self.write.before[block.offset : block.offset + BLOCK_SIZE]
            assert here in (old, self.write.data), f"{name}: a block that nobody wrote"
        outcome = extra[0].write_number if extra else -1
        found = prepare.find_place(EmulatedFlash(crashed), SLOTS, BLOCK_SIZE)
        assert found.blocks == len(valid)
        place = found.place
        numbers = (place.head, place.write_number, place.block_number) if place is not None else (-1, -1, -1)
        if outcome not in self.places:
            self.go_on(crashed, name)
            self.places[outcome] = numbers
        assert self.places[outcome] == numbers, f"{name}: debris led the agent to another place"

    def go_on(self, crashed: bytes, name: str) -> None:
        """Read everything, start an agent on it, write some blocks, read everything again."""
        recording = read_back(crashed)
        found = events_of(recording)
        assert found == sorted(set(found)), name
        assert self.synced_events <= set(found), f"{name}: synced events are gone"
        assert set(found) <= set(range(self.write.events + 1)), f"{name}: events that never were"
        assert not invented(recording, WORK.truth), name

        flash = EmulatedFlash(crashed)
        place = prepare.find_place(flash, SLOTS, BLOCK_SIZE).place
        first = place.block_number if place is not None else 0
        again = Workload(flash, 99, place, boot=BOOT[::-1], start_ms=50, first_event=1_000_000)
        while again.writer.place.block_number < first + 3:
            again.sample()
        again.sample()
        assert again.writer.flush()
        later = read_back(bytes(flash.image))
        events = events_of(later)
        assert [n for n in events if n >= 1_000_000] == again.events, f"{name}: the new agent lost samples"
        # Three blocks and a little were written. What made room for them stood among the oldest blocks: early writes
        # leave neighbours swapped, so it need not have been the very oldest.
        oldest = sorted(blocks_by_slot(crashed).values())[:8]
        allowed = {n for number in oldest for n in events_in(crashed, number)}
        lost = set(found) - set(events)
        assert lost <= allowed, f"{name}: samples from the middle of the history made room"
        assert not invented(later, WORK.truth, again.truth), name


def events_in(image: bytes, number: int) -> list[int]:
    """Events of one block."""
    blocks = [b for b in newest_versions(scan(io.BytesIO(image)).blocks) if b.number == number]
    return events_of(read_back(image[blocks[0].offset : blocks[0].offset + BLOCK_SIZE])) if blocks else []


@pytest.mark.parametrize("part", range(PARTS))
def test_power_cut_at_every_write_loses_nothing_that_was_synced(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(part)
    count = 0
    for number, write in enumerate(LAP):
        if number % PARTS != part:
            continue
        old = write.before[write.offset : write.offset + BLOCK_SIZE]
        cuts = Cuts(write)
        for name, contents in torn(old, write.data, rng):
            crashed = bytearray(write.before)
            crashed[write.offset : write.offset + BLOCK_SIZE] = contents
            cuts.check(bytes(crashed), f"write {number} to slot {write.offset // BLOCK_SIZE}: {name}")
            count += 1
    record_property("counted: power cuts tried", count)


def test_power_cut_while_the_ring_is_made() -> None:
    size = SLOTS * BLOCK_SIZE
    blank = prepare.blank_block(BLOCK_SIZE)
    for cut in [0, 1, 511, 512, 4095, 4096, 5000, size // 2, size - 1]:
        made = (blank * SLOTS)[:cut]
        assert read_back(made) is None
        flash = EmulatedFlash(made + bytes(size - cut))
        prepare.fill(flash, cut, size, BLOCK_SIZE)
        assert prepare.find_place(flash, SLOTS, BLOCK_SIZE).place is None
        work = Workload(flash, 5)
        work.sample()
        assert work.writer.flush()
        assert events_of(read_back(bytes(flash.image))) == [0]
