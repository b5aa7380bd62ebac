"""The database: its tables, and views that answer what they promise."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.victim.live import Lives
from lastgasp.cli import export as command
from lastgasp.report.export import sqlite
from lastgasp.report.export.rows import Exported
from lastgasp.timeline.load import load
from scene import Scene
from stories import STORIES

RECORDINGS = Path(__file__).parents[2] / "recordings"
KB = 1024


def database(exported: Exported, tmp_path: Path) -> sqlite3.Connection:
    path = tmp_path / "x.db"
    path.unlink(missing_ok=True)
    sqlite.write(exported.tables(), str(path), lambda table, rows: None)
    found = sqlite3.connect(path)
    found.row_factory = sqlite3.Row
    return found


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("armhf-6.1-*.ring.gz"))[:4], ids=lambda path: path.name[:-8])
def test_top_at_knows_everybody_who_lived_at_each_sample_of_a_real_recording(path: Path, tmp_path: Path) -> None:
    """Against the judgement that ranks candidates for a kill, which has no kernel threads and no pid 1."""
    exported = Exported(load(str(path)))
    db = database(exported, tmp_path)
    boot = exported.boots[0].boot
    lives = Lives(boot)
    for at_ms in boot.sample_at[:: max(len(boot.sample_at) // 8, 1)]:
        wanted = {(one.pid, one.rss * boot.page_size) for one in lives.at(at_ms).candidates}
        rows = db.execute(
            "SELECT pid, rss_bytes FROM top_at JOIN processes USING (process, pid)"
            " WHERE top_at.boot = 1 AND uptime_ms = ? AND NOT kernel_thread AND pid != 1 AND rss_bytes > 0",
            (at_ms,),
        )
        found = {tuple(row) for row in rows}
        assert {one for one in wanted if one[1]} == found


def test_the_growth_of_a_leak_is_that_of_its_life(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"leakd", lambda t: 1000 + 10 * t)
    scene.run(300, b"calm", 700)
    scene.record(361)
    scene.stop()
    rows = database(Exported([scene.load()]), tmp_path).execute(
        "SELECT * FROM process_growth ORDER BY grown_bytes DESC"
    )
    leak, calm = rows.fetchall()
    assert (leak["name"], leak["grown_bytes"], leak["per_hour_bytes"]) == ("leakd", 3600 * KB, 36_000 * KB)
    assert (calm["name"], calm["grown_bytes"], calm["seen_ms"]) == ("calm", 0, 360_000)


def test_memory_at_a_kill_is_that_of_the_last_sample_before_it(tmp_path: Path) -> None:
    exported = Exported(load(str(RECORDINGS / "armhf-6.1-adj-down.ring.gz")))
    (kill,) = oom_events(exported.recordings[0])
    boot = exported.boots[0].boot
    before_ms = [at for at in boot.sample_at if at < kill.at.uptime_ms][-1]
    (row,) = database(exported, tmp_path).execute("SELECT * FROM memory_at_kill").fetchall()
    assert row["sampled_uptime_ms"] == before_ms
    assert row["available_bytes"] == (boot.value_at("meminfo", b"", "MemAvailable", before_ms) or 0) * KB


def test_the_examples_of_the_help_run_and_answer(tmp_path: Path) -> None:
    exported = Exported(load(str(RECORDINGS / "armhf-6.1-adj-down.ring.gz")))
    db = database(exported, tmp_path)
    queries = re.findall(r"^    (SELECT.*?);", command.EXAMPLES, re.S | re.M)
    assert len(queries) == 3
    grown, living, least = (db.execute(query).fetchall() for query in queries)
    assert len(grown) == 10 and grown[0]["grown_bytes"] >= grown[1]["grown_bytes"]
    (kill,) = db.execute("SELECT * FROM memory_at_kill").fetchall()
    assert kill["sampled_uptime_ms"] < kill["uptime_ms"]
    assert kill["victim_pid"] in [row["pid"] for row in living]
    assert living[0]["anon_bytes"] >= living[1]["anon_bytes"]
    known = [row[0] for row in db.execute("SELECT MemAvailable_bytes FROM meminfo")]
    assert min(row[2] for row in least) == min(known)


def test_all_views_work_on_a_kernel_that_has_hardly_anything(tmp_path: Path) -> None:
    STORIES["a_single_sample"](tmp_path / "r.lgr")
    db = database(Exported(load(str(tmp_path / "r.lgr"))), tmp_path)
    views = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]
    assert len(views) == 6
    counts = {view: len(db.execute(f"SELECT * FROM {view}").fetchall()) for view in views}
    assert counts["memory"] == counts["top_at"] == counts["process_growth"] == 1
    assert counts["memory_at_kill"] == 0


def test_times_in_views_are_those_of_the_other_formats(tmp_path: Path) -> None:
    exported = Exported(load(str(RECORDINGS / "armhf-6.1-adj-down.ring.gz")))
    db = database(exported, tmp_path)
    one = exported.boots[0]
    for row in db.execute("SELECT uptime_ms, utc FROM memory"):
        assert row["utc"] == one.utc(row["uptime_ms"])


def test_an_unset_clock_gives_no_time(tmp_path: Path) -> None:
    STORIES["nobody_leaks"](tmp_path / "r.lgr")
    db = database(Exported(load(str(tmp_path / "r.lgr"))), tmp_path)
    assert {row[0] for row in db.execute("SELECT utc FROM memory")} == {None}
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
