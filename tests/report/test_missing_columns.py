"""Kernels that lack lines, counters or whole files, at all or at times: whatever is missing, there is a report."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from lastgasp.analysis.facts import gather
from lastgasp.cli.report import draw
from lastgasp.report import as_json, leaks
from lastgasp.report.screen import Screen
from lastgasp.ring.format import ABSENT
from lastgasp.ring.payload import Series
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Boot, Recording
from scene import Scene

ROUNDS = 400 if os.environ.get("LASTGASP_LONG") else 24
SEED = int(os.environ.get("LASTGASP_SEED", "1"))
REAL = Path(__file__).parents[1] / "recordings"
# What kernels are built without, or learned only later, is missing most often.
OFTEN = {b"MemAvailable", b"MemTotal", b"MemFree", b"SwapTotal", b"SwapFree", b"some_us", b"full_us",
         b"orig_data_size", b"mem_used_total", b"limit", b"usage", b"rss", b"VmSwap", b"oom_score_adj"}  # fmt: skip


def thin(boot: Boot, dice: random.Random) -> list[str]:
    """Take columns of a boot away, or some of their values, or whole tables; tells which."""
    taken = []
    for table, rows in list(boot.tables.items()):
        if dice.random() < 0.04:
            del boot.tables[table]
            taken.append(table.decode())
            continue
        names = sorted({name for row in rows.values() for series in row for name in series.columns})
        for name in names:
            kind = dice.random() / (3 if name in OFTEN else 1)
            if kind < 0.1:
                taken.append(f"{table.decode()}.{name.decode()}{' at times' if kind < 0.03 else ''}")
                for row in rows.values():
                    row[:] = [_holes(series, name, dice) if kind < 0.03 else _without(series, name) for series in row]
    return taken


def _without(series: Series, name: bytes) -> Series:
    kept = [i for i, column in enumerate(series.columns) if column != name]
    thinner = Series(tuple(series.columns[i] for i in kept))
    for n, at in enumerate(series.at):
        thinner.append(at, [series.flat[n * series.width + i] for i in kept])
    return thinner


def _holes(series: Series, name: bytes, dice: random.Random) -> Series:
    if name in series.columns:
        for i in range(series.columns.index(name), len(series.flat), series.width):
            if dice.random() < 0.5:
                series.flat[i] = ABSENT
    return series


def told(recording: Recording) -> None:
    """Everything that is said of it."""
    found = [gather(recording)]
    draw(found, Screen())
    leaks.draw(Screen(), found[0], leaks.Question())
    as_json.render(found)


def leaking(path: Path) -> Path:
    """A leak, swap that fills, a group with a limit, a kill."""
    scene = Scene(path, interval_s=5)
    scene.meminfo |= {"SwapTotal": 20_000, "SwapFree": 20_000}
    scene.boot()
    scene.run(200, b"leakd", lambda t: 2_000 + 10 * t, adj=0, group=b"/app", files=lambda t: 10 + t // 9)
    scene.run(201, b"vitald", 3_000, adj=-900, swap_kb=40)
    scene.run(202, b"filld", lambda t: 2_000 + (t > 300) * 8_000, adj=100)
    scene.groups[b"/app"] = 7 << 20, 8 << 20, 0, 3, 0
    scene.record(600, mappings_every=12)
    scene.oom_kill(200)
    scene.record(60)
    scene.flush()
    return path


@pytest.mark.parametrize("name", ["arm64-6.1-zram", "armhf-6.1-memcg-adj", "a scene"])
def test_whatever_columns_are_missing_there_is_a_report(name: str, tmp_path: Path) -> None:
    path = leaking(tmp_path / "ring") if name == "a scene" else REAL / f"{name}.ring.gz"
    for number in range(ROUNDS):
        seed = f"{name} {SEED} {number}"
        dice = random.Random(seed)
        (recording,) = load(str(path))
        taken = [column for boot in recording.boots for column in thin(boot, dice)]
        try:
            told(recording)
        except Exception as error:
            raise AssertionError(f"seed {seed}, without {', '.join(taken)}") from error
