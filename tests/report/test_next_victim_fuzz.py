"""``what-if --at`` on rings of whole blocks whose content is nonsense: an answer or one line, no traceback."""

from __future__ import annotations

import argparse
import gzip
import io
import os
import random
from pathlib import Path

import pytest
from test_report_fuzz import forged

from lastgasp.cli.next_victim import answer
from lastgasp.oom.what_if import Change, Rule
from lastgasp.report.screen import WIDTH, Screen
from lastgasp.report.visible import columns
from lastgasp.ring.scan import scan
from lastgasp.timeline.load import LoadError, decode

ROUNDS = 400 if os.environ.get("LASTGASP_LONG") else 20
SEED = int(os.environ.get("LASTGASP_SEED", "1"))
RECORDINGS = sorted((Path(__file__).parents[1] / "recordings").glob("*.gz"))
TIMES = ("end", None, None, "oom", "boot 1 end", "0:00:30", "05:57:15", "mark:x", "2026-11-23T05:57:15Z")
CHANGES = (Change(), Change(rules=(Rule(-900, name=b"s*"),), ram_kb=-(1 << 30)), Change(swap_kb=1 << 40, limit_kb=-9))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_a_forged_ring_has_an_answer_or_one_line(path: Path) -> None:
    image = gzip.decompress(path.read_bytes())
    answered = 0
    for number in range(ROUNDS):
        rng = random.Random(SEED * 1_000_003 + number)
        file = io.BytesIO(forged(image, rng))
        options = argparse.Namespace(
            path="forged", at=rng.choice(TIMES), process=[Rule(0, name=b"*")], json=rng.random() < 0.3
        )
        try:
            text = answer(options, decode(file, "forged", scan(file)), rng.choice(CHANGES), Screen())
        except LoadError as error:
            assert "\n" not in str(error)
        except Exception as error:
            raise AssertionError(f"seed {SEED}, round {number}") from error
        else:
            answered += 1
            assert all(columns(line) <= WIDTH for line in text.splitlines()) or options.json
    assert answered
