"""Flash dumps for tests: rings of real recordings and of the real writer, in images made by the real tools."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from flash import EmulatedFlash

from lastgasp.pull.image.found import FoundRing
from lastgasp.pull.image.rings import Findings, rings
from lastgasp.ring import prepare
from lastgasp.ring.scan import scan
from lastgasp.ring.writer import Place, RingWriter

RECORDINGS = Path(__file__).parents[2] / "recordings"
ERASED = b"\xff"


@cache
def recording(name: str = "armhf-6.1-vfork") -> bytes:
    """A ring of a real device."""
    return gzip.decompress((RECORDINGS / f"{name}.ring.gz").read_bytes())


@cache
def written(block_size: int = 4096, slots: int = 32, ring_id: int = 77, blocks: int = 50, early: bool = True) -> bytes:
    """A ring of the real writer that came round, some of its blocks written early."""
    chance = random.Random(block_size + ring_id)
    flash = EmulatedFlash(prepare.blank_block(block_size) * slots)
    writer = RingWriter(flash, Place(ring_id, slots, 0, 0, 0), block_size, bytes(16), lambda: 0, 4)
    at_ms = 1000
    while writer.place.block_number < blocks:
        writer.encoder.event(at_ms, b"mark", [(b"text", chance.randbytes(60).hex().encode())])
        at_ms += 250
        if early and chance.random() < 0.02:
            assert writer.flush()
    assert writer.flush()
    return bytes(flash.image)


def versions(image: bytes) -> dict[tuple[int, int], dict[int, bytes]]:
    """Of each ring all its blocks by (ring id, number): by write number, as the plain scanner finds them."""
    found: dict[tuple[int, int], dict[int, bytes]] = {}
    for block in scan(io.BytesIO(image)).blocks:
        data = image[block.offset : block.offset + block.size]
        found.setdefault((block.ring_id, block.number), {})[block.write_number] = data
    return found


def newest(image: bytes) -> list[bytes]:
    """What is to be found of a ring: of each block its last version, in order."""
    return [by_write[max(by_write)] for _, by_write in sorted(versions(image).items())]


def search(path: Path) -> tuple[Findings, dict[int, list[bytes]]]:
    """What is found in a file: the findings and each ring's blocks."""
    with rings(str(path)) as found:
        return found, {ring.ring_id: list(ring) for ring in found.rings}


def only(path: Path) -> tuple[Findings, FoundRing, list[bytes]]:
    """The same where there must be one ring."""
    with rings(str(path)) as found:
        (ring,) = found.rings
        return found, ring, list(ring)


def tool(name: str, package: str, *arguments: str | Path) -> None:
    """Run a program of Debian's; the test is skipped where it is absent."""
    path = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        pytest.skip(f"needs {name}, of the package {package}")
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def with_spare(image: bytes, page: int, spare: int, seed: int = 1) -> bytes:
    """As a programmer reads it: behind each page its spare area, with what looks like error correction in it."""
    chance = random.Random(seed)
    pages = (image[at : at + page] for at in range(0, len(image), page))
    return b"".join(one.ljust(page, ERASED) + ERASED * 2 + chance.randbytes(spare - 2) for one in pages)


def shuffled(image: bytes, size: int, seed: int = 1, spare: int = 3) -> bytes:
    """Its pieces of this size in another order, with some erased ones among them."""
    pieces = [image[at : at + size] for at in range(0, len(image), size)] + [ERASED * size] * spare
    random.Random(seed).shuffle(pieces)
    return b"".join(pieces)


def folder(path: Path, files: dict[str, bytes], small: bool = False) -> Path:
    """A root file system: these files, and some others."""
    chance = random.Random(5)
    path.mkdir()
    (path / "etc").mkdir()
    for n in range(20):
        (path / f"etc/file{n}").write_bytes(b"some setting = %d\n" % n * chance.randrange(2000))
    (path / "bin").write_bytes(chance.randbytes(3_000 if small else 300_000) + b"lastgasp.recorder.main" * 50)
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


def ubifs(path: Path, root: Path, compression: str = "lzo", page: int = 2048, block: int = 126_976) -> Path:
    """A UBIFS image, as it is written to a UBI volume."""
    sizes = ("-m", str(page), "-e", str(block), "-c", "200")
    tool("mkfs.ubifs", "mtd-utils", "-r", root, *sizes, "-x", compression, "-o", path)
    return path


def ubi(path: Path, volumes: Sequence[tuple[str, Path]], page: int = 2048, block: int = 131_072, *options: str) -> Path:
    """A UBI image with these volumes."""
    config = path.with_suffix(".ini")
    config.write_text(
        "".join(
            f"[{name}]\nmode=ubi\nimage={image}\nvol_id={n}\nvol_size=16MiB\nvol_type=dynamic\nvol_name={name}\n"
            for n, (name, image) in enumerate(volumes)
        )
    )
    tool("ubinize", "mtd-utils", "-o", path, "-m", str(page), "-p", str(block), *options, config)
    return path


def jffs2(path: Path, root: Path, *options: str, block: int = 131_072) -> Path:
    """A JFFS2 image."""
    tool("mkfs.jffs2", "mtd-utils", "-r", root, "-o", path, "-e", str(block), *options)
    return path


def ext4(path: Path, root: Path, block: int = 4096, size: str = "16M", kind: str = "ext4") -> Path:
    """An ext4 image, or one of those before it."""
    path.unlink(missing_ok=True)
    tool("mke2fs", "e2fsprogs", "-q", "-F", "-t", kind, "-b", str(block), "-N", "4096", "-d", root, path, size)
    return path


def in_pieces(image: Path, block: int, files: dict[str, Path]) -> None:
    """Write files to a file system of ext4's kind in which every second block is taken."""
    filler = image.with_suffix(".filler")
    filler.write_bytes(random.Random(block).randbytes(block))
    count = 2 * sum(path.stat().st_size for path in files.values()) // block + 200
    commands = [f"write {filler} f{n}" for n in range(count)] + [f"rm f{n}" for n in range(0, count, 2)]
    commands += [f"write {path} {name}" for name, path in files.items()]
    script = image.with_suffix(".commands")
    script.write_text("\n".join(commands))
    tool("debugfs", "e2fsprogs", "-w", "-f", script, image)
