"""The real command line of ``lastgasp report``: what comes out, where, and with which exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lastgasp.ring.format import CRC, MAGIC
from scene import BLOCK_SIZE, Scene
from stories import STORIES

LASTGASP = Path(__file__).parents[2] / "scripts" / "lastgasp"
GOLDEN = Path(__file__).parents[1] / "report" / "golden"


def lastgasp(
    folder: Path, *arguments: str, encoding: str = "utf-8", stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, str(LASTGASP), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        input=stdin,
        timeout=60,
    )


def complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line of a command that could not do its work."""
    assert done.returncode == 1
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("lastgasp: ")
    return lines[0]


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    STORIES["leak_ends_in_a_group_kill"](tmp_path / "story.lgr")
    return tmp_path


def test_the_report_goes_to_standard_output(leak: Path) -> None:
    done = lastgasp(leak, "report", "story.lgr")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == (GOLDEN / "leak_ends_in_a_group_kill.txt").read_text(encoding="utf-8")


def test_no_colour_leaves_a_pipe(leak: Path) -> None:
    assert b"\x1b" not in lastgasp(leak, "report", "story.lgr").stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_output_that_is_not_utf8_gets_ascii(leak: Path, encoding: str) -> None:
    STORIES["names_from_an_adversary"](leak / "names.lgr")
    done = lastgasp(leak, "report", "story.lgr", "names.lgr", encoding=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


def test_json_is_one_object(leak: Path) -> None:
    found = json.loads(lastgasp(leak, "report", "--json", "story.lgr").stdout)
    assert found["lastgasp_report"] == 1
    assert found["recordings"][0]["answer"][0].startswith("sensord (pid 200) probably leaks 2.3 MB/min")


def test_a_folder_is_every_recording_in_it(leak: Path) -> None:
    STORIES["nobody_leaks"](leak / "another.lgr")
    (leak / "notes.txt").write_text("not a recording\n")
    done = lastgasp(leak, "report", ".")
    assert done.returncode == 0
    assert b"RECORDING 1 OF 2" in done.stdout
    assert b"Nobody leaks" in done.stdout
    assert b"sensord (pid 200) probably leaks" in done.stdout


def test_several_rings_in_one_file_are_several_recordings(tmp_path: Path) -> None:
    images = b""
    for number in (1, 2):
        scene = Scene(tmp_path / f"{number}", ring_id=number * 1001).boot()
        scene.run(200, b"daemon%d" % number, lambda t: 500 + 50 * t)
        scene.record(60).stop()
        images += (tmp_path / f"{number}").read_bytes()
    (tmp_path / "flash.img").write_bytes(b"\xff" * 8192 + images)
    done = lastgasp(tmp_path, "report", "flash.img")
    assert done.returncode == 0
    assert b"daemon1 (pid 200) probably leaks" in done.stdout
    assert b"daemon2 (pid 200) probably leaks" in done.stdout


def test_a_recording_can_come_through_a_pipe(leak: Path) -> None:
    done = lastgasp(leak, "report", "/dev/stdin", stdin=(leak / "story.lgr").read_bytes())
    assert done.returncode == 0
    assert done.stdout.startswith(b"sensord (pid 200) probably leaks")


def test_two_hundred_boots_are_told_in_a_few_lines(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring", slots=256)
    for number in range(1, 201):
        scene.boot(number, wall=f"2026-11-{1 + number // 24:02} {number % 24:02}:10:00")
        scene.run(200, b"leakd", lambda t: 500 + 20 * t)
        scene.record(30).flush()
    done = lastgasp(tmp_path, "report", "ring")
    assert done.returncode == 0
    assert b"200 boots" in done.stdout
    assert len(done.stdout.splitlines()) < 105


# -- input that is no good -----------------------------------------------------------------------------


def test_an_empty_file_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert "empty: empty file" in complaint(lastgasp(tmp_path, "report", "empty"))


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    assert complaint(lastgasp(tmp_path, "report", "nothing.lgr")) == "lastgasp: nothing.lgr: No such file or directory"


def test_a_folder_without_recordings_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a recording\n")
    assert "no file in this folder holds a recording" in complaint(lastgasp(tmp_path, "report", "."))


def test_random_bytes_are_no_recording(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(100_000))
    assert "noise: no recording in these 100000 bytes" in complaint(lastgasp(tmp_path, "report", "noise"))


def test_a_newer_version_asks_for_an_upgrade(tmp_path: Path) -> None:
    import zlib

    block = (MAGIC + bytes([9, 0, 0, 12])).ljust(BLOCK_SIZE - CRC.size, b"\0")
    (tmp_path / "new.lgr").write_bytes(block + CRC.pack(zlib.crc32(block)))
    text = complaint(lastgasp(tmp_path, "report", "new.lgr"))
    assert "newer lastgasp" in text
    assert "upgrade" in text


def test_a_ring_that_nothing_was_written_to_says_so(tmp_path: Path) -> None:
    Scene(tmp_path / "blank.lgr")
    assert "nothing was written" in complaint(lastgasp(tmp_path, "report", "blank.lgr"))


def test_one_bad_path_among_good_ones_is_told_and_they_are_reported(leak: Path) -> None:
    done = lastgasp(leak, "report", "gone.lgr", "story.lgr")
    assert (done.returncode, done.stderr) == (1, b"lastgasp: gone.lgr: No such file or directory\n")
    assert done.stdout == lastgasp(leak, "report", "story.lgr").stdout != b""


@pytest.mark.parametrize(("closed", "said"), [("<&-", "standard input"), (">&-", "standard output")])
def test_a_closed_stream_is_told_so_and_no_bug(leak: Path, closed: str, said: str) -> None:
    done = subprocess.run(
        [
            "sh",
            "-c",
            f'"$0" "$@" {closed}',
            sys.executable,
            str(LASTGASP),
            "report",
            "-" if "<" in closed else "story.lgr",
        ],
        cwd=leak,
        capture_output=True,
    )
    assert f"{said} is closed" in complaint(done)


def test_a_copy_that_was_cut_short_says_so(leak: Path) -> None:
    whole = (leak / "story.lgr").read_bytes()
    (leak / "cut.lgr").write_bytes(whole[: len(whole) // 2])
    assert b"the copy is not complete" not in lastgasp(leak, "report", "story.lgr").stdout
    said = " ".join(lastgasp(leak, "report", "cut.lgr").stdout.decode().split())
    assert f"the file ends {len(whole) // 2:,} bytes before the ring does: the copy is not complete" in said


def test_a_file_name_from_an_adversary_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    name = "\x1b[31mring\nlgr"
    (tmp_path / name).touch()
    assert r"\x1b[31mring\nlgr: empty file" in complaint(lastgasp(tmp_path, "report", name))


# -- use -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("report",), ("report", "--what"), ("nonsense",)])
def test_wrong_use_is_exit_status_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = lastgasp(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(b"usage: lastgasp")


@pytest.mark.parametrize("arguments", [("--help",), ("report", "--help"), ("record", "--help")])
def test_help_has_examples_and_the_exit_status(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = lastgasp(tmp_path, *arguments)
    assert done.returncode == 0
    assert b"examples:" in done.stdout
    assert b"exit status:\n  0 done; 1 it could not be done" in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error(leak: Path) -> None:
    """As in `lastgasp report ring | head -1`."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, str(LASTGASP), "report", *["story.lgr"] * 40], cwd=leak, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    os.close(reading)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
