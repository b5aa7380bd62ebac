"""OpenMetrics text: by its own rules, and by Prometheus' own importer where that is installed."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from lastgasp.report.export import openmetrics
from lastgasp.report.export.rows import Exported
from lastgasp.timeline.load import load
from scene import Scene
from stories import STORIES

RECORDINGS = Path(__file__).parents[2] / "recordings"
SAMPLE = re.compile(r'([a-zA-Z_]\w*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[\d.e+-]+) (\d+\.\d{3})')


def text(exported: Exported) -> str:
    out = io.StringIO()
    openmetrics.write(exported, out, lambda table, rows: None)
    return out.getvalue()


def check(lines: list[str]) -> int:
    """The format's rules as far as they can be broken here. Returns the number of samples."""
    assert lines[-1] == "# EOF"
    family, kind, samples = "", "", 0
    seen, closed = set[str](), set[str]()
    last: dict[str, float] = {}
    for line in lines[:-1]:
        if line.startswith("# TYPE "):
            family = line.split(" ")[2]
            assert family not in seen, "a family is told in one piece"
            seen.add(family)
            kind = line.split(" ")[3]
        elif line.startswith("# UNIT "):
            assert line.split(" ")[2] == family and family.endswith("_" + line.split(" ")[3])
        else:
            match = SAMPLE.fullmatch(line)
            assert match is not None, line
            assert match[1] == family + ("_total" if kind == "counter" else "")
            series = f"{match[1]}{{{match[2]}}}"
            assert series not in closed, "a series is told in one piece"
            if last and series not in last:
                closed |= last.keys()
                last = {}
            assert float(match[4]) > last.get(series, -1)
            last[series] = float(match[4])
            samples += 1
    return samples


@pytest.mark.parametrize("name", sorted(STORIES))
def test_each_story_keeps_the_rules_of_the_format(name: str, tmp_path: Path) -> None:
    STORIES[name](tmp_path / "r.lgr")
    assert check(text(Exported(load(str(tmp_path / "r.lgr")))).splitlines()) > 10


def test_a_real_recording_keeps_them_too() -> None:
    assert check(text(Exported(load(str(RECORDINGS / "armhf-6.1-adj-down.ring.gz")))).splitlines()) > 1000


def test_a_value_that_stays_is_told_every_minute_and_not_over_a_gap(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b"calm", 700)
    scene.record(301)
    scene.end(200)
    scene.record(200)
    scene.stop()
    lines = text(Exported([scene.load()])).splitlines()
    found = [line for line in lines if line.startswith("lastgasp_process_anonymous_memory_bytes{")]
    times = [float(line.rsplit(" ", 1)[1]) for line in found]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 7 and max(gaps) == 60
    assert times[-1] - times[0] == pytest.approx(300.999), "up to the end of the process, and no further"


def test_names_from_an_adversary_stay_in_their_labels(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "r.lgr").boot()
    scene.run(200, b'x"} 1\n\\', 700)
    scene.record(2)
    scene.stop()
    assert check(text(Exported([scene.load()])).splitlines())


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
@pytest.mark.parametrize("name", ["armhf-6.1-adj-down", "names_from_an_adversary"])
def test_prometheus_loads_it_and_gives_the_recorded_values_back(name: str, tmp_path: Path) -> None:
    if name in STORIES:
        STORIES[name](tmp_path / "r.lgr")
        exported = Exported(load(str(tmp_path / "r.lgr")))
    else:
        exported = Exported(load(str(RECORDINGS / f"{name}.ring.gz")))
    (tmp_path / "x.om").write_text(text(exported), encoding="utf-8")
    blocks = str(tmp_path / "blocks")
    made = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(tmp_path / "x.om"), blocks]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    (tmp_path / "blocks" / "wal").mkdir()  # dump wants one, which only a running server makes
    match = '{__name__="lastgasp_memory_MemAvailable_bytes"}'
    dump = subprocess.run(
        ["promtool", "tsdb", "dump", f"--match={match}", blocks], check=True, capture_output=True, text=True, timeout=60
    )
    found = {int(words[2]): float(words[1]) for words in (line.rsplit(" ", 2) for line in dump.stdout.splitlines())}
    one = exported.boots[0]
    times, values = one.boot.points("meminfo", b"", "MemAvailable")
    wanted = {at + (one.offset_ms or 0): value * 1024 for at, value in zip(times, values, strict=True)}
    assert wanted and wanted.items() <= found.items()
