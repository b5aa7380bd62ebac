"""scripts/bench: its table, how it reads traces and rings, that it leaves nothing behind. No test asserts a time."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(scope="module", autouse=True)
def scripts_on_path() -> Iterator[None]:
    sys.path.insert(0, str(SCRIPTS))
    yield
    sys.path.remove(str(SCRIPTS))


def module(name: str) -> Any:
    return importlib.import_module(f"benchmarks.{name}")


def row(**values: Any) -> Any:
    figure = module("figure")
    for name in ("ours", "ratio"):
        if isinstance(values.get(name), list):
            values[name] = figure.Spread.of(values[name])
    return figure.Row(**({"name": "cpu", "figure": "CPU per sample", "unit": "ms"} | values))


class TestFigure:
    def test_is_judged_by_its_median(self) -> None:
        figure = module("figure")
        most = figure.Reach(2.0)
        assert figure.reached(row(ours=[1.0, 1.5, 9.0], reach=most)) is True
        assert figure.reached(row(ours=[1.0, 2.5, 2.6], reach=most)) is False

    def test_at_least_is_the_other_way_round(self) -> None:
        figure = module("figure")
        least = figure.Reach(36.0, at_least=True)
        assert figure.reached(row(ours=[40.0], reach=least)) is True
        assert figure.reached(row(ours=[20.0], reach=least)) is False

    def test_a_ratio_of_windows_goes_before_that_of_medians(self) -> None:
        figure = module("figure")
        peers = (("atop", figure.Spread.of([10.0])),)
        reach = figure.Reach(0.25, of_peer=True)
        assert figure.reached(row(ours=[2.0], peers=peers, reach=reach)) is True
        assert figure.reached(row(ours=[2.0], peers=peers, reach=reach, ratio=[0.3, 0.4])) is False

    def test_without_the_peer_nothing_is_said(self) -> None:
        figure = module("figure")
        assert figure.reached(row(ours=[2.0], reach=figure.Reach(0.25, of_peer=True))) is None

    def test_comes_back_from_json(self) -> None:
        figure = module("figure")
        one = row(
            ours=[1.0, 2.0],
            peers=(("atop", figure.Spread.one(3.0)),),
            reach=figure.Reach(0.5, of_peer=True),
            notes=("a note",),
        )
        assert figure.row_of(json.loads(json.dumps(one.as_json()))) == one


class TestTable:
    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.019, "1/53"), (0.25, "1/4"), (0.2571, "1/3.9"), (1.0, "1.0"), (2.26, "2.3"), (0.0, "0")],
    )
    def test_a_ratio_reads_as_a_share(self, value: float, text: str) -> None:
        assert module("table").ratio(value) == text

    @pytest.mark.parametrize(
        ("values", "unit", "text"),
        [
            ([0.0064, 0.005, 0.0081], "ms", "6.40 (5.00-8.10) ms"),
            ([92.2, 92.4], "B", "92 B"),
            ([7491.0], "B", "7,491 B"),
            ([2_780_000], "MB", "2.78 MB"),
            ([49152], "KiB", "48 KiB"),
            ([841.2], "count", "841"),
        ],
    )
    def test_a_spread_is_its_median_with_its_ends(self, values: list[float], unit: str, text: str) -> None:
        assert module("table").spread(module("figure").Spread.of(values), unit) == text

    def test_says_what_to_reach_and_whether_it_was(self) -> None:
        figure, table = module("figure"), module("table")
        peers = (("atop", figure.Spread.of([0.0297])),)
        one = row(ours=[0.0062], peers=peers, interpreter="3.11.2", reach=figure.Reach(0.25, of_peer=True))
        assert table.cells(one) == (
            "CPU per sample",
            "3.11.2",
            "6.20 ms",
            "atop 29.70 ms",
            "1/4.8",
            "<= 1/4 of atop",
            "yes",
        )

    def test_a_row_without_a_measurement_is_shown_with_the_reason(self) -> None:
        one = row(missing="atop is missing: as root: apt-get install atop", reach=module("figure").Reach(1.0))
        text = module("table").render([one], [("kernel", "Linux")])
        assert "not measured" in text
        assert "unknown" in text
        assert "missing:\n  cpu: atop is missing: as root: apt-get install atop\n" in text
        assert text.endswith("measured:\n  kernel: Linux\n")

    def test_a_note_of_several_rows_is_printed_once(self) -> None:
        text = module("table").render([row(notes=("same",)), row(notes=("same",))], [])
        assert text.count("same") == 1

    def test_columns_stand_below_their_headings(self) -> None:
        lines = module("table").aligned([("a", "long heading"), ("longer", "b")])
        assert lines == ["a       long heading", "------  ------------", "longer  b"]


TRACE = """\
7 openat(AT_FDCWD</>, "/proc/1/stat", O_RDONLY|O_CLOEXEC) = 5</proc/1/stat>
7 poll([...], 3, 949) = 0 (Timeout)
7 pread64(4</proc/meminfo>, ""..., 8192, 0) = 1500
7 pread64(4</proc/meminfo>, ""..., 6692, 1500) = 0
7 openat(AT_FDCWD</>, "/proc/1/stat", O_RDONLY|O_CLOEXEC) = 5</proc/1/stat>
7 read(5</proc/1/stat>, ""..., 512) = 160
7 close(5</proc/1/stat>) = 0
7 openat(AT_FDCWD</>, "/proc/2/stat", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
7 openat(AT_FDCWD</>, "/proc/", O_RDONLY|O_DIRECTORY) = 5</proc>
7 getdents64(5</proc>, 0x5 /* 9 entries */, 32768) = 200
7 close(5</proc>) = 0
7 poll([...], 3, 20) = 1 ([...])
7 read(6</dev/kmsg>, ""..., 8192) = 80
7 poll([...], 3, 949) = 0 (Timeout)
7 openat(AT_FDCWD</>, "/proc/1/stat", O_RDONLY|O_CLOEXEC) = 5</proc/1/stat>
"""


class TestStrace:
    def test_a_sample_is_a_turn_that_looks_at_processes_and_is_complete(self) -> None:
        assert len(list(module("strace").turns(TRACE.splitlines()))) == 1

    def test_counts_files_and_the_calls_on_them(self) -> None:
        turn = next(module("strace").turns(TRACE.splitlines()))
        assert (turn.files, turn.file_calls, turn.processes) == (2, 5, {"/proc/1/stat"})
        assert turn.calls == {"poll": 1, "pread64": 2, "openat": 3, "read": 1, "close": 2, "getdents64": 1}


class TestModules:
    def test_what_an_import_costs_itself_is_without_what_it_imports(self) -> None:
        lines = ["= 2000 start", "> 2000 a", "> 2010 b", "not a line of ours", "< 2030 b", "< 2036 a", "= 2036 stopped"]
        found = [(cost.name, cost.depth, cost.own, cost.whole) for cost in module("modules").costs(lines)]
        assert found == [("start", 0, 2000, 2000), ("b", 1, 20, 20), ("a", 0, 16, 36), ("stopped", 0, 0, 0)]


class TestRing:
    def test_a_synthetic_ring_is_full_and_decodes(self, tmp_path: Path) -> None:
        from lastgasp.timeline.load import load

        path = str(tmp_path / "ring")
        samples = module("synthetic").make(path, 32 * 4096, 4096)
        (recording,) = load(path)
        assert recording.undecodable == recording.missing == recording.blank == 0
        assert 0 < len(recording.boots[0].sample_at) <= samples

    def test_use_counts_blocks_after_the_warm_up(self, tmp_path: Path) -> None:
        from lastgasp.timeline.load import load

        path = str(tmp_path / "ring")
        module("synthetic").make(path, 32 * 4096, 4096)
        (recording,) = load(path)
        first_s, last_s = recording.boots[0].first_ms / 1000, recording.boots[0].last_ms / 1000
        all_of_it = module("ring_use").used(path, 0, last_s)
        assert (all_of_it.blocks, all_of_it.writes) == (32, 32)
        half = module("ring_use").used(path, (first_s + last_s) / 2, last_s)
        assert 0 < half.blocks < 32
        assert half.writes == half.blocks
        with pytest.raises(module("ring_use").TooShort):
            module("ring_use").used(path, last_s + 1, last_s + 2)


def children_of(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_bytes().rpartition(b")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("compiled", [True, False])
def test_the_workload_ends_with_the_block_that_it_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    workload, children = module("workload"), module("children")
    if not compiled:
        monkeypatch.setattr(workload.shutil, "which", lambda _: None)
    kinds = {"sleep": 3, "alloc": 2, "light": 1, "brief": 2}
    with children.Children(str(tmp_path)) as running:
        workload.start(running, str(tmp_path), kinds, 10)
        (_, process) = running._running[0]
        born = children_of(process.pid)
        assert len(born) >= 6  # the brief ones may be between two lives
        running.check()
        deadline = time.monotonic() + 20
        while not any((tmp_path / "logs").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert any((tmp_path / "logs").iterdir())
        born = children_of(process.pid)
    assert process.poll() is not None
    assert [pid for pid in born if Path(f"/proc/{pid}").exists()] == []


def test_a_child_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    children = module("children")
    with children.Children(str(tmp_path)) as running:
        process = running.start("agent", ["sh", "-c", "echo first; echo the reason >&2; exit 3"])
        process.wait()
        with pytest.raises(children.ChildError, match="agent ended with status 3: the reason"):
            running.check()


def test_a_quick_run_prints_rows_and_writes_json(tmp_path: Path) -> None:
    strace = shutil.which("strace", path=module("children").PATH)  # a test must not have it installed
    output = tmp_path / "figures.json"
    names = "decode,syscalls" if strace else "decode"
    command = [str(SCRIPTS / "bench"), "--quick", "--only", names, "--json", str(output), "--python", sys.executable]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(output.read_text())["rows"]
    assert [one["name"] for one in rows] == ["syscalls"] * 2 * bool(strace) + ["decode"] * 3
    assert all(one["ours"]["median"] > 0 for one in rows)
    for text in ("decoding a full 4 MiB ring", "to reach", "machine:", "kernel:"):
        assert text in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "speed"], "no figure 'speed'"),
        (["--only", "decode,cpu", "--python", "/bin/false"], "no Python; 3.11 or later is needed"),
    ],
)
def test_wrong_use_is_one_line(arguments: list[str], message: str) -> None:
    done = subprocess.run([str(SCRIPTS / "bench"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_how_often_the_analysis_is_right_is_printed_in_four_tables() -> None:
    command = [sys.executable, str(SCRIPTS / "bench"), "--accuracy", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for words in ("recall", "leaks found:", "times asked", "within 15% at half-time:", "\nmeasured:\n  date: "):
        assert words in done.stdout
    assert "asking for the forecast in groups-0.ring.gz" in done.stderr, "progress is told"
