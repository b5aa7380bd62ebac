"""UBI and UBIFS, in images of mtd-utils."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import pytest
from dumps import folder, newest, only, recording, search, shuffled, ubi, ubifs, versions, with_spare, written

from lastgasp.pull.image import unpack
from lastgasp.pull.image.ubifs import HEADER, MAGIC

ERASE_BLOCK = 131_072
RINGS = {"ring": recording(), "early": written(ring_id=1), "large": written(16384, ring_id=2, early=False)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("root") / "root", RINGS)


@pytest.mark.parametrize("compression", ["none", "lzo", "zlib", "zstd"])
def test_rings_are_found_in_ubifs(tmp_path: Path, root: Path, compression: str) -> None:
    if compression == "zstd" and unpack.zstd() is None:
        pytest.skip("neither Python 3.14 nor libzstd")
    image = ubifs(tmp_path / "ubifs", root, compression)
    found, blocks = search(image)
    assert sorted(blocks.values()) == sorted(map(newest, RINGS.values()))
    assert found.layout[0].startswith("UBIFS: ")
    assert (found.notes, found.broken) == ([], 0)


@pytest.mark.parametrize(("page", "spare"), [(2048, 64), (4096, 224)])
def test_rings_are_found_in_a_nand_dump_of_ubi(tmp_path: Path, root: Path, page: int, spare: int) -> None:
    size = 64 * page
    one, two = ubifs(tmp_path / "one", root, page=page, block=size - 2 * page), tmp_path / "two"
    ubifs(two, folder(tmp_path / "other", {"third": written(8192, ring_id=3)}), page=page, block=size - 2 * page)
    image = ubi(tmp_path / "ubi", [("root", one), ("data", two)], page, size)
    dump = tmp_path / "dump"
    dump.write_bytes(with_spare(shuffled(image.read_bytes(), size), page, spare))
    found, blocks = search(dump)
    assert sorted(blocks.values()) == sorted([*map(newest, RINGS.values()), newest(written(8192, ring_id=3))])
    assert found.layout[0] == f"NAND pages of {page}+{spare} bytes: spare areas taken out"
    assert found.layout[1].endswith(f" erase blocks of {size} bytes, volumes 0, 1")
    assert found.broken == 0


def test_a_ring_that_is_the_volume_is_put_together_across_erase_blocks(tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    ring.write_bytes(written(16384, slots=40, blocks=60))
    # sub-pages make the headers smaller: an erase block holds 31.5 blocks of 4 KiB
    image = ubi(tmp_path / "ubi", [("log", ring)], 2048, ERASE_BLOCK, "-s", "512")
    dump = tmp_path / "dump"
    dump.write_bytes(shuffled(image.read_bytes(), ERASE_BLOCK))
    found, one, blocks = only(dump)
    assert blocks == newest(ring.read_bytes())
    assert one.put_together["UBI erase blocks"] > 2
    assert found.broken == 0


def test_old_copies_of_erase_blocks_do_not_count(tmp_path: Path) -> None:
    before, after = written(16384, slots=40, blocks=20), written(16384, slots=40, blocks=90)
    images = []
    for n, ring in enumerate((before, after)):
        path = tmp_path / f"ring{n}"
        path.write_bytes(ring)
        made = ubi(tmp_path / f"ubi{n}", [("log", path)], 2048, ERASE_BLOCK, "-s", "512", "-Q", "5").read_bytes()
        images.append(_numbered(made, n * 1000 + 1))
    old = [images[0][at : at + ERASE_BLOCK] for at in range(2 * ERASE_BLOCK, len(images[0]), ERASE_BLOCK)]
    dump = tmp_path / "dump"
    dump.write_bytes(shuffled(images[1] + b"".join(old[::2]), ERASE_BLOCK, seed=4))
    _, _, blocks = only(dump)
    wanted = newest(after)
    assert blocks[-len(wanted) :] == wanted


def _numbered(image: bytes, first: int) -> bytes:
    """With sequence numbers, as the kernel writes them; ubinize leaves them all 0."""
    made = bytearray(image)
    for at in range(0, len(made), ERASE_BLOCK):
        header = made.index(b"UBI!", at)
        struct.pack_into(">Q", made, header + 40, first + at // ERASE_BLOCK)
        struct.pack_into(">I", made, header + 60, zlib.crc32(made[header : header + 60]) ^ 0xFFFFFFFF)
    return bytes(made)


def node(data: bytes, inode: int, block: int, order: int) -> bytes:
    """A data node as the kernel writes it, padded to 8 bytes."""
    packed = zlib.compress(data, wbits=-15)
    kind = 2 if len(packed) < len(data) - 64 else 0
    stored = packed if kind else data
    header = HEADER.pack(MAGIC, 0, order, HEADER.size + len(stored), 1, 0, inode, block | 1 << 29, len(data), kind, 0)
    body = header[8:] + stored
    made = header[:4] + (zlib.crc32(body) ^ 0xFFFFFFFF).to_bytes(4, "little") + body
    return made + bytes(-len(made) % 8)


def test_every_version_of_a_block_that_is_still_whole_is_found(tmp_path: Path) -> None:
    """A ring that came round: nodes of several versions, some of the old ones already erased."""
    chance = random.Random(6)
    history = [
        block
        for _, by_write in sorted(versions(written(16384, slots=80, blocks=70)).items())
        for block in by_write.values()
    ]
    history.sort(key=lambda block: int.from_bytes(block[32:40], "little"))
    nodes, order = [], 1000
    for n, block in enumerate(history):
        for part in range(4):
            order += 1
            if n >= len(history) - 32 or chance.random() < 0.9:
                data = block[part * 4096 : part * 4096 + 4096]
                nodes.append(node(data, 65, n % 32 * 4 + part, order))
    for data in chance.sample(nodes, 40):  # moved by the garbage collector, not yet erased
        nodes.append(data)
    chance.shuffle(nodes)
    dump = tmp_path / "dump"
    dump.write_bytes(b"".join(nodes))
    _, one, blocks = only(dump)
    wanted = newest(b"".join(history[-32:]))
    assert blocks[-len(wanted) :] == wanted
    assert len(one) > len(wanted)  # older blocks, too
    assert set(blocks) <= set(history)


def test_what_cannot_be_unpacked_is_told(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lastgasp.pull.image.unpack.zstd", lambda: None)
    found, blocks = search(ubifs(tmp_path / "ubifs", root, "zstd"))
    assert blocks == {}
    (note,) = found.notes
    assert note.startswith("UBIFS: ")
    assert "data nodes are compressed with zstd (Python 3.14 or libzstd unpacks that), which is not" in note


def test_files_of_different_volumes_with_the_same_number_are_told_apart(tmp_path: Path) -> None:
    one, two = written(16384, ring_id=1), written(16384, ring_id=2)
    images = []
    for n, ring in enumerate((one, two)):
        images.append((f"v{n}", ubifs(tmp_path / f"ubifs{n}", folder(tmp_path / f"root{n}", {"ring": ring}))))
    dump = tmp_path / "dump"
    dump.write_bytes(shuffled(ubi(tmp_path / "ubi", images).read_bytes(), ERASE_BLOCK))
    _, blocks = search(dump)
    assert blocks == {1: newest(one), 2: newest(two)}
