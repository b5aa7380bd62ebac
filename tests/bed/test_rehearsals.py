"""How rehearsals judge: the kernel's report in its log, samples around a kill, lines of checks. No guest is started."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from benchmarks import synthetic
from lastgasp.ring.format import HEADER_SIZE
from lastgasp.timeline.model import Boot, Message
from rehearsals.checks import Checks
from rehearsals.media import MEDIA, PACKAGES, Medium
from rehearsals.recordings import Told, around_ms, longest_gap_ms, not_kept, of_report
from rehearsals.wired import blocks_of, differences
from stories import leak_ends_in_a_group_kill

LOG = [
    b"6,1,100,-;before",
    b"4,2,200,-;leakd invoked oom-killer: gfp_mask=0x140cca, order=0, oom_score_adj=0",
    b"4,3,300,-;Mem-Info:",
    b"3,4,400,-;Out of memory: Killed process 7 (leakd) total-vm:4792kB",
    b"6,5,500,-;after",
    b"4,6,600,-;other invoked oom-killer: gfp_mask=0x140cca, order=0, oom_score_adj=0",
]


def boot_of(*sample_at: int) -> Boot:
    boot = Boot(bytes(16))
    boot.sample_at.extend(sample_at)
    return boot


def test_a_report_goes_from_the_request_to_the_kill() -> None:
    assert of_report(LOG) == LOG[1:4]
    assert of_report(LOG[:1]) == []
    assert of_report(LOG[4:]) == [], "it is not whole"


def test_a_record_that_differs_in_one_byte_is_not_kept() -> None:
    boot = boot_of()
    boot.messages = [Message(1, LOG[1]), Message(1, LOG[2] + b" "), Message(2, LOG[3])]
    assert not_kept(boot, of_report(LOG)) == [LOG[2]]


def test_the_longest_gap_is_looked_for_around_the_kill_only() -> None:
    boot = boot_of(0, 40_000, 50_000, 51_000, 54_000, 55_000, 90_000, 200_000)
    assert longest_gap_ms(boot, 55_500) == 35_000
    assert longest_gap_ms(boot_of(0, 40_000, 41_000, 43_000, 44_000, 50_000, 90_000), 44_000) == 40_000
    assert longest_gap_ms(boot_of(0, 30_000, *range(30_500, 60_000, 500), 90_000), 50_000) == 500


def test_samples_on_either_side_of_a_kill() -> None:
    assert around_ms(boot_of(1000, 2000, 2500), 2100) == (100, 400)
    assert around_ms(boot_of(1000), 2100) == (1100, None)


def test_a_ring_is_decoded_and_reported_on(tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    leak_ends_in_a_group_kill(ring)
    told = Told(ring)
    assert told.lost == []
    assert [mark["text"] for mark in told.marks()] == ["test 7 begins", "test 8 begins"]
    assert ring.with_suffix(".txt").read_text() == told.text


def test_checks_are_told_one_a_line_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    checks = Checks("armhf oom")
    checks.check(True, "a")
    checks.check(False, "b")
    checks.measured("c")
    assert checks.failed == 1
    assert capsys.readouterr().out == "ok      armhf oom: a\nFAILED  armhf oom: b\nfigure  armhf oom: c\n"


def test_a_bare_disk_is_as_large_as_the_ring_and_holds_nothing(tmp_path: Path) -> None:
    bare = Medium("bare", ":", ":", make=(), ring="/dev/medium")
    assert bare.image(tmp_path / "disk", 4096).read_bytes() == bytes(4096)
    assert not bare.is_file


def test_of_each_program_that_makes_a_disk_the_package_is_known() -> None:
    assert {medium.make[0] for medium in MEDIA if medium.make} == set(PACKAGES)


def test_a_pulled_recording_is_held_against_the_ring_block_by_block(tmp_path: Path) -> None:
    ring, pulled = tmp_path / "ring", tmp_path / "pulled"
    synthetic.make(str(ring), 8 * 4096, 4096)
    blocks = sorted((block for block, _ in blocks_of(ring).values()), key=lambda block: block.number)
    assert len(blocks) == 8
    size, whole = blocks[0].size, ring.read_bytes()
    pulled.write_bytes(b"".join(whole[block.offset :][:size] for block in reversed(blocks)))
    assert differences(ring, pulled) == [], "their order is left to who pulls"
    data = bytearray(pulled.read_bytes())
    data[100] ^= 1  # of the last block
    data[-size + HEADER_SIZE - 1] ^= 1  # of the first one's header, and its checksum then fits
    data[-4:] = struct.pack("<I", zlib.crc32(data[-size:-4]))
    pulled.write_bytes(data)
    assert differences(ring, pulled) == [f"block {blocks[0].number} differs", f"block {blocks[-1].number} is missing"]
