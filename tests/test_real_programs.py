"""The forecast half-way to real OOM kills; and that the programs that were recorded do what they are said to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.real import kills, labels, stage
from lastgasp.analysis.forecast import forecast
from lastgasp.timeline.load import load

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / "tests" / "recordings"
KILLS = sorted((RECORDINGS / "oom").glob("*.ring.gz"))
GROUPS = [path for path in KILLS if path.name.startswith("groups-")]
WITHOUT_A_LEAKER = {"spawned", "spooled", "threaded"}  # many processes, files on tmpfs, stacks that the kernel has


@cache
def foretold() -> list[kills.Foretold]:
    return [said for path in KILLS for recording in load(str(path)) for said in kills.foretold(recording)]


class TestForecast:
    def test_half_way_to_a_real_kill_it_is_right_in_four_of_five_cases(self, record_property: Any) -> None:
        said = foretold()
        right = sum(one.right for one in said)
        record_property("counted: real OOM kills", len(said))
        record_property("counted: of these, foretold at half-time within 15 %", right)
        assert len(said) > 10
        assert right >= kills.REACH * len(said), kills.render(said)

    @pytest.mark.parametrize(
        ("name", "group"),
        [("groups-4", "paused"), ("groups-4", "waving"), ("groups-3", "constant-slow"), ("groups-3", "cached")],
    )
    @pytest.mark.parametrize("share", [0.4, 0.45, 0.5, 0.55, 0.6, 0.75])
    def test_pauses_waves_batches_and_a_log_begun_anew_end_no_trend(self, name: str, group: str, share: float) -> None:
        (recording,) = load(str(RECORDINGS / "oom" / f"{name}.ring.gz"))
        end = next(end for end in kills.ends(recording) if labels.label(end.group) == group)
        at_ms = round(end.begin_ms + share * (end.kill_ms - end.begin_ms))
        said = next(one for one in forecast(recording, at_ms) if one.group == end.group)
        assert said.in_ms == pytest.approx(end.kill_ms - at_ms, rel=kills.RIGHT)

    def test_what_is_left_is_never_less_than_nothing(self) -> None:
        (recording,) = load(str(RECORDINGS / "oom" / "machine-toothed.ring.gz"))
        (end,) = kills.ends(recording)
        for at_ms in range(end.begin_ms, end.kill_ms, 5_000):
            said = forecast(recording, at_ms)[0]
            assert said.low_ms is None or said.low_ms >= 0

    def test_each_group_was_killed_once_and_the_leaker_is_known(self) -> None:
        for path in GROUPS:
            (recording,) = load(str(path))
            ends = kills.ends(recording)
            for end in ends:
                group = labels.label(end.group)
                leaker = end.leaker.decode().removeprefix("python3 ").removesuffix(".py")
                assert leaker == {"two": "two-leaks"}.get(group, group) or group in WITHOUT_A_LEAKER
            assert all(end.begin_ms < end.half_ms < end.kill_ms for end in ends)

    def test_a_leak_that_comes_late_begins_late(self) -> None:
        (recording,) = load(str(GROUPS[0]))
        begins = {labels.label(end.group): end.begin_ms for end in kills.ends(recording)}
        assert 89_000 < begins["late"] - begins["warmed"] < 93_000  # started two seconds apart, told to wait for 90

    def test_a_kernel_report_tells_of_the_kill_of_a_whole_machine(self) -> None:
        (recording,) = load(str(RECORDINGS / "armhf-6.1-protected-leaker.ring.gz"))
        (end,) = kills.ends(recording)
        assert end.group is None
        assert recording.boots[0].first_ms <= end.begin_ms < end.kill_ms <= recording.boots[0].last_ms


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("gcc") or not shutil.which("g++"):
        pytest.skip("needs gcc and g++")
    folder = tmp_path_factory.mktemp("real")
    stage.build(folder)
    return folder / "bin"


class TestPlan:
    """The programs do what their command line says: it is the truth that the analysis is held against."""

    @pytest.mark.parametrize(
        ("plan", "least_kb", "most_kb"),
        [
            (("base=6M",), 6_000, 7_000),
            (("base=1M", "leak=4M"), 4_000, 60_000),
            (("leak=4M", "map=1"), 3_000, 60_000),
            (("leak=4M", "poisson=20k"), 2_000, 60_000),
            (("leak=4M", "stairs=0.5"), 2_000, 60_000),
            (("leak=4M", "from=1000"), 0, 500),
            (("step=8M", "at=0"), 8_000, 9_000),
            (("warm=5M", "over=0.1"), 4_500, 6_000),
        ],
    )
    def test_it_holds_what_its_plan_says(
        self, programs: Path, plan: tuple[str, ...], least_kb: int, most_kb: int
    ) -> None:
        with subprocess.Popen([programs / "grow", *plan]) as process:
            try:
                deadline = time.monotonic() + 60
                while (size := anonymous_kb(process.pid)) < least_kb and time.monotonic() < deadline:
                    time.sleep(0.05)
                assert least_kb <= size <= most_kb
            finally:
                process.kill()

    def test_a_library_keeps_what_it_leaks_in_its_own_data(self, programs: Path) -> None:
        assert (programs / "libnotes.so.1").stat().st_size > 24 << 20


def anonymous_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


class TestCommand:
    def test_who_is_not_root_records_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(stage.StageError, match="needs root"):
            stage.record("kills", 1, tmp_path / "ring.gz")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("words", [["shapes", "--for", "x", "-o", "f"], ["shapes"], ["none", "-o", "f"]])
    def test_wrong_use_is_status_2(self, words: list[str]) -> None:
        assert run("real-programs", *words).returncode == 2

    def test_a_table_with_a_field_that_nobody_knows_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "labels.toml"
        path.write_text('[a]\nleaks = ""\nwhy = "w"\nshape = "leak"\n')
        with pytest.raises(TypeError):
            labels.read(path)


def run(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / name), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
