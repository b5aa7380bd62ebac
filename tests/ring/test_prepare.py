"""Making a ring, and finding the place to go on in whatever was left of one."""

from __future__ import annotations

import io
import posix
import random
import zlib

import pytest
from flash import EmulatedFlash
from workload import BLOCK_SIZE, SLOTS, Workload, blank_ring

from lastgasp.ring import prepare
from lastgasp.ring.scan import scan


def ring_after(blocks: int, seed: int = 1, flushes: float = 0.2) -> EmulatedFlash:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, seed)
    rng = random.Random(seed)
    while work.writer.place.block_number < blocks:
        work.sample()
        if rng.random() < flushes:
            work.writer.flush()
    return flash


def test_a_blank_block_does_not_compress_so_that_its_space_is_allotted() -> None:
    block = prepare.blank_block(BLOCK_SIZE)
    assert len(block) == BLOCK_SIZE
    assert len(zlib.compress(block)) > 0.98 * BLOCK_SIZE


def test_a_ring_is_filled_to_its_full_size_and_read_as_blank() -> None:
    flash = EmulatedFlash(bytes(SLOTS * BLOCK_SIZE))
    prepare.fill(flash, 0, flash.size(), BLOCK_SIZE)
    assert scan(io.BytesIO(bytes(flash.image))).blank == SLOTS
    assert flash.unsynced == 0


def test_filling_goes_on_where_a_power_cut_interrupted_it() -> None:
    flash = EmulatedFlash(bytes(SLOTS * BLOCK_SIZE))
    prepare.fill(flash, 5 * BLOCK_SIZE + 77, flash.size(), BLOCK_SIZE)
    assert scan(io.BytesIO(bytes(flash.image))).blank == SLOTS - 5


def test_an_empty_ring_has_no_place_yet() -> None:
    assert prepare.find_place(EmulatedFlash(blank_ring()), SLOTS, BLOCK_SIZE).place is None


def test_garbage_has_no_place() -> None:
    flash = EmulatedFlash(random.Random(1).randbytes(SLOTS * BLOCK_SIZE))
    assert prepare.find_place(flash, SLOTS, BLOCK_SIZE).place is None


def test_the_place_is_where_the_writer_stood_after_any_number_of_blocks() -> None:
    for blocks in range(1, 3 * SLOTS, 5):
        flash = EmulatedFlash(blank_ring())
        work = Workload(flash, blocks)
        while work.writer.place.block_number < blocks:
            work.sample()
        place = prepare.find_place(flash, SLOTS, BLOCK_SIZE).place
        assert place is not None
        assert (place.head, place.write_number) == (work.writer.place.head, work.writer.place.write_number)
        assert place.block_number == blocks
        assert place.ring_id == work.writer.place.ring_id


def test_a_damaged_block_in_the_middle_does_not_lure_the_head_away() -> None:
    flash = ring_after(2 * SLOTS)
    place = prepare.find_place(flash, SLOTS, BLOCK_SIZE).place
    assert place is not None
    for back in range(10, SLOTS - 6):
        slot = (place.head - back) % SLOTS
        image = bytearray(flash.image)
        image[slot * BLOCK_SIZE + 99] ^= 1
        found = prepare.find_place(EmulatedFlash(bytes(image)), SLOTS, BLOCK_SIZE).place
        assert found is not None and found.head == place.head, back


def test_an_unreadable_sector_costs_only_its_block() -> None:
    class Unreadable(EmulatedFlash):
        def read(self, offset: int, size: int) -> bytes:
            if offset == 3 * BLOCK_SIZE:
                raise OSError(5, "emulated")
            return super().read(offset, size)

    flash = ring_after(20)
    whole = prepare.find_place(flash, SLOTS, BLOCK_SIZE)
    found = prepare.find_place(Unreadable(bytes(flash.image)), SLOTS, BLOCK_SIZE)
    assert whole.place is not None and found.place is not None
    assert found.blocks == whole.blocks - 1
    assert found.place.head == whole.place.head


def test_ring_ids_differ_and_are_not_zero() -> None:
    ids = {prepare.new_ring_id() for _ in range(50)}
    assert len(ids) == 50 and 0 not in ids


def test_a_ring_is_made_before_the_pool_of_random_numbers_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_yet(*_: object) -> bytes:
        raise BlockingIOError(11, "emulated")

    monkeypatch.setattr(posix, "getrandom", not_yet)
    monkeypatch.setattr(posix, "urandom", None)  # it would wait
    ids = {prepare.new_ring_id() for _ in range(50)}
    assert len(ids) > 1
    assert all(0 < number < 1 << 64 for number in ids)
    assert len(zlib.compress(prepare.blank_block(BLOCK_SIZE))) > 0.9 * BLOCK_SIZE
