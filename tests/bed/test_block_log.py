"""The log of a disk, as QEMU 7.2 wrote it, and the crash images that are made from it.

qemu-io.blklog.gz is what this wrote on Debian 12, to a disk of 64 KiB:

    qemu-io --image-opts driver=blklogwrites,file.driver=file,file.filename=disk,log.driver=file,log.filename=log,\
log-sector-size=512 -c "write -P 1 0 4096" -c flush -c "write -P 2 8192 512" -c "write -f -P 3 512 1024" \
-c "discard 4096 4096" -c "write -P 4 0 512" -c flush -c "write -P 5 1024 512"
"""

from __future__ import annotations

import gzip
import random
import struct
from pathlib import Path

import pytest

from bed.block_log import DISCARD, FLUSH, FUA, Entry, entries
from bed.errors import BedError
from rehearsals.crash_image import SECTOR, Medium

LOG = gzip.decompress(Path(__file__).with_name("qemu-io.blklog.gz").read_bytes())
DISK = bytes(16 << 10)


def write(offset: int, value: int, sectors: int = 1, flags: int = 0) -> Entry:
    return Entry(offset, flags, bytes([value]) * SECTOR * sectors)


SYNC = Entry(0, FLUSH, b"")
IN_LOG = [
    write(0, 1, 8),
    SYNC,
    write(8192, 2),
    write(512, 3, 2),  # with -f, for which QEMU flushes
    SYNC,
    Entry(4096, DISCARD, b""),
    write(0, 4),
    SYNC,
    SYNC,  # of flush, when nothing was written since
    write(1024, 5),
    SYNC,  # at the end
]


def test_what_qemu_wrote_is_read() -> None:
    assert list(entries(LOG)) == IN_LOG


def test_a_log_may_end_anywhere() -> None:
    for size in range(512, len(LOG)):
        read = list(entries(LOG[:size]))
        assert read == IN_LOG[: len(read)]
        assert len(read) < len(IN_LOG)
    assert list(entries(LOG + bytes(4096))) == IN_LOG, "room behind it that was not used"


@pytest.mark.parametrize(
    "log", [b"", LOG[:20], bytes(512), b"x" + LOG[1:], LOG[:8] + b"\2" + LOG[9:], LOG[:24] + bytes(8)]
)
def test_what_is_no_log_is_refused(log: bytes) -> None:
    with pytest.raises(BedError, match="the log of the disk is"):
        list(entries(log))


def test_an_entry_that_is_not_known_is_refused() -> None:
    with pytest.raises(BedError, match="flags 0x40 at byte 512"):
        list(entries(LOG[:512] + struct.pack("<QQQQ", 1, 1, 64, 0) + bytes(1024)))


def cuts(requests: list[Entry], end: int, count: int = 200) -> set[bytes]:
    dice = random.Random(7)
    return {Medium(DISK, requests).cut(end, dice) for _ in range(count)}


def test_what_was_flushed_is_in_every_image() -> None:
    for image in cuts(IN_LOG, len(IN_LOG)):
        assert image[:2048] == bytes([4]) * 512 + bytes([3]) * 512 + bytes([5]) * 512 + bytes([1]) * 512
        assert image[8192:8704] == bytes([2]) * 512
    assert all(image[:4096] == bytes([1]) * 4096 for image in cuts([*IN_LOG[:2], *IN_LOG[9:10]], 2))


def test_of_what_was_not_flushed_any_part_may_be_there() -> None:
    requests = [SYNC, write(0, 1), write(512, 2), SYNC]
    seen = {(image[0], image[512]) for image in cuts(requests, 3)}
    assert seen == {(0, 0), (1, 0), (0, 2), (1, 2)}
    assert {image[0] for image in cuts(requests, 1)} == {0}, "what comes behind a cut was never written"


def test_the_last_write_may_be_torn_between_sectors_and_only_the_last() -> None:
    requests = [write(0, 1, 3), write(4096, 2, 3)]
    images = cuts(requests, 2)
    assert {bytes(image[4096 + at] for at in (0, 512, 1024)) for image in images} == {
        b"\0\0\0", b"\2\0\0", b"\2\2\0", b"\2\2\2",
    }  # fmt: skip
    assert {image[:1536] for image in images} == {bytes(1536), bytes([1]) * 1536}


def test_a_forced_write_is_there_once_another_follows() -> None:
    requests = [write(0, 1), write(512, 2, flags=FUA), write(1024, 3)]
    assert {image[512] for image in cuts(requests, 3)} == {2}


def test_cuts_in_the_order_of_the_log_are_as_good_as_one_alone() -> None:
    medium, dice = Medium(DISK, IN_LOG), random.Random(3)
    for end in range(len(IN_LOG) + 1):
        image = medium.cut(end, dice)
        flushed = max((n for n in range(end) if IN_LOG[n].flush), default=0)
        alone = Medium(DISK, IN_LOG[: flushed + 1] if flushed else []).cut(flushed + 1 if flushed else 0, dice)
        changed = {at // SECTOR for at in range(0, len(image), SECTOR) if image[at] != alone[at]}
        late = {(e.offset + at) // SECTOR for e in IN_LOG[flushed:end] for at in range(0, len(e.data), SECTOR)}
        assert changed <= late


def test_a_disk_whose_flushes_do_nothing_loses_them() -> None:
    medium = Medium(DISK, IN_LOG)
    assert medium.cut_with_a_lying_disk(4, 3)[:512] == bytes([1]) * 512
    assert medium.cut_with_a_lying_disk(8, 3)[0] == 1, "the write of 4 is lost, though flushed"
    with pytest.raises(ValueError, match="order"):
        medium.cut_with_a_lying_disk(4, 3)
