"""One sample of many: what is kept says what held then, as the whole export does."""

from __future__ import annotations

import io
import sqlite3
from bisect import bisect_right
from pathlib import Path

import pytest

from lastgasp.report.export import openmetrics, perfetto
from lastgasp.report.export import sqlite as to_sqlite
from lastgasp.report.export.rows import Exported
from lastgasp.report.export.table import Row, Table
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording
from scene import Scene
from stories import STORIES

RECORDINGS = Path(__file__).parents[2] / "recordings"
REAL = ("armhf-6.1-adj-down", "armhf-6.1-protected-leaker")
EVERY_MS = 30_000
DESCRIBED = 8  # tables before those of measurements
TIMES = ("uptime_ms", "utc")
Said = dict[Row, list[tuple[int, Row]]]  # row key: when, and what from then on


def quiet(table: str, rows: int) -> None:
    pass


def recordings(name: str, tmp_path: Path) -> list[Recording]:
    if name in REAL:
        return load(str(RECORDINGS / f"{name}.ring.gz"))
    STORIES[name](tmp_path / "r.lgr")
    return load(str(tmp_path / "r.lgr"))


def said(table: Table) -> Said:
    """What a table of measurements says, by boot and row key; the time of day is left out, which follows."""
    names = [field.name for field in table.fields]
    at = names.index("uptime_ms")
    keys = [place for place, name in enumerate(names) if name in ("boot", *table.key) and name != "uptime_ms"]
    found: Said = {}
    for row in table.rows():
        when = row[at]
        assert isinstance(when, int)
        values = tuple(value for place, value in enumerate(row) if place not in keys and names[place] not in TIMES)
        found.setdefault(tuple(row[place] for place in keys), []).append((when, values))
    return found


def held(told: list[tuple[int, Row]], at_ms: int) -> Row | None:
    place = bisect_right(told, at_ms, key=lambda one: one[0])
    return told[place - 1][1] if place else None


@pytest.mark.parametrize("name", [*REAL, *sorted(STORIES)])
def test_a_kept_row_says_what_held_at_its_instant(name: str, tmp_path: Path) -> None:
    found = recordings(name, tmp_path)
    every_ms = max(boot.last_ms - boot.first_ms for recording in found for boot in recording.boots) // 8 + 1
    whole, thin = Exported(found), Exported(found, every_ms)
    compared = 0
    for full, less in zip(whole.tables()[DESCRIBED:], thin.tables()[DESCRIBED:], strict=True):
        assert full.name == less.name
        before, after = said(full), said(less)
        assert after.keys() <= before.keys()
        for key, told in before.items():
            booted = thin.boots[int(str(key[0])) - 1]
            ends = {number: booted.until.get(process) for process, number in booted.ids.items()}
            until = ends[int(str(key[1]))] if full.key[0] == "process" else None
            again = after.get(key, [])
            for at_ms in booted.samples:
                if until is None or at_ms < until:
                    assert held(again, at_ms) == held(told, at_ms), (full.name, key, at_ms)
                    compared += 1
            assert {at_ms for at_ms, _ in again} <= set(booted.samples)
            assert len(again) <= len(told) and not (until is not None and again and again[-1][0] >= until)
    assert compared >= 5


def test_the_samples_are_one_of_each_stretch_and_those_before_a_gap_a_kill_and_the_end(tmp_path: Path) -> None:
    exported = Exported(recordings("three_boots_and_a_hole", tmp_path), EVERY_MS)
    gaps = 0
    for one in exported.boots:
        taken, kept = one.boot.sample_at, one.samples
        forced = {taken[-1], *(max(at for at in taken if at <= gap.from_ms) for gap in one.boot.gaps)}
        gaps += len(one.boot.gaps)
        assert forced <= set(kept) <= set(taken)
        first: dict[int, int] = {}
        for at_ms in taken:
            first.setdefault(at_ms // EVERY_MS, at_ms)
        assert len(kept) < len(taken) and set(kept) - forced <= set(first.values())
    assert gaps
    kills = [
        (one, event.at_ms)
        for name in REAL
        for exported in [Exported(recordings(name, tmp_path), 3_600_000)]
        for event in exported.happened()
        if event.kind == "oom_kill"
        for one in [event.booted]
    ]
    assert kills
    for one, at_ms in kills:
        assert max(at for at in one.boot.sample_at if at < at_ms) in one.samples


def test_memory_at_a_kill_stays_that_of_the_last_sample_before_it(tmp_path: Path) -> None:
    found = recordings(REAL[0], tmp_path)
    told = []
    for number, every_ms in enumerate((None, 3_600_000)):
        path = tmp_path / f"{number}.db"
        to_sqlite.write(Exported(found, every_ms).tables(), str(path), quiet)
        query = "SELECT uptime_ms, victim, available_bytes, free_bytes, anon_bytes FROM memory_at_kill"
        told.append(sqlite3.connect(path).execute(query).fetchall())
    assert told[0] and told[0] == told[1]


def test_series_and_counters_are_thinned_alike(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"busy", lambda at_s: 2800 + 4 * int(at_s // 60 + at_s % 7))
    scene.record(600)
    scene.stop()
    exported = Exported([scene.load()], 60_000)
    out = io.StringIO()
    openmetrics.write(exported, out, quiet)
    lines = [line for line in out.getvalue().splitlines() if line.startswith("lastgasp_process_resident_memory_bytes{")]
    kept = exported.boots[0].samples
    assert 10 <= len(lines) <= len(kept) + 1
    trace = io.BytesIO()
    perfetto.write(exported, trace, quiet)
    whole = io.BytesIO()
    perfetto.write(Exported(exported.recordings), whole, quiet)
    assert len(trace.getvalue()) < len(whole.getvalue()) / 5
