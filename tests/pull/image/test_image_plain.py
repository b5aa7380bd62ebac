"""Dumps in which blocks lie as they were written: at any offset, of several rings, of several ages."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path

import pytest
from dumps import newest, only, recording, search, versions, written

from lastgasp.pull.image.rings import rings
from lastgasp.ring.source import SourceError
from lastgasp.timeline.load import load

CHANCE = random.Random(3)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return tmp_path / "dump"


@pytest.mark.parametrize("offset", [0, 1, 513, 4096, 1_048_575])
@pytest.mark.parametrize("block_size", [4096, 8192, 16384, 32768])
def test_blocks_are_found_at_any_offset(dump: Path, offset: int, block_size: int) -> None:
    ring = written(block_size, blocks=40)
    dump.write_bytes(CHANCE.randbytes(offset) + ring + CHANCE.randbytes(100))
    found, one, blocks = only(dump)
    assert blocks == newest(ring)
    assert (one.newest.slots, one.newest.size, len(one)) == (32, block_size, len(blocks))
    assert (found.layout, found.notes, found.broken) == ([], [], 0)


def test_what_comes_out_is_a_recording(dump: Path, tmp_path: Path) -> None:
    ring = recording()
    dump.write_bytes(CHANCE.randbytes(999) + ring)
    _, _, blocks = only(dump)
    there, here = tmp_path / "there", tmp_path / "here"
    there.write_bytes(ring)
    here.write_bytes(b"".join(blocks))
    (a,), (b,) = load(str(there)), load(str(here))
    assert [boot.sample_at for boot in a.boots] == [boot.sample_at for boot in b.boots]
    assert [boot.events for boot in a.boots] == [boot.events for boot in b.boots]


def test_rings_are_told_apart_and_never_mixed(dump: Path) -> None:
    parts = [written(ring_id=1), recording(), written(16384, ring_id=2), recording("arm64-6.1-zram")]
    slots = [part[at : at + 16384] for part in parts for at in range(0, len(part), 16384)]
    random.Random(1).shuffle(slots)
    dump.write_bytes(b"".join(slots))
    _, found = search(dump)
    assert sorted(found.values()) == sorted(newest(part) for part in parts)


def test_of_a_block_the_newest_version_counts_wherever_it_lies(dump: Path) -> None:
    ring = written(blocks=20)
    older = written(blocks=12)
    for image in (ring + older, older + ring, ring + ring):
        dump.write_bytes(image)
        _, one, blocks = only(dump)
        assert blocks == newest(image)
        assert one.superseded == sum(len(by_write) - 1 for by_write in versions(image).values())
    assert one.missing == 0


def test_the_ring_with_most_blocks_comes_first(dump: Path) -> None:
    dump.write_bytes(recording() + written(ring_id=9, blocks=8) + written(ring_id=4))
    found, _ = search(dump)
    assert [len(ring) for ring in found.rings] == sorted((len(ring) for ring in found.rings), reverse=True)
    assert found.rings[0].ring_id == 4


def test_lost_and_damaged_blocks_are_counted(dump: Path) -> None:
    image = bytearray(written(early=False))
    for slot in (3, 9):
        image[slot * 4096 + 2000] ^= 1
    dump.write_bytes(image + b"lastgasp.recorder" * 3)  # a word in a program
    found, one, blocks = only(dump)
    assert blocks == newest(bytes(image))
    assert (found.broken, one.missing, len(blocks)) == (2, 2, 30)


@pytest.mark.parametrize("size", [0, 1, 5000, 3 << 20])
def test_nothing_is_found_where_nothing_is(dump: Path, size: int) -> None:
    for image in (bytes(size), b"\xff" * size, CHANCE.randbytes(size)):
        dump.write_bytes(image)
        found, blocks = search(dump)
        assert (blocks, found.size, found.layout, found.notes, found.broken) == ({}, size, [], [], 0)


def test_a_ring_that_was_never_written_to_and_one_of_a_later_version_are_told(dump: Path) -> None:
    block = bytearray(newest(written())[0])
    block[8] = 2
    block[-4:] = zlib.crc32(block[:-4]).to_bytes(4, "little")
    dump.write_bytes(recording()[-40960:] + bytes(block))
    found, blocks = search(dump)
    assert (blocks, found.newer) == ({}, 1)
    assert found.blank == 10


def test_a_compressed_dump_is_read_as_well(dump: Path) -> None:
    ring = recording()
    image = bytes(5 << 20) + ring + bytes(3 << 20)
    dump.write_bytes(gzip.compress(image))
    found, _, blocks = only(dump)
    assert (blocks, found.size) == (newest(ring), len(image))


def test_what_unpacks_without_end_is_refused(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lastgasp.pull.image.rings.LIMIT", 1 << 20)
    dump.write_bytes(gzip.compress(bytes(4 << 20)))
    with pytest.raises(SourceError), rings(str(dump)):
        pass


def test_progress_reaches_the_end(dump: Path) -> None:
    dump.write_bytes(bytes(3 << 20) + recording() + bytes(77))
    told: list[tuple[int, int]] = []
    with rings(str(dump), lambda done, total: told.append((done, total))) as found:
        assert found.rings
    assert told[-1] == (found.size, found.size)
    assert told == sorted(told)
