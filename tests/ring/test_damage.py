"""Damaged media: what a flipped bit, a lost block or plain garbage costs, and what it never does."""

from __future__ import annotations

import io
import os
import random
import resource
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from flash import EmulatedFlash
from workload import BLOCK_SIZE, SLOTS, Workload, blank_ring, events_of, invented, read_back

from lastgasp.ring.format import CRC, FLAG_KEY, MAGIC, STORED, VERSION
from lastgasp.ring.scan import scan
from lastgasp.ring.writer import Place, seal
from lastgasp.timeline.load import LoadError, load

SEED = int(os.environ.get("LASTGASP_SEED", "1"))


def full_ring(seed: int = 3, blocks: int = SLOTS - 2) -> tuple[bytes, Workload]:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, seed)
    while work.writer.place.block_number < blocks:
        work.sample(rows=25)
    assert work.writer.flush()
    return bytes(flash.image), work


IMAGE, WORK = full_ring()


def test_an_undamaged_ring_gives_back_every_sample_and_every_value() -> None:
    recording = read_back(IMAGE)
    assert recording is not None
    assert events_of(recording) == WORK.events
    assert not invented(recording, WORK.truth)
    found = {
        (key, at)
        for key, all_series in recording.boots[0].rows("process").items()
        for series in all_series
        for at in series.at
    }
    assert {(key, at) for key, points in WORK.truth.items() for at in points} <= found
    assert (recording.missing, recording.undecodable, recording.unseen, recording.damaged) == (0, 0, 0, [])


def test_every_single_flipped_bit_of_a_block_is_detected(record_property: Callable[[str, object], None]) -> None:
    block = bytearray(IMAGE[5 * BLOCK_SIZE : 6 * BLOCK_SIZE])
    for bit in range(len(block) * 8):
        block[bit >> 3] ^= 1 << (bit & 7)
        assert not scan(io.BytesIO(block)).blocks, f"bit {bit}"
        block[bit >> 3] ^= 1 << (bit & 7)
    assert len(scan(io.BytesIO(block)).blocks) == 1
    record_property("counted: single-bit flips detected", len(block) * 8)


@pytest.mark.parametrize("number", range(1, SLOTS - 4))
def test_a_damaged_block_costs_itself_and_at_most_the_values_up_to_the_next_key_block(number: int) -> None:
    whole = read_back(IMAGE)
    damaged = bytearray(IMAGE)
    damaged[number * BLOCK_SIZE + 1000] ^= 0x10
    recording = read_back(bytes(damaged))
    assert whole is not None and recording is not None
    blocks = scan(io.BytesIO(IMAGE)).blocks
    after = next(b.number for b in blocks if b.number > number and b.key)
    assert after - number <= 8, "key blocks come often enough"
    assert recording.missing == 1
    assert recording.damaged == [(number * BLOCK_SIZE, BLOCK_SIZE)]
    lost_events = set(events_of(whole)) - set(events_of(recording))
    own = set(events_of(read_back(IMAGE[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE])))
    assert lost_events == own, "events of other blocks are all there"
    assert not invented(recording, WORK.truth)
    first = blocks[number].uptime_ns // 1_000_000
    until = blocks[after].uptime_ns // 1_000_000
    points = {(k, at) for k, ss in recording.boots[0].rows("process").items() for s in ss for at in s.at}
    for key, truth in WORK.truth.items():
        for at in truth:
            assert (key, at) in points or first <= at <= until, f"{key!r} at {at} is gone"
    (gap,) = recording.boots[0].gaps
    assert gap.blocks == 1
    assert gap.from_ms <= first + 5000 and gap.to_ms >= first


def test_values_are_unknown_across_a_gap() -> None:
    damaged = bytearray(IMAGE)
    damaged[9 * BLOCK_SIZE] ^= 1
    recording = read_back(bytes(damaged))
    assert recording is not None
    boot = recording.boots[0]
    (gap,) = boot.gaps
    middle = (gap.from_ms + gap.to_ms) // 2
    for key in boot.rows("process"):
        times, _ = boot.points("process", key, "rss")
        if not any(gap.from_ms < t <= middle for t in times):
            assert boot.value_at("process", key, "rss", middle) is None


def test_any_half_of_the_blocks_damaged_at_random_never_invents_a_value() -> None:
    rng = random.Random(SEED)
    for turn in range(12):
        damaged = bytearray(IMAGE)
        for slot in range(SLOTS):
            if rng.random() < 0.5:
                at = slot * BLOCK_SIZE + rng.randrange(BLOCK_SIZE)
                damaged[at] ^= 1 << rng.randrange(8)
        recording = read_back(bytes(damaged))
        assert not invented(recording, WORK.truth), f"seed {SEED} turn {turn}"
        events = events_of(recording)
        assert events == sorted(set(events)), f"seed {SEED} turn {turn}"


def message(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "ring"
    path.write_bytes(data)
    with pytest.raises(LoadError) as caught:
        load(str(path))
    text = str(caught.value)
    assert "\n" not in text
    return text.removeprefix(str(path))


def test_an_empty_file_gets_one_clear_line(tmp_path: Path) -> None:
    assert "empty file" in message(tmp_path, b"")


def test_four_mebibytes_of_garbage_get_one_clear_line(tmp_path: Path) -> None:
    assert "no recording in these 4194304 bytes" in message(tmp_path, random.Random(SEED).randbytes(4 << 20))


def test_garbage_full_of_magic_numbers_gets_one_clear_line(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    data = b"".join(MAGIC + bytes((VERSION, 1, 1, 12)) + rng.randbytes(rng.randrange(5000)) for _ in range(500))
    assert "no recording" in message(tmp_path, data)


def test_a_ring_that_nothing_was_written_to_says_so(tmp_path: Path) -> None:
    assert "nothing was written to yet" in message(tmp_path, blank_ring())


def newer(block: bytes) -> bytes:
    changed = bytearray(block)
    changed[8] = VERSION + 1
    CRC.pack_into(changed, len(changed) - CRC.size, zlib.crc32(changed[: -CRC.size]))
    return bytes(changed)


def test_a_ring_of_a_newer_format_says_to_upgrade(tmp_path: Path) -> None:
    data = b"".join(newer(IMAGE[i * BLOCK_SIZE : (i + 1) * BLOCK_SIZE]) for i in range(4))
    assert "newer lastgasp (ring format 2; this one reads 1): upgrade" in message(tmp_path, data)


def test_a_ring_with_some_blocks_of_a_newer_format_is_read_as_far_as_it_goes() -> None:
    data = IMAGE[: 4 * BLOCK_SIZE] + newer(IMAGE[4 * BLOCK_SIZE : 5 * BLOCK_SIZE])
    recording = read_back(data)
    assert recording is not None
    assert recording.newer == 1
    assert events_of(recording) == events_of(read_back(IMAGE[: 4 * BLOCK_SIZE]))


def test_a_gigabyte_of_zeros_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "zeros"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    program = (
        "import sys, resource; from lastgasp.timeline.load import load, LoadError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: load(sys.argv[1])\n"
        "except LoadError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    agent = Path(__file__).parents[2] / "agent"
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={"PYTHONPATH": str(agent)},
        capture_output=True,
        text=True,
        check=True,
    )
    line, grown_kb = done.stdout.splitlines()
    assert "nothing but zeros" in line
    assert int(grown_kb) < 20_000
    assert resource.getpagesize() > 0


def test_a_ring_truncated_at_any_byte_reads_what_is_left() -> None:
    whole = scan(io.BytesIO(IMAGE)).blocks
    image = IMAGE[: 6 * BLOCK_SIZE]
    cuts = {*range(0, len(image), 97), *range(2 * BLOCK_SIZE - 40, 2 * BLOCK_SIZE + 40), *range(200)}
    for cut in sorted(cuts):
        found = scan(io.BytesIO(image[:cut]))
        assert found.blocks == whole[: cut // BLOCK_SIZE], cut
        assert sum(size for _, size in found.damaged) + found.empty_bytes == cut % BLOCK_SIZE, cut


def test_blocks_are_found_at_any_alignment_in_an_image() -> None:
    rng = random.Random(SEED)
    blocks = [IMAGE[i * BLOCK_SIZE : (i + 1) * BLOCK_SIZE] for i in range(10)]
    order = rng.sample(range(10), 10)
    image = b"".join(rng.randbytes(rng.randrange(1, 3000)) + blocks[i] for i in order)
    recording = read_back(image)
    assert events_of(recording) == events_of(read_back(IMAGE[: 10 * BLOCK_SIZE]))


def test_two_rings_in_one_file_are_told_apart(tmp_path: Path) -> None:
    other = EmulatedFlash(blank_ring())
    work = Workload(other, 8)
    work.writer.place.ring_id = 77
    work.sample()
    assert work.writer.flush()
    path = tmp_path / "two"
    path.write_bytes(IMAGE + bytes(other.image))
    first, second = load(str(path))
    assert (events_of(first), events_of(second)) == (WORK.events, [0])


@pytest.mark.parametrize("seed", range(3))
def test_values_are_unknown_behind_an_early_version_whose_last_one_is_lost(seed: int) -> None:
    """An image of the medium may hold old versions; one slot too many can be damaged."""
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, SEED + seed)
    rng = random.Random(SEED + seed)
    while work.writer.place.block_number < 8:
        work.sample(rows=25)
        if rng.random() < 0.4:
            assert work.writer.flush()
    assert work.writer.flush()
    versions: dict[int, list[bytes]] = {}
    for _, data in flash.writes:
        versions.setdefault(scan(io.BytesIO(data)).blocks[0].number, []).append(data)
    whole = b"".join(blocks[-1] for blocks in versions.values())
    recording = read_back(whole)
    assert recording is not None
    assert (recording.missing, recording.unseen) == (0, 0), "the last version may be an early one"
    lost = [number for number in list(versions)[:-1] if len(versions[number]) > 1]
    assert lost
    for number in lost:
        recording = read_back(whole.replace(versions[number][-1], versions[number][-2]))
        assert not invented(recording, work.truth), number


def test_a_blank_block_of_a_smaller_ring_does_not_hide_what_follows() -> None:
    large = bytearray(4 * BLOCK_SIZE)
    seal(large, FLAG_KEY, STORED, b"", 0, Place(77, SLOTS, 0, 0, 0), 0, bytes(16), 0, 0)
    found = scan(io.BytesIO(large + blank_ring(2) + IMAGE[:BLOCK_SIZE]))
    assert [block.size for block in found.blocks] == [4 * BLOCK_SIZE, BLOCK_SIZE]
    assert found.blank == 2


def test_a_block_of_version_0_is_none() -> None:
    block = bytearray(IMAGE[:BLOCK_SIZE])
    block[8] = 0
    CRC.pack_into(block, len(block) - CRC.size, zlib.crc32(block[: -CRC.size]))
    found = scan(io.BytesIO(block))
    assert (found.blocks, found.newer) == ([], 0)
