"""Dumps that are damaged, or made to do harm: no error, no block that was never written, bounded memory."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from dumps import ext4, folder, in_pieces, jffs2, newest, recording, search, ubi, ubifs, versions, with_spare, written

from lastgasp.pull.image import nodes
from lastgasp.pull.image.jffs2 import Jffs2
from lastgasp.pull.image.ubifs import HEADER
from lastgasp.pull.image.ubifs import MAGIC as UBIFS_MAGIC

AGENT = str(Path(__file__).parents[3] / "agent")
ROUNDS = 300 if os.environ.get("LASTGASP_LONG") else 6
RINGS = {"ring": recording()[: 64 << 10], "large": written(16384, slots=32, ring_id=2, blocks=36, early=False)}
WRITTEN = {data for ring in RINGS.values() for by_write in versions(ring).values() for data in by_write.values()}
MAGICS = (b"lastgasp", b"UBI#", b"UBI!", UBIFS_MAGIC, *Jffs2("<").magics, *Jffs2(">").magics, b"\x53\xef")
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)


def _nand(path: Path, root: Path) -> bytes:
    return with_spare(ubi(path / "ubi", [("a", ubifs(path / "ubifs", root))]).read_bytes(), 2048, 64)


def _ext4(path: Path, root: Path) -> Path:
    image = ext4(path / "ext4", folder(path / "other", {}, small=True), 1024, "4M")
    in_pieces(image, 1024, {name: root / name for name in RINGS})
    return image


IMAGES: dict[str, Callable[[Path, Path], bytes]] = {
    "plain": lambda path, root: b"".join(RINGS.values()),
    "UBI": _nand,
    "JFFS2": lambda path, root: jffs2(path / "jffs2", root, "-b").read_bytes(),
    "ext4": lambda path, root: _ext4(path, root).read_bytes(),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_of_a_damaged_dump_only_what_was_written_comes_out(tmp_path: Path, kind: str) -> None:
    root = folder(tmp_path / "root", RINGS, small=True)
    image = IMAGES[kind](tmp_path, root)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    dump = tmp_path / "dump"
    for _ in range(ROUNDS):
        dump.write_bytes(_damaged(chance, image))
        _, blocks = search(dump)
        assert {data for ring in blocks.values() for data in ring} <= WRITTEN


def _damaged(chance: random.Random, image: bytes) -> bytes:
    """Flipped bits, other values behind magic numbers, pieces moved, the end cut off."""
    made = bytearray(image)
    for _ in range(chance.randrange(60)):
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    for magic in chance.sample(MAGICS, 4):
        at = -1
        while (at := made.find(magic, at + 1)) >= 0:
            if chance.random() < 0.2:
                where = at + chance.randrange(4, 80)
                made[where : where + 4] = bytes([chance.choice(EXTREMES)]) * 4
    for _ in range(chance.randrange(4)):
        size = chance.choice((512, 4096, 70_000))
        a, b = chance.randrange(len(made)), chance.randrange(len(made))
        made[a : a + size] = made[b : b + size]
    return bytes(made[: chance.randrange(len(made)) if chance.random() < 0.2 else len(made)])


def ubifs_node(inode: int, block: int, order: int, kind: int, stored: bytes, size: int = 4096) -> bytes:
    """Any values, and the right CRC."""
    header = HEADER.pack(UBIFS_MAGIC, 0, order, HEADER.size + len(stored), 1, 0, inode, block | 1 << 29, size, kind, 0)
    body = header[8:] + stored
    return header[:4] + (zlib.crc32(body) ^ 0xFFFFFFFF).to_bytes(4, "little") + body


def erase_block(number: int, image: int, second: int = 64, begin: int = 128) -> bytes:
    """The headers of one, with the right CRCs."""
    first = struct.pack(">4sB3xQIII32x", b"UBI#", 1, 7, second, begin, image)
    used = struct.pack(">4sBBBBII4xIIII4xQ12x", b"UBI!", 1, 1, 0, 0, 0, number, 0, 0, 0, 0, number)
    return b"".join(one + (zlib.crc32(one) ^ 0xFFFFFFFF).to_bytes(4, "big") for one in (first, used))


def knot() -> bytes:
    """ext4 whose extents and block maps point at themselves, with copies of its superblock all over."""
    superblock = bytearray(1024)
    struct.pack_into("<II", superblock, 0, 1 << 22, 1 << 20)
    struct.pack_into("<II", superblock, 0x14, 1, 0)
    struct.pack_into("<I", superblock, 0x28, 1 << 10)
    superblock[0x38:0x3A] = b"\x53\xef"
    struct.pack_into("<IH6xH", superblock, 0x4C, 1, 0, 128)
    made = bytearray(1 << 20)
    for at in range(1024, len(made), 50 << 10):
        made[at : at + 1024] = superblock
    struct.pack_into("<I", made, 2048 + 8, 100)  # the inodes' block
    tree = struct.pack("<HHHH4x", 0xF30A, 84, 84, 1) + struct.pack("<IIH2x", 0, 50, 0) * 84
    made[50 << 10 : (50 << 10) + len(tree)] = tree
    made[60 << 10 : 61 << 10] = struct.pack("<256I", *[60] * 256)
    extents, mapped = bytearray(128), bytearray(128)
    for inode, flags, root in (
        (extents, 0x80000, struct.pack("<HHHH4x", 0xF30A, 4, 4, 5) + tree[12:60]),
        (mapped, 0, struct.pack("<15I", *[60] * 15)),
    ):
        struct.pack_into("<H2xI", inode, 0, 0x8000, 1 << 19)
        struct.pack_into("<I", inode, 0x20, flags)
        inode[0x28:0x64] = root
    made[100 << 10 : 125 << 10] = (extents + mapped) * 100
    return bytes(made) + BLOCK[:5000]


BLOCK = written(16384, ring_id=3)[:16384]
HOSTILE: dict[str, Callable[[], bytes]] = {
    "magic numbers": lambda: b"lastgasp" * 40_000,
    "headers": lambda: BLOCK[:84] * 6_000,
    "nodes of a file each": lambda: b"".join(ubifs_node(n, 0, n, 0, b"lastgasp") for n in range(12_000)),
    "nodes of one place": lambda: b"".join(ubifs_node(1, 0, n, 0, BLOCK[:200]) for n in range(4_000)),
    "nodes that are bombs": lambda: b"".join(
        ubifs_node(1, n % 4, n, 2, zlib.compress(BLOCK[:100] + bytes(1 << 20), wbits=-15)) for n in range(300)
    ),
    "erase blocks without end": lambda: b"".join(erase_block(n, n // 7) + BLOCK[:84] for n in range(4_000)),
    "files that are knots": knot,
    "erase blocks that are nothing": lambda: b"".join(erase_block(0, 0, 0xFFFFFFFF, 0xFFFFFFFF) for n in range(4_000)),
}


# Searches each file in turn, and prints how many rings it holds, the notes, and the most memory so far.
PROGRAM = """
import sys
from lastgasp.pull.image import nodes
from lastgasp.pull.image.rings import rings
nodes.MOST_NODES, nodes.MOST_FILES = 1000, 500
for path in sys.argv[1:]:
    with rings(path) as found:
        status = open("/proc/self/status").read()
        print(len(found.rings), status.split("VmHWM:")[1].split()[0], *found.notes)
"""


def test_memory_stays_bounded(tmp_path: Path) -> None:
    (tmp_path / "nothing").write_bytes(bytes(4 << 20))  # for comparison
    paths = ["nothing"]
    for kind, make in HOSTILE.items():
        (tmp_path / kind).write_bytes(make())
        paths.append(kind)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *paths], cwd=tmp_path, env={**os.environ, "PYTHONPATH": AGENT},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = {path: line.split(" ", 2) for path, line in zip(paths, done.stdout.splitlines(), strict=True)}
    assert {rings for rings, *_ in told.values()} == {"0"}
    most_kb = {path: int(kb) - int(told["nothing"][1]) for path, (_, kb, *_) in told.items()}
    assert max(most_kb.values()) < 8 << 10, most_kb
    for kind in ("nodes of a file each", "nodes of one place"):
        assert "were left out, there are too many" in told[kind][2]


def test_what_is_forgotten_are_files_without_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MOST_FILES", 100)
    ring = written(16384, ring_id=4)
    made = []
    for at in range(0, len(ring), 4096):
        made.append(ubifs_node(65, at // 4096, at, 0, ring[at : at + 4096]))
        made += [ubifs_node(1000 + at + n, 0, n, 0, b"something else") for n in range(9)]
    dump = tmp_path / "dump"
    dump.write_bytes(b"".join(made))
    found, blocks = search(dump)
    assert blocks == {4: newest(ring)}
    assert "were left out" in found.notes[0]
