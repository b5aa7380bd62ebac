"""Every command of ``lastgasp`` on files that are not its own, damaged, empty, or stranger than a device makes them.

A right answer or one clear line: a documented exit status, no traceback, what goes wrong in one line that names the
file, and nothing on standard output that a terminal would obey. A new command fails here until it is in COMMANDS.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import lastgasp
from lastgasp.cli import main
from scene import Scene, utc

TESTS = Path(__file__).parents[1]
RING = TESTS / "recordings" / "armhf-6.1-adj-down.ring.gz"
LOG = TESTS / "oomlogs" / "armhf-adj.txt"
PROGRAM = b"\x1b[2J<b>&"  # comm: at most 15 bytes
SCRIPT = b"<script>"
OBEYED = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")  # by a terminal; but for tabs and newlines
BUDGET = '[system]\navailable_floor = "1 MB"\noom_kills = 0\n[process.sensord]\npeak = "4 MB"\n'

# Each command line, with FILE for what it reads. Several of one command where they go different ways.
COMMANDS: dict[str, list[list[str]]] = {
    "report": [["FILE"], ["--json", "FILE"], ["--html", "-", "FILE"]],
    "leaks": [["FILE"], ["--json", "FILE"]],
    "oom": [["FILE"], ["--json", "FILE"]],
    "what-if": [["FILE", "--ram", "+8M"], ["FILE", "--at", "end"], ["FILE", "--overcommit-memory", "2"]],
    "advise": [["FILE"], ["--json", "FILE"]],
    "check": [["FILE", "--budget", "budget.toml"], ["--json", "FILE", "--budget", "budget.toml"]],
    "diff": [["FILE", "FILE"]],
    "export": [["FILE", "--to", "jsonl"], ["FILE", "--to", "openmetrics"]],
    "fleet": [["FILE"], ["--json", "FILE"]],
    "top": [["FILE", "--at", "end"], ["FILE", "--json"]],
}
READ_NOTHING = {"live", "ls", "prune", "pull", "record"}  # tests of their own: they read devices and images, or write
LINES = [pytest.param([name, *line], id=" ".join([name, *line])) for name, some in COMMANDS.items() for line in some]
ON_MANY = [["report", "FILE"], *([name, *some[0]] for name, some in COMMANDS.items() if name != "report")]


def parsers() -> dict[str, argparse.ArgumentParser]:
    """All commands that there are."""
    (commands,) = (one for one in main._parser()._actions if isinstance(one, argparse._SubParsersAction))
    return dict(commands.choices)


def documented(command: str) -> set[int]:
    """The exit statuses that its help tells of."""
    text = parsers()[command].format_help().split("exit status:\n")[1]
    return {int(number) for number in re.findall(r"(?:^|; |  )(\d+) ", text, re.M)}


def held(folder: Path, line: list[str], file: str) -> tuple[int, bytes]:
    """Run a command on a file; what is true of it whatever the file is."""
    done = lastgasp(folder, *(file if word == "FILE" else word for word in line))
    told = done.stderr.decode()
    assert done.returncode in documented(line[0]), told
    assert done.returncode in (0, 1, 3), told
    assert "Traceback" not in told and "this is a bug" not in told
    assert not OBEYED.search(done.stderr)
    if "--html" not in line or done.returncode:
        assert not OBEYED.search(done.stdout)
    if done.returncode and not done.stdout:
        assert told.count("\n") == 1 and told.endswith("\n")
        assert file in told
    elif not done.returncode:
        assert done.stdout
    return done.returncode, done.stdout


def test_every_command_is_held_against_bad_input() -> None:
    assert set(COMMANDS) | READ_NOTHING == set(parsers())


@pytest.mark.parametrize("command", COMMANDS)
def test_exit_statuses_are_told(command: str) -> None:
    assert {0, 1, 2, 130} <= documented(command)


# -- what is no good ---------------------------------------------------------------------------------------


def gone(_: Path) -> None:
    """Makes nothing."""


def folder_of_nothing(path: Path) -> None:
    path.mkdir()


def folder_of_text(path: Path) -> None:
    path.mkdir()
    (path / "README").write_text("nothing here\n")


def truncated_gzip(path: Path) -> None:
    path.write_bytes(RING.read_bytes()[:40])


NO_GOOD: dict[str, bytes | Callable[[Path], None]] = {
    "not there": gone,
    "an empty folder": folder_of_nothing,
    "a folder without a recording": folder_of_text,
    "an empty file": b"",
    "one byte": b"\n",
    "a gzip of nothing": gzip.compress(b""),
    "the first bytes of a gzip": truncated_gzip,
    "a damaged gzip header": b"\x1f\x8b\x08" + b"\xff" * 60,
    "erased flash": b"\xff" * 65536,
    "zeros": bytes(65536),
    "an HTML page": b"<!DOCTYPE html><html><script>alert(1)</script><p>404 Not Found</html>\n" * 50,
    "a program": b"\x7fELF\x01\x01\x01" + random.Random(4).randbytes(30_000),
    "text in UTF-16": "nothing to see\n".encode("utf-16") * 20,
    "a terminal's escapes": b"\x1b[2J\x1b]0;title\x07\x9b31m\n" * 9,
}


@pytest.mark.parametrize("what", NO_GOOD)
@pytest.mark.parametrize("line", LINES)
def test_what_is_no_recording_and_no_log_gets_one_line(tmp_path: Path, line: list[str], what: str) -> None:
    (tmp_path / "budget.toml").write_text(BUDGET)
    make = NO_GOOD[what]
    if callable(make):
        make(tmp_path / "what.lgr")
    else:
        (tmp_path / "what.lgr").write_bytes(make)
    status, printed = held(tmp_path, line, "what.lgr")
    assert status == 1
    if line[0] != "check":  # it tells of files that could not be read in its answer
        assert not printed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("line", LINES)
def test_what_may_not_be_read_gets_one_line(tmp_path: Path, line: list[str]) -> None:
    (tmp_path / "budget.toml").write_text(BUDGET)
    (tmp_path / "what.lgr").write_bytes(b"")
    (tmp_path / "what.lgr").chmod(0)
    assert held(tmp_path, line, "what.lgr")[0] == 1


# -- what is mixed up, or strange --------------------------------------------------------------------------


def log(path: Path) -> None:
    shutil.copy(LOG, path)


def half_a_ring(path: Path) -> None:
    path.write_bytes(RING.read_bytes()[: RING.stat().st_size // 2])


def damaged_ring(path: Path) -> None:
    data = bytearray(gzip.decompress(RING.read_bytes()))
    chance = random.Random(2)
    for _ in range(200):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def not_one_sample(path: Path) -> None:
    Scene(path).boot().stop()


def one_sample(path: Path) -> None:
    scene = Scene(path).boot()
    scene.run(100, b"sensord", 900)
    scene.record(1).flush()


def one_sample_without_the_machine(path: Path) -> None:
    """A block without the events that tell of pages, RAM and kernel."""
    scene = Scene(path)
    scene.meminfo["MemTotal"] = None
    scene.boot()
    scene.meminfo["MemTotal"] = 0
    scene.record(1).flush()


def hostile_names(path: Path) -> None:
    """They grow, and one of them is killed."""
    scene = Scene(path, slots=128).boot()
    for pid, name in enumerate((PROGRAM, SCRIPT, b"\x9b31m\xff\r", b"a\nb  c", b"", b"=1+1|cmd"), 100):
        said = {"command_line": name * 9, "exe": b"/usr/bin/" + name, "group": b"/" + name, "mapping": b"/lib/" + name}
        scene.run(pid, name, lambda t: 900 + 5 * t, **said)
    scene.event("mark", text=PROGRAM)
    scene.record(600, mappings_every=60)
    scene.oom_kill(100)
    scene.record(20).flush()


def clock_that_jumps(path: Path) -> None:
    """From 1970 to now, on by ten years, back by twelve; the device starts anew in the past."""
    scene = Scene(path, slots=128).boot(1, wall=None)
    scene.run(100, b"sensord", lambda t: 900 + 9 * t)
    scene.record(200)
    for wall in ("2026-11-23 14:00:00", "2036-11-23 14:00:00", "2024-01-01 00:00:00"):
        scene.set_clock(wall)
        scene.record(100)
    scene.flush()
    scene.boot(2, wall="2021-01-01 00:00:00")
    scene.run(100, b"sensord", lambda t: 900 + 9 * t)
    scene.record(300).flush()


def clock_far_ahead(path: Path) -> None:
    """The year 2205."""
    scene = Scene(path).boot()
    scene.offset_ns = (1 << 63) - utc("2026-11-23 14:00:00")
    scene.run(100, b"sensord", 900)
    scene.record(60).flush()


STRANGE: dict[str, Callable[[Path], None]] = {
    "a kernel log": log,
    "half of a gzip": half_a_ring,
    "a damaged ring": damaged_ring,
    "a recording without a sample": not_one_sample,
    "one sample": one_sample,
    "one sample of a machine without memory": one_sample_without_the_machine,
    "hostile names": hostile_names,
    "a clock that jumps": clock_that_jumps,
    "a clock two centuries ahead": clock_far_ahead,
}
LOGS = ("oom", "what-if", "advise")


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("line", LINES)
def test_what_is_strange_gets_an_answer_or_one_line(tmp_path: Path, line: list[str], what: str) -> None:
    (tmp_path / "budget.toml").write_text(BUDGET)
    STRANGE[what](tmp_path / "what.lgr")
    status, _ = held(tmp_path, line, "what.lgr")
    if line[0] in ("report", "leaks", "export", "fleet") and what != "a kernel log":
        assert status == 0
    if what == "a kernel log":
        assert (status == 0) == (line[0] in LOGS and not {"--at", "--overcommit-memory"} & set(line))


@pytest.mark.parametrize("command", ["report", "leaks", "fleet"])
def test_a_hostile_name_is_shown(tmp_path: Path, command: str) -> None:
    hostile_names(tmp_path / "what.lgr")
    text = held(tmp_path, [command, "FILE"], "what.lgr")[1].decode()
    assert "\\x1b[2J<b>&" in text and "<script>" in text


# -- much of it --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording of 200 boots and one of 5,000 processes."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "budget.toml").write_text(BUDGET)
    scene = Scene(folder / "boots", slots=256, interval_s=5)
    for number in range(200):
        scene.boot(number + 1, wall=f"2026-{number // 28 % 12 + 1:02}-{number % 28 + 1:02} 14:00:00")
        scene.run(100 + number, b"sensord", lambda t: 900 + t)
        scene.record(20).flush()
    scene = Scene(folder / "processes", slots=512).boot()
    for number in range(5000):
        scene.run(100 + number, b"worker%d" % (number % 700), 100 + number % 90)
        if number % 50 == 49:
            scene.sample()
            scene.at_s += 1
            for pid in range(51 + number, 101 + number):
                scene.end(pid)
    scene.flush()
    return folder


def test_they_are_as_many_as_they_should_be(many: Path) -> None:
    from lastgasp.timeline.load import load

    assert len(load(str(many / "boots"))[0].boots) == 200
    (processes,) = load(str(many / "processes"))
    assert sum(len(boot.processes) for boot in processes.boots) == 5000


@pytest.mark.parametrize("what", ["boots", "processes"])
@pytest.mark.parametrize("line", ON_MANY, ids=" ".join)
def test_many_boots_and_many_processes_get_an_answer(many: Path, line: list[str], what: str) -> None:
    held(many, line, what)
