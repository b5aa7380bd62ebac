"""The parts of the rehearsals with power cuts on flash that need no guest."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

from flash import EmulatedFlash
from workload import BLOCK_SIZE, Workload, blank_ring

from rehearsals.crash_images import closed, holes
from rehearsals.nor_cuts import PUTTER, SEEN, WATCHER
from rehearsals.promises import Write, blocks_in, write_of
from stories import leak_ends_in_a_group_kill

PYTHON = [sys.executable, "-I", "-S", "-E"]


def small_ring() -> EmulatedFlash:
    flash = EmulatedFlash(blank_ring())
    work = Workload(flash, seed=2)
    while len(flash.writes) < 12:
        work.sample()
    return flash


def test_the_watcher_tells_of_each_block_in_the_order_of_writing(tmp_path: Path) -> None:
    flash, ring = small_ring(), tmp_path / "ring"
    wanted = [write for _, data in flash.writes if (write := write_of(data))]
    offset, last = flash.writes[-1]
    before = bytearray(flash.image)
    before[offset : offset + BLOCK_SIZE] = blank_ring(1)
    ring.write_bytes(before)
    with subprocess.Popen([*PYTHON, str(WATCHER), str(ring)], stdout=subprocess.PIPE) as watcher:
        assert watcher.stdout is not None
        seen = [watcher.stdout.readline() for _ in wanted[:-1]]
        with open(ring, "r+b") as file:
            file.seek(offset)
            file.write(last)
        seen.append(watcher.stdout.readline())
        watcher.kill()
    found = [match for line in seen if (match := SEEN.fullmatch(line))]
    assert [Write(*map(int, match.groups())) for match in found] == wanted


def test_an_image_is_put_on_an_erased_chip(tmp_path: Path) -> None:
    image = b"\xff" * 4096 + b"header" + b"\xff" * 5000 + bytes(300) + b"\xff" * 698
    packed, chip = tmp_path / "image.z", tmp_path / "chip"
    packed.write_bytes(zlib.compress(image))
    chip.write_bytes(b"\xff" * len(image))
    subprocess.run([*PYTHON, str(PUTTER), str(packed), str(chip)], check=True)
    assert chip.read_bytes() == image


def test_a_hole_in_the_middle_is_found_one_at_the_old_end_is_not(tmp_path: Path) -> None:
    flash, ring = small_ring(), tmp_path / "ring"
    ring.write_bytes(flash.image)
    assert holes(ring) == []
    assert len(blocks_in(bytes(flash.image))) == len(flash.writes)
    for block, faults in ((10, ["blocks [10] are missing"]), (3, [])):
        image = bytearray(flash.image)
        image[block * BLOCK_SIZE : (block + 1) * BLOCK_SIZE] = bytes(BLOCK_SIZE)
        ring.write_bytes(image)
        assert holes(ring) == faults


def test_a_ring_opens_or_it_is_said_why_not(tmp_path: Path) -> None:
    leak_ends_in_a_group_kill(tmp_path / "ring")
    assert closed(tmp_path / "ring") == []
    (tmp_path / "zeros").write_bytes(bytes(8192))
    assert len(closed(tmp_path / "zeros")) == 1
    assert "exit status 1" in closed(tmp_path / "zeros")[0]
