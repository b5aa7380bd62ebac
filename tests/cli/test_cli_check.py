"""The real command line of ``lastgasp check``: its verdict, its files, and the exit status that a CI goes by."""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_cli_report import complaint
from test_cli_report import lastgasp as as_a_process

from commands import lastgasp
from lastgasp.report.screen import WIDTH
from lastgasp.report.visible import columns
from scene import Scene
from stories import STORIES

GOLDEN = Path(__file__).parent / "golden"
RECORDINGS = Path(__file__).parents[1] / "recordings"
KEPT, BROKEN, WRONG, UNCHECKED = 0, 1, 2, 3

GOOD = """
[recording]
at_least = "1 min"
[system]
available_floor = "8 MB"
oom_kills = 0
reboots = 0
flash_per_day = "20 MB"
[process.httpd]
peak = "4 MB"
growth = "1 MB/h"
"""


def golden(name: str, text: str) -> None:
    path = GOLDEN / f"check-{name}.txt"
    if os.environ.get("LASTGASP_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    for line in text.splitlines():
        assert columns(line) <= WIDTH
        assert line == line.rstrip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "memory-budget.toml").write_text(GOOD)
    STORIES["nobody_leaks"](tmp_path / "good.lgr")
    STORIES["leak_ends_in_a_group_kill"](tmp_path / "bad.lgr")
    return tmp_path


def check(folder: Path, *arguments: str) -> tuple[int, str]:
    done = lastgasp(folder, "check", *arguments, "--budget", "memory-budget.toml")
    assert done.stderr == b""
    return done.returncode, done.stdout.decode()


def test_the_verdict_is_the_exit_status_of_the_real_command(folder: Path) -> None:
    for name, status in (("good.lgr", KEPT), ("bad.lgr", BROKEN)):
        assert as_a_process(folder, "check", name, "--budget", "memory-budget.toml").returncode == status


def test_a_budget_that_was_kept_is_green(folder: Path) -> None:
    status, text = check(folder, "good.lgr")
    assert status == KEPT
    assert text.startswith("All 7 limits kept.\n")
    golden("kept", text)


def test_a_budget_that_was_broken_is_red_and_says_by_whom(folder: Path) -> None:
    status, text = check(folder, "bad.lgr")
    assert status == BROKEN
    golden("broken", text)


def test_what_could_not_be_checked_is_not_green(folder: Path) -> None:
    with (folder / "memory-budget.toml").open("a") as budget:
        budget.write("steady = '4 MB'\n[process.cached]\ngrowth = '10 kB/h'\n")
    status, text = check(folder, "good.lgr")
    assert status == UNCHECKED
    golden("unchecked", text)
    assert check(folder, "good.lgr", "--allow-unchecked")[0] == KEPT


def test_nothing_but_what_could_not_be_checked_is_said_so_and_no_more_advised_than_helps(folder: Path) -> None:
    (folder / "memory-budget.toml").write_text("[process.cached]\nrequired = false\ngrowth = '10 kB/h'\n")
    status, text = check(folder, "good.lgr")
    assert (status, text.splitlines()[0]) == (3, "Neither green nor red: the only limit could not be checked.")
    assert "--allow-unchecked accepts" in text
    status, text = check(folder, "good.lgr", "--allow-unchecked")
    assert (status, text.splitlines()[0]) == (0, "The only limit could not be checked. That is allowed here.")
    assert "--allow-unchecked" not in text and "Record for 6 h" in text


@pytest.mark.parametrize(("name", "meant"), [("htpd", "httpd"), ("leaky-api", "python3 leaky-api.py")])
def test_a_name_in_a_budget_that_nobody_has_gets_the_nearest(folder: Path, name: str, meant: str) -> None:
    (folder / "memory-budget.toml").write_text(f"[process.{name}]\npeak = '4 MB'\n")
    file = "good.lgr" if name == "htpd" else str(RECORDINGS / "real" / "programs.ring.gz")
    status, text = check(folder, file)
    assert status == BROKEN
    assert f'{name}: did you mean "{meant}"? If not: required = false allows it.' in " ".join(text.split())


def test_several_recordings_are_all_checked_and_are_in_one_junit_file(folder: Path) -> None:
    status, text = check(folder, "good.lgr", "bad.lgr", "--junit", "out.xml")
    assert status == BROKEN
    golden("several", text)
    root = ElementTree.parse(folder / "out.xml").getroot()
    assert [suite.get("name") for suite in root] == ["good.lgr", "bad.lgr"]
    assert [suite.get("failures") != "0" for suite in root] == [False, True]


def test_a_recording_that_cannot_be_read_is_red_and_the_others_are_checked(folder: Path) -> None:
    (folder / "empty.lgr").touch()
    status, text = check(folder, "good.lgr", "empty.lgr", "--junit", "out.xml", "--allow-unchecked")
    assert status == BROKEN
    assert text.startswith("1 file could not be read: empty.lgr: empty file")
    assert "All 7 limits kept in what could be read." in " ".join(text.split())
    assert "ok    httpd" in text
    assert ElementTree.parse(folder / "out.xml").getroot().get("errors") == "1"


def test_no_readable_recording_is_one_line_and_no_stale_junit_file_stays(folder: Path) -> None:
    (folder / "empty.lgr").touch()
    (folder / "out.xml").write_text("of yesterday")
    done = lastgasp(folder, "check", "empty.lgr", "--budget", "memory-budget.toml", "--junit", "out.xml")
    assert "empty.lgr: empty file" in complaint(done)
    assert ElementTree.parse(folder / "out.xml").getroot().get("errors") == "1"


def test_json_says_the_same(folder: Path) -> None:
    status, text = check(folder, "bad.lgr", "--json")
    found = json.loads(text)
    assert (found["lastgasp_check"], found["status"], status) == (1, BROKEN, BROKEN)
    checks = {(one["program"], one["rule"]): one for one in found["recordings"][0]["checks"]}
    assert checks[None, "OOM kills"]["outcome"] == "broken"
    assert checks[None, "OOM kills"]["victims"] == ["sensord"]
    assert checks["httpd", "runs"]["outcome"] == "kept"


def test_what_it_says_to_do_next_can_be_done(folder: Path) -> None:
    (folder / "memory-budget.toml").write_text(
        "[system]\noom_kills = 0\n[process.sensord]\ngrowth = '1 kB/h'\npeak = 1\n"
    )
    lines = check(folder, "bad.lgr")[1].partition("NEXT\n")[2].splitlines()
    commands = [line.split()[1:] for line in lines if line.startswith("  lastgasp ")]
    assert [command[0] for command in commands] == ["oom", "report", "leaks"]
    for command in commands:
        assert lastgasp(folder, *command).returncode == 0


# -- the shipped example -------------------------------------------------------------------------------------


def test_the_example_is_shown_and_works_on_a_real_recording(tmp_path: Path) -> None:
    shown = lastgasp(tmp_path, "check", "--example")
    assert shown.returncode == KEPT
    (tmp_path / "memory-budget.toml").write_bytes(shown.stdout)
    (tmp_path / "ring.gz").write_bytes((RECORDINGS / "armhf-6.1-adj-down.ring.gz").read_bytes())
    status, text = check(tmp_path, "ring.gz")
    assert status == BROKEN
    golden("example-real", text)


def test_the_example_with_a_shorter_least_length_sees_the_real_leaker_only(tmp_path: Path) -> None:
    text = lastgasp(tmp_path, "check", "--example").stdout.decode().replace('at_least = "10 min"', 'at_least = "10 s"')
    (tmp_path / "memory-budget.toml").write_text(text)
    (tmp_path / "ring.gz").write_bytes((RECORDINGS / "armhf-6.1-protected-leaker.ring.gz").read_bytes())
    found = json.loads(check(tmp_path, "ring.gz", "--json")[1])
    broken = {(one["program"], one["rule"]) for one in found["recordings"][0]["checks"] if one["outcome"] == "broken"}
    assert broken == {(None, "OOM kills"), (None, "stall"), ("leaker", "growth")}


# -- wrong use -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["good.lgr"], ["--budget", "memory-budget.toml"]])
def test_wrong_use(folder: Path, arguments: list[str]) -> None:
    done = lastgasp(folder, "check", *arguments)
    assert done.returncode == WRONG
    assert b"--example shows one" in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[process.a]\npeek = 1", "process.a.peek: unknown; did you mean peak?"),
        (b"[process.a]\npeak = '\x1b[2J'", "not TOML: "),
        (b'[process."\\u001b[2J"]\npeek = 1', 'process."\\x1b[2J".peek: unknown'),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"", "limits nothing"),
    ],
)
def test_a_bad_budget_is_one_line_that_names_it(folder: Path, text: bytes, told: str) -> None:
    (folder / "bad.toml").write_bytes(text)
    done = lastgasp(folder, "check", "good.lgr", "--budget", "bad.toml")
    assert (done.returncode, done.stdout) == (WRONG, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("lastgasp: bad.toml: ")
    assert told in line


def test_a_budget_that_is_not_there_is_wrong_use(folder: Path) -> None:
    done = lastgasp(folder, "check", "good.lgr", "--budget", "nothing.toml")
    assert (done.returncode, done.stderr) == (WRONG, b"lastgasp: nothing.toml: No such file or directory\n")


def test_a_junit_file_that_cannot_be_written_is_told(folder: Path) -> None:
    done = lastgasp(folder, "check", "good.lgr", "--budget", "memory-budget.toml", "--junit", "no/such/out.xml")
    assert complaint(done) == "lastgasp: no/such/out.xml: No such file or directory"


def test_names_from_an_adversary_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    STORIES["names_from_an_adversary"](tmp_path / "names.lgr")
    (tmp_path / "memory-budget.toml").write_text("[process.'*']\ngrowth = '1 kB/h'\n[system]\noom_kills = 0\n")
    status, text = check(tmp_path, "names.lgr")
    assert status == BROKEN
    golden("hostile", text)


def test_a_device_with_five_hundred_programs_gets_a_page_not_a_book(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring.lgr", slots=128).boot()
    for pid in range(100, 600):
        scene.run(pid, b"daemon%d" % pid, 500)
    scene.record(20).stop()
    (tmp_path / "memory-budget.toml").write_text("[recording]\nat_least = '5 s'\n[process.'*']\npeak = '1 MB'\n")
    status, text = check(tmp_path, "ring.lgr")
    assert status == KEPT
    assert text.startswith("All 500 limits kept.")
    assert len(text.splitlines()) < 40
