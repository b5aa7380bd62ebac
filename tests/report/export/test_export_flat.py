"""Tables as CSV and JSON Lines: what was recorded, as text that every reader takes for what it is."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import pytest

from lastgasp.report.export import flat
from lastgasp.report.export.columns import plain_name
from lastgasp.report.export.rows import Exported
from lastgasp.timeline.load import load
from scene import Scene
from stories import STORIES

RECORDINGS = Path(__file__).parents[2] / "recordings"
KB = 1024


def quiet(table: str, rows: int) -> None:
    """No progress is shown."""


def as_csv(exported: Exported, name: str) -> list[dict[str, str]]:
    (table,) = (table for table in exported.tables() if table.name == name)
    out = io.StringIO()
    flat.write_csv(table, out, quiet)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def as_jsonl(exported: Exported) -> list[dict[str, object]]:
    out = io.StringIO()
    flat.write_jsonl(exported.tables(), out, quiet)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def story(tmp_path: Path, name: str) -> Exported:
    STORIES[name](tmp_path / "story.lgr")
    return Exported(load(str(tmp_path / "story.lgr")))


def real(name: str) -> Exported:
    return Exported(load(str(RECORDINGS / f"{name}.ring.gz")))


def test_a_process_has_the_sizes_that_were_recorded_in_bytes(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"leakd", lambda t: 1000 + 100 * t)
    scene.record(5)
    scene.stop()
    rows = [row for row in as_csv(Exported([scene.load()]), "process_samples") if row["name"] == "leakd"]
    assert [int(row["anon_bytes"]) for row in rows] == [(1000 + 100 * n) * KB for n in range(5)]
    assert [row["uptime_ms"] for row in rows] == ["10000", "11000", "12000", "13000", "14000"]
    assert [row["utc"] for row in rows][:2] == ["2026-11-23T14:00:00.000Z", "2026-11-23T14:00:01.000Z"]
    assert {(row["pid"], row["state"]) for row in rows} == {("200", "S")}


def test_every_recorded_value_of_a_real_recording_is_in_the_tables() -> None:
    """Column by column against the recording itself, from the other side: what held at each sample."""
    exported = real("armhf-6.1-adj-down")
    boot = exported.boots[0].boot
    rows = as_csv(exported, "meminfo")
    held: dict[str, str] = {}
    told = {int(row["uptime_ms"]): row for row in rows}
    for at_ms in boot.sample_at:
        held = told.get(at_ms, held)
        for name in ("MemFree", "MemAvailable", "AnonPages", "CmaFree"):
            recorded = boot.value_at("meminfo", b"", name, at_ms)
            assert held[f"{name}_bytes"] == ("" if recorded is None else str(recorded * KB))


def test_what_is_absent_is_empty_and_not_0() -> None:
    rows = as_csv(real("armhf-6.1-adj-down"), "process_samples")
    (thread,) = (row for row in rows if row["name"] == "kthreadd")
    assert (thread["shared_bytes"], thread["anon_bytes"], thread["rss_bytes"]) == ("", "", "0")
    (found,) = (row for row in as_jsonl(real("armhf-6.1-adj-down")) if row.get("name") == "kthreadd" and "state" in row)
    assert "shared_bytes" not in found


def test_kills_marks_and_alerts_are_events(tmp_path: Path) -> None:
    exported = story(tmp_path, "leak_ends_in_a_group_kill")
    marks = [row["text"] for row in as_csv(exported, "events") if row["kind"] == "mark"]
    assert marks == ["test 7 begins", "test 8 begins"]
    (kill,) = as_csv(exported, "oom_kills")
    assert (kill["victim"], kill["victim_pid"], kill["group_path"]) == ("sensord", "200", "/app")
    (victim,) = (row for row in as_csv(exported, "processes") if row["process"] == kill["process"])
    assert (victim["name"], victim["parting"], victim["exit_status"]) == ("sensord", "ended", "9")


def test_a_gap_is_told_and_boots_are_counted_on(tmp_path: Path) -> None:
    exported = story(tmp_path, "three_boots_and_a_hole")
    assert [row["boot"] for row in as_csv(exported, "boots")] == ["1", "2", "3"]
    (gap,) = as_csv(exported, "gaps")
    rows = [row for row in as_csv(exported, "process_samples") if row["boot"] == gap["boot"]]
    inside = [row for row in rows if int(gap["from_uptime_ms"]) < int(row["uptime_ms"]) < int(gap["to_uptime_ms"])]
    assert rows and not inside


def test_several_recordings_share_no_number(tmp_path: Path) -> None:
    STORIES["a_single_sample"](tmp_path / "a.lgr")
    STORIES["leak_ends_in_a_group_kill"](tmp_path / "b.lgr")
    exported = Exported(load(str(tmp_path)))
    rows = as_csv(exported, "processes")
    assert len({row["process"] for row in rows}) == len(rows)
    assert {row["boot"] for row in rows} == {"1", "2"}
    assert [row["recording"] for row in as_csv(exported, "boots")] == ["1", "2"]


def test_names_from_an_adversary_break_no_line_and_no_spreadsheet(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    names = [b"=1+1", b"-sh", b"@x", b"+1", b'a"b,c', b"a\nb", b"\x1b[2J", b"\xff\xfe", "\u202egnp".encode(), b"a\tb"]
    for number, name in enumerate(names):
        scene.run(200 + number, name, 500, command_line=name)
    scene.event("mark", text=b"\r\n=cmd|'/c calc'!A0")
    scene.record(3)
    scene.stop()
    exported = Exported([scene.load()])
    found = [row["name"] for row in as_csv(exported, "processes")]
    assert found == [
        "\\x3d1+1", "\\x2dsh", "\\x40x", "\\x2b1", 'a"b,c', "a\\nb", "\\x1b[2J", "\\xff\\xfe", "\\u202egnp", "a\\tb",
    ]  # fmt: skip
    for wanted in ("processes", "events", "process_samples"):
        (table,) = (table for table in exported.tables() if table.name == wanted)
        out = io.StringIO()
        count = flat.write_csv(table, out, quiet)
        assert out.getvalue().count("\n") == count + 1
        assert out.getvalue().replace("\n", "").isprintable()
    names_told = [row["name"] for row in as_jsonl(exported) if row["table"] == "processes"]
    assert names_told[:2] == ["=1+1", "-sh"]


@pytest.mark.parametrize("name", sorted(STORIES))
def test_each_story_gives_the_same_rows_in_both_formats(tmp_path: Path, name: str) -> None:
    exported = story(tmp_path, name)
    objects = as_jsonl(exported)
    for table in exported.tables():
        rows = as_csv(exported, table.name)
        assert len(rows) == sum(row["table"] == table.name for row in objects), table.name
        assert all(len(row) == len(table.fields) for row in rows)
        times = [(int(row["boot"]), int(row["uptime_ms"])) for row in rows if {"boot", "uptime_ms"} <= row.keys()]
        if table.name not in ("oom_kills", "kernel_log"):
            assert times == sorted(times), table.name


def test_names_of_columns_hold_nothing_that_a_tool_could_mistake() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(500):
        raw = bytes(chance.randrange(256) for _ in range(chance.randrange(90))).decode("utf-8", "replace")
        assert plain_name(raw).isidentifier() and plain_name(raw).isascii()
