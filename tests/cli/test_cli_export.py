"""The real command line of ``lastgasp export``: what is written where, and what is refused in one line."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stories import STORIES

LASTGASP = Path(__file__).parents[2] / "scripts" / "lastgasp"


def lastgasp(folder: Path, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii"}
    return subprocess.run(
        [sys.executable, str(LASTGASP), "export", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        input=stdin,
        timeout=60,
    )


def complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    return line.removeprefix("lastgasp: ")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    STORIES["names_from_an_adversary"](tmp_path / "r.lgr")
    return tmp_path


def test_csv_is_a_folder_of_tables(hostile: Path) -> None:
    done = lastgasp(hostile, "r.lgr", "--to", "csv", "-o", "tables")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    found = {path.name for path in (hostile / "tables").iterdir()}
    assert {"boots.csv", "processes.csv", "process_samples.csv", "meminfo.csv", "oom_kills.csv"} <= found
    assert [path.name for path in hostile.iterdir() if path.name.startswith(".")] == []


def test_one_table_goes_to_standard_output_as_utf_8_whatever_the_terminal_is(hostile: Path) -> None:
    done = lastgasp(hostile, "r.lgr", "--to", "csv", "--table", "processes")
    assert done.returncode == 0
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode("utf-8"), newline="")))
    assert "日本語日本語日本語日本語" in [row["name"] for row in rows]
    assert "\\x1b[31mred\\n\\x07" in [row["name"] for row in rows]


def test_jsonl_from_standard_input(hostile: Path) -> None:
    done = lastgasp(hostile, "-", "--to", "jsonl", "--table", "events", stdin=(hostile / "r.lgr").read_bytes())
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert "\\x1b[2Jboo\\nnext" in [one.get("text") for one in objects]


def test_a_file_that_is_there_stays_unless_one_says_force(hostile: Path) -> None:
    (hostile / "r.db").write_text("mine")
    assert complaint(lastgasp(hostile, "r.lgr", "--to", "sqlite", "-o", "r.db")) == (
        "r.db: is there already; name another file, or say --force to replace it"
    )
    assert (hostile / "r.db").read_text() == "mine"
    assert lastgasp(hostile, "r.lgr", "--to", "sqlite", "-o", "r.db", "--force").returncode == 0
    db = sqlite3.connect(hostile / "r.db")
    assert db.execute("SELECT count(*) FROM processes").fetchone() == (5,)
    assert sorted(path.name for path in hostile.iterdir()) == ["r.db", "r.lgr"]


def test_a_folder_that_is_not_empty_keeps_what_is_in_it(hostile: Path) -> None:
    (hostile / "tables").mkdir()
    (hostile / "tables" / "notes.txt").write_text("mine")
    assert "is not empty" in complaint(lastgasp(hostile, "r.lgr", "--to", "csv", "-o", "tables"))
    assert lastgasp(hostile, "r.lgr", "--to", "csv", "-o", "tables", "--force").returncode == 0
    assert (hostile / "tables" / "notes.txt").read_text() == "mine"
    assert (hostile / "tables" / "boots.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "csv"), "csv has a file for each table"),
        (("--to", "csv", "-o", "-"), "csv has a file for each table"),
        (("--to", "sqlite", "-o", "-"), "name it with -o"),
        (("--to", "sqlite"), "name it with -o"),
        (("--to", "sqlite", "-o", "."), ".: is a folder"),
        (("--to", "csv", "-o", "r.lgr"), "r.lgr: is there and no folder"),
        (("--to", "csv", "--table", "nothing"), "no table is called 'nothing'"),
        (("--to", "sqlite", "--table", "meminfo", "-o", "x"), "--table is for csv and jsonl"),
        (("--to", "perfetto", "-o", "nowhere/x"), "nowhere: No such file or directory"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(hostile: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in complaint(lastgasp(hostile, "r.lgr", *arguments))


def test_a_disk_that_is_full_leaves_nothing_behind(hostile: Path) -> None:
    done = lastgasp(hostile, "r.lgr", "--to", "openmetrics", "-o", "/dev/full")
    assert done.returncode == 1 and b"No space left on device" in done.stderr


def test_a_clock_that_was_never_set_is_warned_of(tmp_path: Path) -> None:
    STORIES["nobody_leaks"](tmp_path / "r.lgr")
    done = lastgasp(tmp_path, "r.lgr", "--to", "openmetrics")
    assert done.returncode == 0
    assert done.stdout.endswith(b"# EOF\n")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("lastgasp: warning: the clock was never set in 1 of 1 boot: ")


def test_one_sample_a_minute(hostile: Path) -> None:
    def samples(*arguments: str) -> list[int]:
        done = lastgasp(hostile, "r.lgr", "--to", "csv", "--table", "samples", *arguments)
        assert (done.returncode, done.stderr) == (0, b"")
        return [int(row["uptime_ms"]) for row in csv.DictReader(io.StringIO(done.stdout.decode(), newline=""))]

    every, some = samples(), samples("--every", "2.5")
    assert len(some) < len(every) and set(some) < set(every) and some[-1] == every[-1]
    assert len({at_ms // 2500 for at_ms in every}) == len({at_ms // 2500 for at_ms in some})


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon", "1e30"])
def test_a_stretch_that_is_none_is_refused_in_one_line(hostile: Path, text: str) -> None:
    done = lastgasp(hostile, "r.lgr", "--to", "jsonl", f"--every={text}")
    assert done.returncode == 2
    assert "is no number of seconds above 0 and up to 2592000" in done.stderr.decode().splitlines()[-1]


def test_a_dash_is_standard_output(hostile: Path) -> None:
    arguments = ["r.lgr", "--to", "csv", "--table", "boots"]
    assert lastgasp(hostile, *arguments, "-o", "-").stdout == lastgasp(hostile, *arguments).stdout != b""
    assert not (hostile / "-").exists()


def test_a_trace_goes_down_a_pipe(hostile: Path) -> None:
    done = lastgasp(hostile, "r.lgr", "--to", "perfetto")
    assert (done.returncode, done.stdout[:1]) == (0, b"\x0a")


def test_a_folder_of_recordings_is_one_export(tmp_path: Path) -> None:
    for name in ("a_single_sample", "nobody_leaks"):
        STORIES[name](tmp_path / f"{name}.lgr")
    done = lastgasp(tmp_path, ".", "--to", "csv", "--table", "recordings")
    assert [row.split(",")[1] for row in done.stdout.decode().splitlines()[1:]] == [
        "a_single_sample.lgr",
        "nobody_leaks.lgr",
    ]


def test_the_tables_are_listed(hostile: Path) -> None:
    done = lastgasp(hostile, "r.lgr", "--to", "csv", "--table", "?")
    assert b"\nprocess_samples\n" in done.stdout


def test_the_help_fits_80_columns(tmp_path: Path) -> None:
    done = lastgasp(tmp_path, "--help")
    assert done.returncode == 0
    assert max(len(line) for line in done.stdout.decode().splitlines()) <= 80
    assert done.stdout.count(b"SELECT") == 4
