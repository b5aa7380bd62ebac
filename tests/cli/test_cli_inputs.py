"""Which recordings a command line stands for: files, and all below a folder; one that is no good is told.

Whatever a command looks at is looked at whole: no recording is left out without a word.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from commands import lastgasp
from stories import STORIES

LOGS = Path(__file__).parents[1] / "oomlogs"
BUDGET = "[system]\noom_kills = 0\n"
COMMANDS = {
    "report": ["report", "--json", "PATHS"],
    "leaks": ["leaks", "--json", "PATHS"],
    "check": ["check", "--json", "PATHS", "--budget", "budget.toml"],
    "export": ["export", "PATHS", "--to", "jsonl", "--table", "recordings"],
    "fleet": ["fleet", "--json", "PATHS", "--jobs", "1"],
}
EACH = pytest.mark.parametrize("command", COMMANDS)
ALL = ["bench/a/b/three.ring", "bench/a/two.lgr", "bench/one.lgr"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bench: a recording at the top, one in each of two folders, and files that are no recordings."""
    (tmp_path / "budget.toml").write_text(BUDGET)
    for name in reversed(ALL):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        STORIES["nobody_leaks"](tmp_path / name)
    (tmp_path / "bench" / "README.md").write_text("# What is in here\n")
    (tmp_path / "bench" / "a" / "truth.toml").write_text("leaks = 0\n")
    return tmp_path


def run(folder: Path, command: str, *paths: str) -> tuple[int, list[str], str]:
    """Exit status, the files that were looked at, standard error."""
    line = [word for part in COMMANDS[command] for word in (paths if part == "PATHS" else [part])]
    done = lastgasp(folder, *line)
    return done.returncode, files(command, done.stdout), done.stderr.decode()


def files(command: str, out: bytes) -> list[str]:
    if not out:
        return []
    if command == "export":
        return sorted(json.loads(line)["file"] for line in out.splitlines())
    found = json.loads(out)["recordings"]
    return sorted(name for one in found for name in [one["file"], *one.get("copies", [])])


@EACH
def test_a_folder_is_every_recording_below_it(folder: Path, command: str) -> None:
    status, found, _ = run(folder, command, "bench")
    assert (status, found) == (0, ALL)


@EACH
def test_one_that_is_no_recording_is_named_and_the_others_are_dealt_with(folder: Path, command: str) -> None:
    (folder / "bench" / "a" / "board3.lgr").write_bytes(b"\x00\x01garbage" * 99)
    status, found, told = run(folder, command, "bench")
    assert found == ALL
    if command == "fleet":
        assert status == 0
        return
    assert status == 1
    if command != "check":  # which tells it in its answer
        assert "lastgasp: bench/a/board3.lgr: no recording in these" in told


@EACH
def test_a_file_that_was_given_by_name_is_named_too(folder: Path, command: str) -> None:
    if command == "fleet":  # which passes it over by whatever way it came
        return
    status, found, told = run(folder, command, "bench/one.lgr", "bench/README.md", "nothing.lgr")
    assert (status, found) == (1, ["bench/one.lgr"])
    if command != "check":
        assert told.splitlines()[0].startswith("lastgasp: bench/README.md: no recording in these")
        assert told.splitlines()[1:] == ["lastgasp: nothing.lgr: No such file or directory"]


@EACH
def test_a_folder_without_any_recording_is_no_good(folder: Path, command: str) -> None:
    (folder / "empty").mkdir()
    (folder / "text").mkdir()
    (folder / "text" / "notes").write_text("hello\n")
    for name in ("empty", "text"):
        status, found, told = run(folder, command, name)
        assert status == 1 and found == []
        assert told.count("\n") == 1 and f"{name}: no" in told
        if command != "fleet":
            status, found, told = run(folder, command, "bench/one.lgr", name)
            assert (status, found) == (1, ["bench/one.lgr"])


@EACH
def test_links_are_followed_and_circles_gone_round_once(folder: Path, command: str) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "bench" / "one.lgr").rename(folder / "elsewhere" / "one.lgr")
    (folder / "bench" / "link").symlink_to("../elsewhere")
    (folder / "bench" / "a" / "up").symlink_to("..")
    os.mkfifo(folder / "bench" / "pipe")
    status, found, _ = run(folder, command, "bench")
    assert (status, found) == (0, [*ALL[:2], "bench/link/one.lgr"])


@EACH
def test_a_link_to_a_recording_that_is_gone_is_told(folder: Path, command: str) -> None:
    (folder / "bench" / "gone.lgr").symlink_to("/nowhere/gone.lgr")
    status, found, told = run(folder, command, "bench")
    assert found == ALL
    assert status == (command != "fleet")
    assert command in ("fleet", "check") or "bench/gone.lgr: No such file" in told


@EACH
def test_a_file_is_looked_at_once(folder: Path, command: str) -> None:
    assert run(folder, command, "bench/one.lgr", "bench", "bench/one.lgr")[:2] == (0, ALL)


def test_what_was_passed_over_is_counted(folder: Path) -> None:
    told = run(folder, "report", "bench")[2]
    assert told == "lastgasp: passed over 2 files without a recording: bench/README.md, bench/a/truth.toml\n"


def test_the_two_sides_of_a_comparison_are_folders_all_below(folder: Path) -> None:
    (folder / "bench" / "a" / "board3.lgr").write_bytes(b"")
    done = lastgasp(folder, "diff", "bench/one.lgr", "bench", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, sorted(found["new"]["files"])) == (1, ALL)
    assert b"lastgasp: bench/a/board3.lgr: empty file" in done.stderr


def test_a_check_says_what_it_could_not_read_and_what_it_passed_over(folder: Path) -> None:
    (folder / "bench" / "a" / "board3.lgr").write_bytes(b"garbage" * 99)
    done = lastgasp(folder, "check", "bench", "--budget", "budget.toml", "--junit", "out.xml", "--allow-unchecked")
    text = done.stdout.decode()
    assert done.returncode == 1
    assert "1 file could not be read: bench/a/board3.lgr: no recording" in " ".join(text.split())
    assert "Without a recording: 2 files (bench/README.md, bench/a/truth.toml)" in text
    root = ElementTree.parse(folder / "out.xml").getroot()
    assert root.get("errors") == "1"
    assert [suite.get("name") for suite in root if suite.find(".//error") is not None] == ["bench/a/board3.lgr"]


def test_an_export_of_the_others_is_whole(folder: Path) -> None:
    (folder / "bad.lgr").write_bytes(b"")
    done = lastgasp(folder, "export", "bench/one.lgr", "bad.lgr", "--to", "csv", "-o", "tables")
    assert done.returncode == 1 and b"bad.lgr: empty file" in done.stderr
    assert (folder / "tables" / "meminfo.csv").stat().st_size > 1000


def test_a_page_of_the_others_is_made(folder: Path) -> None:
    (folder / "bad.lgr").write_bytes(b"")
    done = lastgasp(folder, "report", "bad.lgr", "bench/one.lgr", "--html", "page.html")
    assert done.returncode == 1 and b"bad.lgr: empty file" in done.stderr
    assert (folder / "page.html").stat().st_size > 1000


@pytest.mark.parametrize(
    "log", ["armhf-adj.txt", "armhf-adj.kmsg", "armhf-verbose.console.bin", "x86-memcg1-plain.txt"]
)
@pytest.mark.parametrize("command", ["report", "leaks"])
def test_a_kernel_log_is_told_by_its_look_and_who_reads_it(command: str, log: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes((LOGS / log).read_bytes())
    done = lastgasp(tmp_path, command, "log")
    said = b"lastgasp: log: a kernel log by the look of it, and no recording; to read it: lastgasp oom log\n"
    assert (done.returncode, done.stderr) == (1, said)
    assert lastgasp(tmp_path, "oom", "log").returncode == 0


def test_other_text_is_no_kernel_log(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("The kernel is a log of [2026] things\n12,3 apples\n")
    assert b"no recording in these" in lastgasp(tmp_path, "report", "notes").stderr
