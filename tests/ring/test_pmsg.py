"""Persistent RAM: what was not on flash at a warm reset is put back into the ring, once, and nothing else."""

from __future__ import annotations

import random
from pathlib import Path

from flash import EmulatedFlash
from workload import BLOCK_SIZE, BOOT, RING_ID, SLOTS, WALL_NS, Workload, blank_ring, events_of, invented, read_back

from lastgasp.recorder import ring_file
from lastgasp.recorder.config import Config
from lastgasp.ring import pmsg, prepare

PMSG_SIZE = 65536


def mirrored(work: Workload, at: int) -> bytes:
    """The frame that the agent would write for the payload from ``at`` on."""
    writer = work.writer
    data = bytes(writer.encoder.payload[at:])
    base = writer.encoder.base_ms
    return pmsg.frame(data, at, writer.flags, RING_ID, writer.place.block_number, base, WALL_NS, BOOT)


def run_until_reset(blocks: int, more: int) -> tuple[EmulatedFlash, Workload, bytes]:
    """Some blocks on flash, then ``more`` samples that only persistent RAM saw."""
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, 12)
    ram = b""
    number, at = -1, 0
    left = more
    while work.writer.place.block_number < blocks or left:
        work.sample()
        if work.writer.place.block_number != number:
            number, at = work.writer.place.block_number, 0
        ram += mirrored(work, at)
        at = len(work.encoder.payload)
        if work.writer.place.block_number >= blocks:
            left -= 1
    return flash, work, ram[-PMSG_SIZE:]


def start_again(tmp_path: Path, flash: EmulatedFlash, ram: bytes | None) -> tuple[bytes, list[str]]:
    """Open the ring as the agent does after the reset. Returns the medium, and what was noted."""
    root = tmp_path / "root"
    store = root / "sys/fs/pstore"
    store.mkdir(parents=True, exist_ok=True)
    if ram is not None:
        (store / "pmsg-ramoops-0").write_bytes(ram)
    ring = tmp_path / "ring"
    ring.write_bytes(flash.image)
    config = Config()
    config.ring_path = str(ring)
    config.ring_size = SLOTS * BLOCK_SIZE
    opened = ring_file.open_ring(config, b"\1" * 16, str(root).encode() + b"/")
    opened.storage.close()
    return ring.read_bytes(), opened.notes


def test_unflushed_samples_come_back_after_a_warm_reset(tmp_path: Path) -> None:
    flash, work, ram = run_until_reset(5, 4)
    before = events_of(read_back(bytes(flash.image)))
    image, notes = start_again(tmp_path, flash, ram)
    recording = read_back(image)
    assert len(before) < len(work.events)
    assert events_of(recording) == work.events
    assert not invented(recording, work.truth)
    assert any("recovered" in note for note in notes)
    assert recording is not None and recording.boots[0].recovered == 1


def test_starting_again_with_the_same_ram_adds_nothing(tmp_path: Path) -> None:
    flash, work, ram = run_until_reset(5, 4)
    image, _ = start_again(tmp_path, flash, ram)
    again, notes = start_again(tmp_path, EmulatedFlash(image), ram)
    assert again == image
    assert not any("recovered" in note for note in notes)
    assert events_of(read_back(again)) == work.events


def test_what_flash_already_has_is_not_written_again(tmp_path: Path) -> None:
    flash, work, ram = run_until_reset(5, 4)
    assert work.writer.flush()
    image, _ = start_again(tmp_path, flash, ram)
    assert image == bytes(flash.image)


def test_a_longer_version_of_a_block_that_was_written_early_is_recovered(tmp_path: Path) -> None:
    flash, work, ram = run_until_reset(5, 2)
    assert work.writer.flush()
    at = len(work.encoder.payload)
    work.sample()
    ram += mirrored(work, at)
    image, _ = start_again(tmp_path, flash, ram)
    assert events_of(read_back(image)) == work.events


def test_ram_that_begins_inside_a_frame_or_holds_other_writers_words_is_no_trouble() -> None:
    _, work, ram = run_until_reset(3, 3)
    found = pmsg.recover(b"junk LGpm junk" + b"other: words\n" + ram[57:], RING_ID)
    assert found is not None and found.payload == bytes(work.encoder.payload)


def test_a_lost_frame_loses_what_came_after_it_and_nothing_is_invented() -> None:
    _, work, _ = run_until_reset(3, 1)
    start = len(work.encoder.payload)
    frames = [mirrored(work, 0)]
    for _ in range(4):
        at = len(work.encoder.payload)
        work.sample()
        frames.append(mirrored(work, at))
    found = pmsg.recover(frames[0] + frames[1] + frames[3] + frames[4], RING_ID)
    assert found is not None
    assert bytes(work.encoder.payload).startswith(found.payload)
    assert len(found.payload) > start


def test_frames_of_another_ring_are_left_alone() -> None:
    _, _, ram = run_until_reset(2, 2)
    assert pmsg.recover(ram, RING_ID + 1) is None


def test_any_damage_to_the_ram_recovers_a_beginning_of_the_payload_or_nothing() -> None:
    _, work, ram = run_until_reset(2, 6)
    payload = bytes(work.encoder.payload)
    rng = random.Random(3)
    for turn in range(600):
        bad = bytearray(ram)
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(len(bad))
            bad[at : at + rng.randrange(1, 200)] = rng.randbytes(rng.randrange(1, 200))
        found = pmsg.recover(bytes(bad), RING_ID)
        if found is not None and found.block_number == work.writer.place.block_number:
            assert payload.startswith(found.payload), turn


def test_the_last_record_of_a_payload_can_be_taken_off() -> None:
    _, work, _ = run_until_reset(1, 3)
    payload = bytes(work.encoder.payload)
    shorter = pmsg.without_last_record(payload)
    assert payload.startswith(shorter) and len(shorter) < len(payload)
    assert pmsg.without_last_record(payload + b"\x05\x7f") == payload
    assert pmsg.without_last_record(b"") == b""
    assert prepare.valid_block(b"") is False
