"""Rings whose blocks are whole and whose content is nonsense: whatever they hold, there is a report, no traceback."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from pathlib import Path

import pytest

from lastgasp.analysis.facts import gather
from lastgasp.cli.report import draw
from lastgasp.report import as_json, leaks
from lastgasp.report.screen import Screen
from lastgasp.ring.format import CRC, HEADER, HEADER_SIZE
from lastgasp.ring.scan import scan
from lastgasp.ring.writer import compress
from lastgasp.timeline.load import decode
from lastgasp.timeline.window import since
from stories import STORIES

ROUNDS = 600 if os.environ.get("LASTGASP_LONG") else 40
SEED = int(os.environ.get("LASTGASP_SEED", "1"))


def forged(image: bytes, rng: random.Random) -> bytes:
    """Every block with some bytes of its payload, and sometimes of its header, changed, and with a CRC that fits."""
    out = bytearray(image)
    file = io.BytesIO(image)
    for block in scan(file).blocks:
        raw = bytearray(block.payload(file))
        for _ in range(rng.choice((0, 1, 3, 20))):
            at = rng.randrange(len(raw))
            kind = rng.randrange(3)
            if kind == 0:
                raw[at] = rng.randrange(256)
            elif kind == 1:
                raw[at : at + 1] = b"\xff" * rng.randrange(1, 11)
            else:
                del raw[at : at + rng.randrange(1, 9)]
        encoding, packed = compress(raw)
        if len(packed) > block.size - HEADER_SIZE - CRC.size:
            continue
        header = list(HEADER.unpack_from(out, block.offset))
        header[3], header[5], header[6] = encoding, len(packed), len(raw)
        if rng.random() < 0.1:
            header[13] = rng.randrange(1 << 64)  # uptime
        if rng.random() < 0.1:
            header[14] = rng.randrange(-(1 << 63), 1 << 63)  # wall clock
        whole = HEADER.pack(*header) + packed
        whole = whole.ljust(block.size - CRC.size, b"\0")
        out[block.offset : block.offset + block.size] = whole + struct.pack("<I", zlib.crc32(whole))
    return bytes(out)


@pytest.mark.parametrize("story", sorted(STORIES))
def test_a_forged_ring_has_a_report(story: str, tmp_path: Path) -> None:
    path = tmp_path / "story.lgr"
    STORIES[story](path)
    image = path.read_bytes()
    for number in range(ROUNDS):
        rng = random.Random(SEED * 1_000_003 + number)
        file = io.BytesIO(forged(image, rng))
        try:
            recordings = decode(file, "forged", scan(file))
            found = [gather(recording) for recording in recordings]
            for recording in recordings:
                boot = rng.randrange(len(recording.boots)) + 1
                of = recording.boots[boot - 1]
                gather(since(recording, boot, rng.choice([of.first_ms, of.last_ms, (of.first_ms + of.last_ms) // 2])))
            draw(found, Screen())
            for facts in found:
                leaks.draw(Screen(), facts, leaks.Question())
            as_json.render(found)
        except Exception as error:
            raise AssertionError(f"seed {SEED}, round {number}") from error
