"""Dumps of NAND pages with their spare areas: the sizes are found in the data."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from dumps import newest, only, recording, search, with_spare, written

from lastgasp.pull.image.nand import KEPT, Samples

SIZES = [(512, 16), (2048, 64), (2048, 112), (2048, 128), (4096, 128), (4096, 224), (4096, 256)]
LARGE = [(8192, 448), (8192, 640), (8192, 744), (16384, 1280), (16384, 1664)]


@pytest.mark.parametrize(("page", "spare"), SIZES + LARGE)
def test_spare_areas_are_taken_out(tmp_path: Path, page: int, spare: int) -> None:
    chance = random.Random(page + spare)
    images = [recording(), written(16384, ring_id=1), written(ring_id=2)]
    dump = tmp_path / "dump"
    dump.write_bytes(
        with_spare(b"".join(chance.randbytes(chance.randrange(5000)) + one for one in images), page, spare)
    )
    found, blocks = search(dump)
    assert sorted(blocks.values()) == sorted(map(newest, images))
    assert found.layout == [f"NAND pages of {page}+{spare} bytes: spare areas taken out"]
    assert found.broken == 0
    assert any(ring.put_together for ring in found.rings)


def test_blocks_that_lie_within_pages_need_nothing_taken_out(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    dump.write_bytes(with_spare(written(), 4096, 224))
    found, one, blocks = only(dump)
    assert blocks == newest(written())
    assert (found.layout, found.broken, dict(one.put_together)) == ([], 0, {})


def test_two_blocks_are_enough_to_tell(tmp_path: Path) -> None:
    ring = recording()  # holds two
    dump = tmp_path / "dump"
    dump.write_bytes(with_spare(bytes(131_072) + ring, 2048, 64))
    found, _, blocks = only(dump)
    assert blocks == newest(ring)
    assert found.layout == ["NAND pages of 2048+64 bytes: spare areas taken out"]


def test_damaged_blocks_do_not_hide_the_sizes(tmp_path: Path) -> None:
    chance = random.Random(8)
    ring = bytearray(written(slots=64, blocks=70, early=False))
    for at in range(0, len(ring), 4096):
        if chance.random() < 0.7:
            ring[at + chance.randrange(100, 4096)] ^= 1 << chance.randrange(8)
    dump = tmp_path / "dump"
    dump.write_bytes(with_spare(bytes(ring), 2048, 64))
    found, _, blocks = only(dump)
    assert blocks == newest(bytes(ring))
    assert found.layout == ["NAND pages of 2048+64 bytes: spare areas taken out"]
    assert found.broken == 64 - len(blocks)


def test_damage_alone_is_not_taken_for_spare_areas(tmp_path: Path) -> None:
    ring = bytearray(written(early=False))
    for at in range(0, len(ring), 4096):
        ring[at + 3000] ^= 4
    dump = tmp_path / "dump"
    dump.write_bytes(ring)
    found, blocks = search(dump)
    assert (blocks, found.layout, found.broken) == ({}, [], 32)


def test_samples_are_few_and_spread_over_all() -> None:
    for count in (1, KEPT, KEPT + 1, 1000, 12_345):
        samples = Samples()
        for n in range(count):
            samples.add(n, 4096, lambda data: True)
        offsets = [offset for offset, *_ in samples.kept]
        assert len(offsets) <= KEPT
        assert len(offsets) >= min(count, KEPT // 2)
        assert (
            max(b - a for a, b in zip([*offsets, count], [*offsets[1:], count, count], strict=True))
            <= 2 * count / 32 + 2
        )
