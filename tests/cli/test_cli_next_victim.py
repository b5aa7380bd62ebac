"""``lastgasp what-if RING --at TIME`` as it is called, on recordings of real kills and on made-up ones.

The recordings in ../recordings were made by the agent on Debian's armhf kernel 6.1 in an emulator with 112 MB; each
ends in a real OOM kill. Between the last sample before it and the kill lies up to a second.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_cli_oom import LOG, run

from lastgasp.cli.main import main
from lastgasp.report import as_json
from lastgasp.report.screen import WIDTH
from lastgasp.report.visible import columns
from scene import MACHINE, Scene
from stories import STORIES

RECORDINGS = Path(__file__).parents[1] / "recordings"
GOLDEN = Path(__file__).parent / "golden"
EXPLAINED = Path(as_json.__file__).with_name("JSON.md").read_text(encoding="utf-8")

# Whom the kernel killed first: "oom-kill:" in its report.
KILLED = {
    "armhf-6.1-adj-down": (148, "sensord"),
    "armhf-6.1-memcg-adj": (143, "sensord"),
    "armhf-6.1-protected-leaker": (143, "sensord"),
    "armhf-6.1-vfork": (141, "launcher"),
}
# A child that shares its parent's memory until it calls exec is the later of two equals, but passed over by the kernel.
VFORK = {"armhf-6.1-vfork": 142}

# What each of these prints stands in golden/, word by word; LASTGASP_GOLDEN=write writes it anew, to be read.
COMMANDS = {
    "real-protected-leaker": (
        "armhf-6.1-protected-leaker",
        ["--at", "oom", "--process", "sensord", "--process", "leaker", "--process", "watchdogd"],
    ),
    "real-protected-leaker-changed": ("armhf-6.1-protected-leaker", ["--at", "oom", "--oom-score-adj", "leaker=0"]),
    "real-memcg-adj": ("armhf-6.1-memcg-adj", ["--at", "oom", "--limit", "+8M"]),
    "real-vfork": ("armhf-6.1-vfork", ["--at", "oom"]),
    "story-group": ("leak_ends_in_a_group_kill", ["--at", "mark:8", "--process", "lastgasp-agent", "--process", "h*"]),
    "story-hostile": ("names_from_an_adversary", ["--at", "end", "--process", "\x1b[31m*"]),
    "story-no-report": (
        "nobody_leaks",
        ["--oom-score-adj", "cached=-900", "--ram", "8M"],
    ),
}


def recording(name: str, folder: Path) -> Path:
    """A real recording, or a story, as ring.lgr in a folder."""
    path = folder / "ring.lgr"
    if name in STORIES:
        STORIES[name](path)
    else:
        shutil.copy(RECORDINGS / f"{name}.ring.gz", path)
    return path


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the command prints for a recording named ring.lgr in the current folder."""

    def command(name: str, *arguments: str) -> str:
        recording(name, tmp_path)
        monkeypatch.chdir(tmp_path)
        assert main(["what-if", "ring.lgr", *arguments]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return command


@pytest.mark.parametrize("case", sorted(COMMANDS))
def test_the_output_is_what_it_was(case: str, printed: Callable[..., str]) -> None:
    name, arguments = COMMANDS[case]
    out = printed(name, *arguments)
    path = GOLDEN / f"what-if-{case}.txt"
    if os.environ.get("LASTGASP_GOLDEN") == "write":
        path.write_text(out, encoding="utf-8")
    assert out == path.read_text(encoding="utf-8")
    for line in out.splitlines():
        assert columns(line) <= WIDTH
        assert line == line.rstrip()
    assert all(character.isprintable() or character == "\n" for character in out)


@pytest.mark.parametrize("name", sorted(KILLED))
def test_the_last_sample_before_a_real_kill_names_its_victim(
    name: str, printed: Callable[..., str], record_property: Callable[[str, object], None]
) -> None:
    (found,) = json.loads(printed(name, "--at", "oom", "--json"))["instants"]
    ranking = found["outlook"]["ranking"]
    right = (ranking[0]["pid"], ranking[0]["name"]) == KILLED[name]
    record_property("counted: recordings of real kills", 1)
    record_property("counted: of these recordings, victims that the last sample before the kill names", int(right))
    assert right
    assert [one["pid"] for one in ranking if one["passed_over"]] == ([VFORK[name]] if name in VFORK else [])
    check = found["outlook"]["check"]
    assert check["compared"] == check["agreeing"] == len(ranking)
    assert check["first_agrees"] is True


def test_the_real_command_says_the_same(tmp_path: Path) -> None:
    path = recording("armhf-6.1-adj-down", tmp_path)
    done = run("what-if", str(path), "--at", "oom", "--process", "watchdogd")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"watchdogd (pid 150) may not be killed.\nsensord (pid 148) would be killed next.\n")
    assert b"watchdogd: may not be killed" in done.stdout
    piped = run("what-if", "-", "--at", "oom", "--process", "watchdogd", stdin=path.read_bytes())
    assert piped.stdout.partition(b"When")[2] == done.stdout.partition(b"When")[2]


def test_without_a_time_it_is_the_last_sample_or_the_last_before_the_first_kill(printed: Callable[..., str]) -> None:
    calm = printed("nobody_leaks", "--process", "httpd")
    assert "When    uptime 1:00:05 of boot 1: the last sample\n" in calm
    kill = " ".join(printed("leak_ends_in_a_group_kill", "--process", "httpd").split())
    assert "14:01:59 (uptime 0:02:09) of boot 1: the last sample before the first kill" in kill


def test_settings_that_overrule_the_ranking_are_said_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for setting, said in (
        ("vm.oom_kill_allocating_task", "Whoever asks for memory then would be killed"),
        ("vm.panic_on_oom", "The kernel would panic instead of killing (vm.panic_on_oom=1); else: d (pid 200)"),
    ):
        scene = Scene(tmp_path / setting).boot()
        scene.event("machine", **MACHINE, **{setting: "1"})
        scene.run(200, b"d", 900)
        scene.record(3).stop()
        assert main(["what-if", str(tmp_path / setting), "--at", "end"]) == 0
        assert capsys.readouterr().out.startswith(said)


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


@pytest.mark.parametrize("case", sorted(COMMANDS))
def test_every_field_of_the_json_is_explained(case: str, printed: Callable[..., str]) -> None:
    name, arguments = COMMANDS[case]
    out = printed(name, *arguments, "--json")
    assert out.isascii()
    found = json.loads(out)
    assert found["lastgasp_what_if"] == 1
    assert {key for key in keys(found) if f"`{key}`" not in EXPLAINED} == set()
    (instant,) = found["instants"]
    assert len(instant["outlook"]["ranking"]) == instant["outlook"]["candidates"]


def test_the_json_tells_the_course_of_each_named_process(printed: Callable[..., str]) -> None:
    out = printed("armhf-6.1-protected-leaker", "--at", "oom", "--process", "leaker", "--process", "logger", "--json")
    leaker, logger = json.loads(out)["instants"][0]["processes"]
    assert (leaker["lives"], leaker["closest"], leaker["first_from"], leaker["share"]) == (1, None, None, 0.0)
    assert logger["pattern"]["name"] == "logger"
    assert logger["closest"]["pid"] == 144 and logger["share"] > 0


def test_several_rings_in_a_folder_are_told_one_after_another(tmp_path: Path) -> None:
    for name in ("nobody_leaks", "innocent_is_killed"):
        STORIES[name](tmp_path / f"{name}.lgr")
    done = run("what-if", str(tmp_path), "--at", "end")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"RECORDING ") == 2
    only = run("what-if", str(tmp_path), "--at", "oom")
    assert only.returncode == 0
    assert only.stdout.startswith(b"bigdb (pid 300) would be killed next.")


def test_a_process_that_is_not_there_is_one_line_with_those_near(tmp_path: Path) -> None:
    path = recording("armhf-6.1-adj-down", tmp_path)
    for arguments in (
        ["--process", "sensord", "--process", "sensrod"],
        ["--at", "oom", "--oom-score-adj", "sensrod=0"],
    ):
        done = run("what-if", str(path), *arguments)
        assert (done.returncode, done.stdout) == (1, b"")
        said = f"lastgasp: no program is called 'sensrod' in {path}; did you mean 'sensord'? There are: sensord, "
        assert done.stderr.decode().startswith(said)


def test_a_process_goes_by_the_name_that_is_shown(printed: Callable[..., str], tmp_path: Path) -> None:
    programs = str(RECORDINGS / "real" / "programs.ring.gz")
    for name in ("python3 leaky-api.py", "leaky-api.py", "38"):
        done = run("what-if", programs, "--process", name)
        assert done.stdout.startswith(b"python3 leaky-api.py (pid 38) is 23.5 GB away from being the next.\n")
    (asked,) = json.loads(run("what-if", programs, "--process", "leaky-api.py", "--json").stdout)["instants"]
    assert asked["answer"].startswith("python3 leaky-api.py (pid 38) is ")
    assert asked["processes"][0]["lives"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--at", "yesterday"], "'yesterday': wants 1:02:03"),
        (["--at", "9:00:00"], "9:00:00 is not in this recording, which goes from uptime 0:00:10 to uptime 1:00:10"),
        (["--at", "oom"], "nobody was killed while this was recorded: give a time, or end for the last sample"),
        (["--at", "mark:x"], "no mark is in this recording"),
    ],
)
def test_no_such_instant_is_one_line_with_the_remedy(arguments: list[str], said: str, tmp_path: Path) -> None:
    path = recording("nobody_leaks", tmp_path)
    done = run("what-if", str(path), *arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert said in line


def test_a_log_holds_no_samples(tmp_path: Path) -> None:
    done = run("what-if", str(LOG), "--at", "end")
    assert done.returncode == 1
    assert b"not a recording; a log holds no samples, so leave out --at and --process" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_recording_without_processes_says_so(tmp_path: Path) -> None:
    Scene(tmp_path / "ring").boot().record(3).stop()
    done = run("what-if", str(tmp_path / "ring"), "--at", "end")
    assert done.returncode == 1
    assert b"cannot be told: no process is recorded at that moment" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--at", "end", "--kill-allocating-task"],
        ["--at", "end", "--overcommit-memory", "2"],
        ["--process", ""],
        ["--at"],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    done = run("what-if", str(LOG), *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Traceback" not in done.stderr


def test_help_has_examples_of_it() -> None:
    done = run("what-if", "--help")
    assert done.returncode == 0
    assert b"lastgasp what-if ring.lgr --at end --process sensord" in done.stdout
