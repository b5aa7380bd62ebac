"""ext4 and what came before it, in images of e2fsprogs: files in one piece, and in many."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from dumps import ext4, folder, in_pieces, newest, search, written

SMALL, LARGE = written(ring_id=1), written(16384, ring_id=2, early=False)


@pytest.mark.parametrize("block", [1024, 2048, 4096])
def test_rings_in_one_piece_are_found(tmp_path: Path, block: int) -> None:
    root = folder(tmp_path / "root", {"small": SMALL, "large": LARGE})
    found, blocks = search(ext4(tmp_path / "ext4", root, block))
    assert blocks == {1: newest(SMALL), 2: newest(LARGE)}
    assert (found.layout, found.broken) == ([], 0)


@pytest.mark.parametrize("kind", ["ext4", "ext3", "ext2"])
@pytest.mark.parametrize("block", [1024, 4096])
def test_rings_in_many_pieces_are_put_together(tmp_path: Path, block: int, kind: str) -> None:
    image = ext4(tmp_path / "ext4", folder(tmp_path / "root", {}), block, kind=kind)
    (tmp_path / "small").write_bytes(SMALL)
    (tmp_path / "large").write_bytes(LARGE)
    in_pieces(image, block, {"small": tmp_path / "small", "large": tmp_path / "large"})
    chance = random.Random(4)
    disk = tmp_path / "disk"  # a partition of a disk with others
    disk.write_bytes(chance.randbytes(1 << 20) + image.read_bytes() + chance.randbytes(1 << 20))
    found, blocks = search(disk)
    assert blocks == {1: newest(SMALL), 2: newest(LARGE)}
    assert found.layout == [f"ext4 with blocks of {block} bytes: 2 files in pieces"]
    assert found.broken == 0
    assert {ring.ring_id for ring in found.rings if ring.put_together} == ({1, 2} if block < 4096 else {2})


def test_blocks_that_are_cut_are_counted_where_the_file_system_is_gone(tmp_path: Path) -> None:
    image = ext4(tmp_path / "ext4", folder(tmp_path / "root", {}), 1024)
    (tmp_path / "small").write_bytes(SMALL)
    in_pieces(image, 1024, {"small": tmp_path / "small"})
    data = image.read_bytes()
    image.write_bytes(bytes(2048) + data[2048:])
    found, blocks = search(image)
    assert (blocks, found.broken) == ({}, 32)
