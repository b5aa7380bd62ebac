"""What a ring must hold after a cut: judged on rings that the real writer makes, and that are then damaged."""

from __future__ import annotations

import pytest
from flash import EmulatedFlash
from workload import BLOCK_SIZE, SLOTS, Workload, blank_ring

from rehearsals.promises import Promises, Write, blocks_in, write_of, writes_in


@pytest.fixture(scope="module")
def flash() -> EmulatedFlash:
    """A ring that has come round more than once, with early writes."""
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, seed=5)
    while len(flash.writes) < 3 * SLOTS:
        work.sample()
        if work.rng.random() < 0.05:
            work.writer.flush()
    return flash


def image_after(flash: EmulatedFlash, count: int) -> bytearray:
    image = bytearray(blank_ring())
    for offset, data in flash.writes[:count]:
        image[offset : offset + len(data)] = data
    return image


def promises_after(flash: EmulatedFlash, count: int, complete: bool = True) -> Promises:
    promises = Promises(complete)
    for _, data in flash.writes[:count]:
        for write in writes_in(data, BLOCK_SIZE):
            promises.saw(write)
    return promises


def test_a_block_tells_slot_and_number(flash: EmulatedFlash) -> None:
    for number, (offset, data) in enumerate(flash.writes):
        write = write_of(data)
        assert write is not None
        assert (write.slot, write.number) == (offset // BLOCK_SIZE, number)
    assert write_of(blank_ring(1)) is None
    assert writes_in(blank_ring(1) + flash.writes[3][1] + bytes(BLOCK_SIZE), BLOCK_SIZE) == [
        write_of(flash.writes[3][1])
    ]


def test_a_ring_that_is_whole_has_no_faults_wherever_it_is_cut(flash: EmulatedFlash) -> None:
    for count in range(1, len(flash.writes) + 1):
        promises = promises_after(flash, count)
        assert promises.faults(bytes(image_after(flash, count))) == []
        assert promises.faults(bytes(image_after(flash, count - 1))) == [], "the last one had not been synced"


def test_the_write_under_way_may_be_torn_but_no_other(flash: EmulatedFlash) -> None:
    count = len(flash.writes)
    for back in range(1, 6):
        image = image_after(flash, count)
        offset = flash.writes[count - back][0]
        image[offset + 512 : offset + BLOCK_SIZE] = bytes(BLOCK_SIZE - 512)
        faults = promises_after(flash, count).faults(bytes(image))
        lost = [] if back == 1 else [f"slot {offset // BLOCK_SIZE} has lost write {count - back}"]
        assert faults == lost


def test_a_synced_block_that_went_back_to_what_was_there_before_is_lost(flash: EmulatedFlash) -> None:
    count = len(flash.writes)
    for missing in range(count - 12, count - 1):
        image = bytearray(blank_ring())
        for number, (offset, data) in enumerate(flash.writes):
            if number != missing:
                image[offset : offset + len(data)] = data
        offset = flash.writes[missing][0]
        again = any(offset == other for other, _ in flash.writes[missing + 1 :])
        faults = promises_after(flash, count).faults(bytes(image))
        assert faults == ([] if again else [f"slot {offset // BLOCK_SIZE} has lost write {missing}"])


def test_a_block_that_nobody_wrote_there_is_told(flash: EmulatedFlash) -> None:
    count = len(flash.writes)
    image = image_after(flash, count)
    (to, _), (_, data) = flash.writes[count - 3], flash.writes[count - 2]
    image[to : to + BLOCK_SIZE] = data
    slot = to // BLOCK_SIZE
    assert promises_after(flash, count).faults(bytes(image)) == [
        f"slot {slot} has write {count - 2}, which nobody wrote there"
    ]
    early = promises_after(flash, count - 10)
    assert any("which nobody wrote" in fault for fault in early.faults(bytes(image_after(flash, count))))
    unsure = promises_after(flash, count - 10, complete=False)
    assert unsure.faults(bytes(image_after(flash, count))) == [], "the writes since then may not have been seen"


def test_a_writer_goes_on_with_the_number_of_what_was_lost(flash: EmulatedFlash) -> None:
    count = len(flash.writes)
    promises, image = promises_after(flash, count, complete=False), image_after(flash, count - 1)
    promises.go_on(bytes(image))
    assert promises.newest == count - 2
    assert promises.kept == len(blocks_in(bytes(image))) == SLOTS
    other = Write(flash.writes[-1][0] // BLOCK_SIZE, count - 1, 12345)
    promises.saw(other)
    promises.saw(other)
    assert promises.faults(bytes(image)) == []
