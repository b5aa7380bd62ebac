"""JFFS2, in images of mtd-utils and in nodes as the kernel writes them."""

from __future__ import annotations

import random
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from dumps import folder, jffs2, newest, only, recording, search, versions, with_spare, written

from lastgasp.pull.image.jffs2 import Jffs2

RINGS = {"ring": recording(), "early": written(ring_id=1), "large": written(16384, ring_id=2, early=False)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("root") / "root", RINGS)


@pytest.mark.parametrize(
    "options",
    [
        ("-l",),
        ("-b",),
        ("-l", "-n", "-m", "none"),
        ("-l", "-x", "zlib"),
        ("-l", "-x", "zlib", "-x", "rtime", "-X", "lzo"),
        ("-b", "-s", "0x400"),
        ("-l", "-s", "0x2000"),
    ],
    ids=lambda options: "".join(options),
)
def test_rings_are_found_in_jffs2(tmp_path: Path, root: Path, options: tuple[str, ...]) -> None:
    found, blocks = search(jffs2(tmp_path / "jffs2", root, *options))
    assert sorted(blocks.values()) == sorted(map(newest, RINGS.values()))
    (layout,) = found.layout
    assert layout.startswith(f"JFFS2 ({'big' if '-b' in options else 'little'} endian): ")
    assert (found.notes, found.broken) == ([], 0)


@pytest.mark.parametrize("options", [("-l",), ("-b", "-m", "none")], ids=lambda options: "".join(options))
def test_rings_are_found_in_a_nand_dump_of_jffs2(tmp_path: Path, root: Path, options: tuple[str, ...]) -> None:
    image = jffs2(tmp_path / "jffs2", root, *options)
    image.write_bytes(with_spare(image.read_bytes(), 512, 16))
    found, blocks = search(image)
    assert sorted(blocks.values()) == sorted(map(newest, RINGS.values()))
    assert found.layout[0] == "NAND pages of 512+16 bytes: spare areas taken out"
    assert found.broken == 0


def node(order: str, data: bytes, at: int, version: int, superseded: bool = False) -> bytes:
    """An inode node as the kernel writes it, padded to 4 bytes."""
    system = Jffs2(order)
    packed = zlib.compress(data)
    kind = 6 if len(packed) < len(data) else 0
    stored = packed if kind else data
    length = system.layout.size + len(stored)
    fields = [
        0x1985,
        0xE002,
        length,
        0,
        9,
        version,
        0o100644,
        0,
        0,
        1 << 20,
        0,
        0,
        0,
        at,
        len(stored),
        len(data),
        kind,
        0,
        0,
    ]
    made = bytearray(system.layout.pack(*fields, 0, 0))
    byte_order = "little" if order == "<" else "big"
    for where, what in ((8, made[:8]), (60, stored), (64, None)):
        made[where : where + 4] = _crc(made[:60] if what is None else what).to_bytes(4, byte_order)  # type: ignore[arg-type]
    if superseded:
        made[:4] = system.magics[1]
    return bytes(made) + stored + bytes(-length % 4)


def _crc(data: bytes) -> int:
    return zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("block_size", [4096, 16384])
def test_blocks_cut_at_any_byte_and_written_over_one_another(tmp_path: Path, order: str, block_size: int) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    image = written(block_size, slots=60, blocks=50)
    history = [block for _, by_write in sorted(versions(image).items()) for block in by_write.values()]
    history.sort(key=lambda block: int.from_bytes(block[32:40], "little"))
    nodes, version = [], 1
    for n, block in enumerate(history):
        start = n % 16 * block_size
        for page in range(0, block_size, 4096):
            cuts = sorted({0, 4096, *(chance.randrange(128, 4096) for _ in range(chance.randrange(3)))})
            for begin, end in pairwise(cuts):
                version += 1
                data = block[page + begin : page + end]
                nodes.append(node(order, data, start + page + begin, version, n < len(history) - 16))
    chance.shuffle(nodes)
    dump = tmp_path / "dump"
    dump.write_bytes(chance.randbytes(777) + b"".join(nodes))
    _, one, blocks = only(dump)
    assert blocks == newest(b"".join(history))
    assert one.superseded == len(history) - len(blocks)
