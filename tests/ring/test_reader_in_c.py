"""FORMAT.md says enough: a reader in C that was written from it alone finds what Python's reader finds."""

from __future__ import annotations

import io
import json
import os
import random
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from canonical import by_c, by_python, escaped, named, program, quoted
from flash import EmulatedFlash
from workload import BLOCK_SIZE, RING_ID, SLOTS, Workload, blank_ring

from lastgasp.ring import prepare
from lastgasp.ring.format import CRC, FLAG_KEY, OVERHEAD, STORED, VERSION
from lastgasp.ring.scan import scan
from lastgasp.ring.writer import Place, seal
from lastgasp.timeline.load import decode

SEED = int(os.environ.get("LASTGASP_SEED", "1"))
AGENT = [sys.executable, str(Path(__file__).parents[2] / "scripts/lastgasp-agent")]
ROW = re.compile(r' (\S+) ("[^"]*") "[^"]*"(.*)')

Compare = Callable[[bytes], str]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program(tmp_path_factory.mktemp("reader"))


@pytest.fixture
def agreed(reader: Path, tmp_path: Path) -> Compare:
    """Compares the two readers on a file of the bytes given; the text."""

    def compare(data: bytes) -> str:
        file = tmp_path / "ring"
        file.write_bytes(data)
        text = by_c(reader, file)
        assert text.splitlines() == by_python(data).splitlines()
        return text

    return compare


def recorded(seed: int, blocks: int, flushes: float = 0.2, flash: EmulatedFlash | None = None) -> EmulatedFlash:
    """A ring with so many blocks, some written early; on a ``flash`` with a ring, a new boot goes on."""
    boot, place = random.Random(seed).randbytes(16), None
    if flash is None:
        flash = EmulatedFlash(blank_ring())
    else:
        place = prepare.find_place(flash, SLOTS, BLOCK_SIZE).place
    work = Workload(flash, seed, place, boot=boot, first_event=seed * 1000)
    rng = random.Random(seed)
    first = work.writer.place.block_number
    while work.writer.place.block_number < first + blocks:
        work.sample(rows=25)
        if rng.random() < 0.1:
            pairs = [(rng.randbytes(5), rng.randbytes(9))]
            work.encoder.attributes(work.now_ms, work.table, b"%d@7" % rng.randrange(25), pairs)
            work.encoder.kmsg(work.now_ms, [b'6,1,2,-;"\\\x1b\n' + rng.randbytes(20), b""])
        if rng.random() < 0.1:
            key = b"%d@7" % rng.randrange(25)
            work.encoder.gone(work.now_ms, work.table, key, key, [(b"exit_code", b"9")])
            work.values.pop(key, None)
        if rng.random() < flushes:
            assert work.writer.flush()
    assert work.writer.flush()
    return flash


@pytest.mark.parametrize("seed", range(3))
def test_both_readers_agree_on_a_ring_that_came_round(agreed: Compare, seed: int) -> None:
    text = agreed(bytes(recorded(SEED + seed, SLOTS + 7).image))
    assert len(re.findall("^block ", text, re.M)) > SLOTS - 4
    for line in ("sample", "event", "attributes", "end", "kmsg"):
        assert re.search(f"^{line} ", text, re.M), line
    assert "cannot be" not in text


@pytest.mark.parametrize("seed", range(3))
def test_both_readers_agree_on_a_ring_of_several_boots_with_damaged_blocks(agreed: Compare, seed: int) -> None:
    rng = random.Random(SEED + seed)
    flash = EmulatedFlash(blank_ring())
    for boot in range(4):
        flash = recorded(SEED + 10 * seed + boot, 6, flash=flash if boot else None)
    for slot in rng.sample(range(SLOTS), 8):
        flash.image[slot * BLOCK_SIZE + rng.randrange(BLOCK_SIZE)] ^= 1 << rng.randrange(8)
    text = agreed(bytes(flash.image))
    assert len(set(re.findall("boot ([0-9a-f]*)", text))) > 1
    assert "missing" in text


@pytest.mark.parametrize("seed", range(3))
def test_both_readers_agree_on_an_image_with_old_versions_and_blocks_missing(agreed: Compare, seed: int) -> None:
    rng = random.Random(SEED + seed)
    writes = [data for _, data in recorded(SEED + seed, 20, flushes=0.4).writes]
    left = rng.sample(writes, len(writes) * 3 // 4)
    text = agreed(b"".join(rng.randbytes(rng.randrange(3000)) + block for block in left))
    assert "rows unknown" in text


def test_both_readers_tell_two_rings_in_one_file_apart(agreed: Compare) -> None:
    other = EmulatedFlash(blank_ring())
    work = Workload(other, 8)
    work.writer.place.ring_id = 77
    work.sample()
    assert work.writer.flush()
    text = agreed(bytes(recorded(SEED, 5).image) + bytes(other.image))
    assert re.findall("^ring .*", text, re.M) == [f"ring {77:016x}", f"ring {RING_ID:016x}"]


def by_hand(payload: bytes, number: int = 0, encoding: int = STORED, flags: int = FLAG_KEY, clock: int = 0) -> bytes:
    """A block with this payload, whatever it holds."""
    block = bytearray(BLOCK_SIZE)
    place = Place(RING_ID, SLOTS, 0, number, number)
    seal(block, flags, encoding, payload, len(payload), place, 0, bytes(16), clock * 10**6, 0)
    return bytes(block)


def record(kind: int, body: bytes, passed: int = 0) -> bytes:
    return bytes((kind, len(body) + 1, passed)) + body


TABLE = record(1, b"\0t a b")
ROW_K = b"\0\0\1k\0\3\2\4"  # row 0, "k": a=1, b=2
MARK = record(5, b"\4mark")
NO_SENSE = {
    "a row of a table that was not defined": record(2, b"\1\0\7\1k\0\3\2\4"),
    "a change of a row that was not introduced": record(2, b"\1\2\1\2"),
    "a mask with a bit too many": record(2, b"\1\0\0\1k\0\7\2\4\6"),
    "a difference to an absent value": record(2, b"\1\0\0\1k\0\1\2\2\2\4"),
    "a value that is not there": record(2, b"\1\0\0\1k\0\3\2"),
    "a mask that is not there": record(2, b"\1\0\0\1k\0"),
    "a sample without flags": record(2, b""),
    "a key beyond its record": record(2, b"\1\0\0\177k"),
    "a value over 64 bits": record(2, b"\1\0\0\1k\0\1" + b"\xff" * 9 + b"\2"),
    "a sum over 64 bits": record(2, b"\1" + ROW_K + b"\1\1" + b"\xfe" + b"\xff" * 8 + b"\1"),
    "a sum over 64 bits by a small step": record(2, b"\1\0\0\1m\0\1\xfe" + b"\xff" * 8 + b"\1\2\1\2"),
    "a sum over 64 bits by a small step behind a large one": record(2, b"\1\1\1\xfa" + b"\xff" * 8 + b"\1\1\1\2"),
    "a table without a number": record(1, b""),
    "attributes of a table that was not defined": record(3, b"\7\1k"),
    "attributes without a key": record(4, b"\0"),
    "half a kernel message": record(6, b"\5abc"),
    "an event without a kind": record(5, b""),
    "a record without a time": b"\5\0",
    "a record beyond the payload": b"\5\100\0\0",
    "a kind over 64 bits": b"\xff" * 10 + b"\1\0\0",
    "a length over 64 bits": b"\5" + b"\xff" * 9 + b"\2\0",
}


@pytest.mark.parametrize("what", NO_SENSE)
def test_both_readers_pass_over_a_record_that_makes_no_sense_and_trust_rows_no_more(agreed: Compare, what: str) -> None:
    good = record(2, b"\1\1\1\2", passed=5)
    after = record(2, b"\1\1\1\2", passed=5) + MARK
    text = agreed(
        by_hand(TABLE + record(2, b"\1" + ROW_K) + good + NO_SENSE[what] + after)
        + by_hand(after, number=1, flags=0)
        + by_hand(TABLE + record(2, b"\1" + ROW_K), number=2)
    )
    assert text.count("1 records that cannot be decoded\n") == 1
    assert re.search('^block 2 .*\nsample 0 flags 1\n t "k" "" a=1 b=2\n\\Z', text, re.M), "a key block makes it good"
    kind = NO_SENSE[what][0]
    if kind in (1, 2):
        assert "event 10000000" in text, "the record behind it was read"
        assert "a=3" not in text
        assert "block 1 write 1 flags 0 boot 00000000000000000000000000000000 clock 0 wall 0 rows unknown" in text


def test_a_payload_that_cannot_be_unpacked_is_as_if_its_block_were_missing(agreed: Compare) -> None:
    first = by_hand(TABLE + record(2, b"\1" + ROW_K))
    for bad in (
        by_hand(b"\xff no deflate", number=1, encoding=1, flags=0),
        by_hand(b"what encoding is this?", number=1, encoding=2, flags=0),
    ):
        last = by_hand(record(2, b"\1\1\1\2"), number=2, flags=0)
        text = agreed(first + bad + last)
        assert text.count("a payload that cannot be unpacked\n") == 1
        assert text.count("sample") == 1
        assert "rows unknown" in text


def test_a_block_of_version_0_is_none(agreed: Compare) -> None:
    block = bytearray(by_hand(MARK))
    for version, text in ((0, ""), (VERSION + 1, "1 blocks of a newer version\n")):
        block[8] = version
        CRC.pack_into(block, BLOCK_SIZE - CRC.size, zlib.crc32(block[: -CRC.size]))
        assert agreed(bytes(block)) == text


def test_a_block_behind_a_blank_one_of_a_smaller_ring_is_found(agreed: Compare) -> None:
    large = bytearray(4 * BLOCK_SIZE)
    seal(large, FLAG_KEY, STORED, MARK, len(MARK), Place(77, 32, 0, 0, 0), 0, bytes(16), 0, 0)
    text = agreed(bytes(large) + prepare.blank_block(BLOCK_SIZE) * 2 + by_hand(MARK))
    assert text.count("event") == 2


def test_both_readers_make_the_same_of_any_bytes_in_payloads(agreed: Compare) -> None:
    rng = random.Random(SEED)
    payloads = []
    file = io.BytesIO(bytes(recorded(SEED, 12).image))
    for block in scan(file).blocks:
        raw = block.payload(file)[: BLOCK_SIZE - OVERHEAD]
        payloads += [bytearray(raw) for _ in range(20)]
    for bad in payloads:
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(bad))
            bad[at : at + rng.choice((1, 1, 0, 9))] = rng.randbytes(rng.choice((1, 1, 3, 0)))
    text = agreed(b"".join(by_hand(bytes(bad[: BLOCK_SIZE - OVERHEAD]), number=n) for n, bad in enumerate(payloads)))
    assert text.count("cannot be decoded") > len(payloads) // 2


def test_both_readers_agree_on_a_recording_of_this_machine(agreed: Compare, tmp_path: Path) -> None:
    ring, config = tmp_path / "data/ring", tmp_path / "conf"
    config.write_text(
        f"ring_path = {ring}\nring_size = 256k\ninterval = 100ms\npressure_interval = 100ms\nslow_interval = 1s\n"
        f"control_socket = {tmp_path / 'sock'}\noom_score_adj = keep\n"
    )
    for _ in range(2):  # the second goes on in the ring of the first
        agent = subprocess.Popen([*AGENT, "run", "--config", str(config)], stderr=subprocess.PIPE, text=True)
        try:
            samples, end = 0, time.monotonic() + 30
            while samples < 10 and agent.poll() is None:
                assert time.monotonic() < end, "it did not sample"
                time.sleep(0.1)
                status = [*AGENT, "status", "--json", "--config", str(config)]
                answer = subprocess.run(status, capture_output=True, text=True, check=False)
                samples = int(json.loads(answer.stdout)["samples"]) if answer.returncode == 0 else 0
        finally:
            agent.terminate()
            _, error = agent.communicate(timeout=30)
        assert (agent.returncode, error) == (0, "")
    data = ring.read_bytes()
    text = agreed(data)
    assert text.count(' "start"') == text.count(' "stop"') == 2
    assert "cannot be" not in text and "rows unknown" not in text
    assert points_in_recording(data) == points_in_text(text)


def points_in_text(text: str) -> set[str]:
    """Time, table, key and values of every row."""
    found, now = set(), ""
    for line in text.splitlines():
        if line.startswith("sample "):
            now = line.split()[1]
        elif row := ROW.fullmatch(line):
            found.add(f"{now} {row[1]} {row[2]}{row[3]}")
    return found


def points_in_recording(data: bytes) -> set[str]:
    """The same by what the analysis is given."""
    file = io.BytesIO(data)
    (recording,) = decode(file, "ring", scan(file))
    found = set()
    for boot in recording.boots:
        for table, rows in boot.tables.items():
            for key, all_series in rows.items():
                for series in all_series:
                    for i, at in enumerate(series.at):
                        values = named(series.columns, series.flat[i * series.width : (i + 1) * series.width])
                        found.add(f"{at * 10**6} {escaped(table)} {quoted(key)}{values}")
    return found
