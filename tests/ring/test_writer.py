"""The writer: what it does with time, errors, restarts and sizes."""

from __future__ import annotations

import errno
import io
import itertools
import random

import pytest
from flash import EmulatedFlash, FailingFlash
from workload import BLOCK_SIZE, SLOTS, Workload, blank_ring, events_of, invented, read_back

from lastgasp.ring import prepare
from lastgasp.ring.scan import scan
from lastgasp.timeline.load import newest_versions


def test_blocks_are_nearly_full_when_they_are_closed() -> None:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, 1)
    while work.writer.place.block_number < 20:
        work.sample(rows=25)
    sizes = [block.payload_size for block in scan(io.BytesIO(bytes(flash.image))).blocks]
    assert sum(sizes) / len(sizes) > 0.93 * BLOCK_SIZE


def test_key_blocks_come_at_the_interval_asked_for() -> None:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, 1, key_interval=3)
    while work.writer.place.block_number < 24:
        work.sample(rows=25)
    keys = [block.number for block in scan(io.BytesIO(bytes(flash.image))).blocks if block.key]
    assert max(b - a for a, b in itertools.pairwise(keys)) <= 6
    assert len(keys) >= 5


def test_flush_without_anything_new_writes_nothing() -> None:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, 1)
    work.sample()
    assert work.writer.flush()
    written = len(flash.writes)
    assert work.writer.flush()
    assert len(flash.writes) == written


def test_early_writes_take_turns_between_two_slots_and_use_up_no_history() -> None:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, 1)
    for _ in range(60):
        work.sample(rows=4)
        assert work.writer.flush()
    blocks = work.writer.place.block_number + 1
    slots = {offset // BLOCK_SIZE for offset, _ in flash.writes}
    assert len(flash.writes) >= 60
    assert len(slots) <= 2 * blocks + 1
    assert events_of(read_back(bytes(flash.image))) == work.events


def test_the_oldest_blocks_make_room_lap_after_lap() -> None:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, 1)
    while work.writer.place.block_number < 4 * SLOTS:
        work.sample()
    assert work.writer.flush()
    recording = read_back(bytes(flash.image))
    events = events_of(recording)
    assert events == work.events[-len(events) :]
    assert recording is not None and recording.blocks >= SLOTS - 1
    assert not invented(recording, work.truth)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_samples_wait_in_memory_until_storage_takes_them_again(number: int) -> None:
    flash = FailingFlash(blank_ring())
    flash.errno = number
    work = Workload(flash, 4)
    while work.writer.place.block_number < 3:
        work.sample()
    flash.fail_writes = {flash.operations + 1, flash.operations + 2}
    for _ in range(20):
        work.sample()
    assert work.writer.errors == 2
    assert work.writer.last_error == number
    assert work.writer.flush()
    assert work.writer.lost == 0
    recording = read_back(bytes(flash.image))
    assert events_of(recording) == work.events
    assert not invented(recording, work.truth)


def test_memory_stays_bounded_while_storage_refuses_everything_and_what_was_dropped_is_counted() -> None:
    flash = FailingFlash(blank_ring())
    work = Workload(flash, 4)
    flash.fail_writes = set(range(100_000))
    for _ in range(600):
        work.sample()
        assert len(work.encoder.payload) < 8 * BLOCK_SIZE
    assert work.writer.lost > 0
    flash.fail_writes = set()
    work.sample()
    assert work.writer.flush()
    recording = read_back(bytes(flash.image))
    assert work.events[-1] in events_of(recording)
    assert not invented(recording, work.truth)


def test_an_error_at_any_write_or_sync_with_any_part_written_loses_nothing_that_was_synced() -> None:
    for operation in range(1, 60):
        rng = random.Random(operation)
        flash = FailingFlash(blank_ring())
        flash.fail_writes = flash.fail_syncs = {operation}
        flash.part = rng.choice([0, 512, 2048, BLOCK_SIZE])
        work = Workload(flash, 6)
        for _ in range(120):
            work.sample()
            if rng.random() < 0.3:
                work.writer.flush()
        assert work.writer.flush()
        recording = read_back(bytes(flash.image))
        assert events_of(recording) == work.events, operation
        assert not invented(recording, work.truth), operation


def test_a_restarted_agent_goes_on_behind_the_newest_block() -> None:
    flash = EmulatedFlash(blank_ring())
    events: list[int] = []
    for run in range(9):
        place = prepare.find_place(flash, SLOTS, BLOCK_SIZE).place
        work = Workload(flash, run, place, start_ms=10_000 + run * 100_000, first_event=len(events))
        for _ in range(5 + run * 4):
            work.sample()
            if run % 3 == 0:
                assert work.writer.flush()
        assert work.writer.flush()
        events += work.events
        assert events_of(read_back(bytes(flash.image))) == events[-len(events_of(read_back(bytes(flash.image)))) :]
    blocks = newest_versions(scan(io.BytesIO(bytes(flash.image))).blocks)
    assert [block.number for block in blocks] == list(range(blocks[0].number, blocks[-1].number + 1))


def test_a_record_larger_than_a_block_is_dropped_and_counted_and_harms_nothing_else() -> None:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, 2)
    work.sample()
    assert work.writer.flush()
    work.encoder.event(work.now_ms, b"mark", [(b"n", b"999"), (b"x", random.Random(1).randbytes(9000))])
    for _ in range(40):
        work.sample()
    assert work.writer.flush()
    assert work.writer.lost > 0
    found = events_of(read_back(bytes(flash.image)))
    assert found[0] == 0 and found[-1] == work.events[-1]
