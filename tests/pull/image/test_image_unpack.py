"""What flash file systems compress with, against the programs that compress so."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import pytest
from dumps import recording, tool

from lastgasp.pull.image import lzo, unpack

LZOP_MAGIC = b"\x89LZO\0\r\n\x1a\n"
TEXT = Path(__file__).read_bytes()


def lzop_blocks(path: Path) -> list[tuple[int, bytes]]:
    """Of a file of lzop its blocks: bytes before, bytes after."""
    data = path.read_bytes()
    assert data.startswith(LZOP_MAGIC)
    (flags,) = struct.unpack_from(">I", data, 17)
    # version, library, needed version, method, level, flags, mode, times; then a name and a checksum
    p = len(LZOP_MAGIC) + 2 + 2 + 2 + 1 + 1 + 4 + 4 + 4 + 4
    p += 1 + data[p] + 4
    blocks = []
    while size := int.from_bytes(data[p : p + 4], "big"):
        packed = int.from_bytes(data[p + 4 : p + 8], "big")
        p += 8 + 4 * bool(flags & 1)
        blocks.append((size, data[p : p + packed]))
        p += packed
    return blocks


@pytest.mark.parametrize("level", ["-1", "-3", "-7", "-9"])
@pytest.mark.parametrize(
    "data",
    [TEXT * 40, bytes(300_000), recording()[:200_000], b"ab" * 70_000, random.Random(2).randbytes(700) * 90],
    ids=["text", "zeros", "ring", "pairs", "far"],
)
def test_lzo_is_unpacked(tmp_path: Path, data: bytes, level: str) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(data)
    tool("lzop", "lzop", level, "-F", plain)
    blocks = lzop_blocks(plain.with_suffix(".lzo"))
    assert b"".join(lzo.unpack(packed, size) if len(packed) < size else packed for size, packed in blocks) == data
    assert lzo.unpack(blocks[0][1], 100) == data[:100]


def test_deflate_is_unpacked_as_far_as_wanted() -> None:
    packed = zlib.compress(TEXT)
    assert unpack.zlib_stream(packed, 1 << 16) == TEXT
    assert unpack.zlib_stream(packed, 10) == TEXT[:10]
    assert unpack.raw_deflate(packed[2:-4], 1 << 16) == TEXT


def test_zstd_is_unpacked_where_there_is_one() -> None:
    function = unpack.zstd()
    if function is None:
        pytest.skip("neither Python 3.14 nor libzstd")
    data = TEXT[:200]
    # RFC 8878: a frame of one segment whose size is told in one byte, in it one last block, not compressed
    frame = b"\x28\xb5\x2f\xfd\x20" + bytes([len(data)]) + (len(data) << 3 | 1).to_bytes(3, "little") + data
    assert function(frame, 1 << 16) == data
    assert function(frame, 8) == data[:8]
    with pytest.raises(ValueError, match=r"\w"):
        function(frame[:50], 1 << 16)


def test_run_lengths_are_unpacked() -> None:
    """As jffs2_rtime_decompress does it: a repetition may reach into itself."""
    assert unpack.rtime(b"a\0b\0a\1c\0", 99) == b"ababc"
    assert unpack.rtime(b"x\0x\7", 99) == b"xx" + b"x" * 7
    assert unpack.rtime(b"x\0x\377", 100) == b"x" * 100
    assert unpack.zeros(b"", 5) == bytes(5)


@pytest.mark.parametrize("function", [lzo.unpack, unpack.raw_deflate, unpack.zlib_stream, unpack.rtime, unpack.zstd()])
def test_nonsense_gives_bytes_or_a_value_error(function: unpack.Unpack | None) -> None:
    if function is None:
        pytest.skip("neither Python 3.14 nor libzstd")
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    packed = zlib.compress(TEXT)
    for _ in range(500):
        data = bytearray(chance.choice((chance.randbytes(chance.randrange(300)), packed, b"\x20\0\0\0" * 80)))
        for _ in range(chance.randrange(5)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            assert len(function(bytes(data), 4096)) <= 4096
        except ValueError:
            pass
