"""The real command line of ``lastgasp record``, on the machine that the tests run on."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from lastgasp.analysis.facts import gather
from lastgasp.cli.record import make_config, summary_path
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording

NOBODY = 65534
LASTGASP = Path(__file__).parents[2] / "scripts" / "lastgasp"


def record(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(LASTGASP), "record", *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start recording without an end, and wait until the ring is there."""
    process = subprocess.Popen(
        [sys.executable, str(LASTGASP), "record", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not list(folder.glob("*.lgr")):
        time.sleep(0.05)
    return process


def only(path: Path) -> Recording:
    (recording,) = load(str(path))
    return recording


def test_it_records_for_as_long_as_asked_and_says_what_to_type_next(tmp_path: Path) -> None:
    done = record(tmp_path, "--interval", "200ms", "--for", "2s", "-o", "a.lgr")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"Recorded \d+ samples in 2(\.\d)? s: a\.lgr\n", done.stdout)
    assert done.stdout.endswith("Next: lastgasp report a.lgr\n")
    recording = only(tmp_path / "a.lgr")
    missed = recording.boots[0].latest("recorder", b"", "missed_ticks") or 0  # on a machine that is busy otherwise
    assert 8 - missed <= recording.samples <= 20  # an OOM kill on the machine meanwhile adds samples
    assert recording.samples > 1
    assert recording.clean_stop


def test_everything_that_was_sampled_is_in_the_file(tmp_path: Path) -> None:
    done = record(tmp_path, "--interval", "200ms", "--for", "2s", "-o", "a.lgr")
    told = int(done.stdout.split()[1])
    assert only(tmp_path / "a.lgr").samples == told


def test_the_end_does_not_wait_for_the_next_sample(tmp_path: Path) -> None:
    """``record`` here gives up after a minute."""
    done = record(tmp_path, "--interval", "1h", "--for", "1s", "-o", "a.lgr")
    assert (done.returncode, only(tmp_path / "a.lgr").clean_stop) == (0, True)


def test_the_file_is_named_after_the_host_and_the_time(tmp_path: Path) -> None:
    record(tmp_path, "--for", "1s")
    (found,) = tmp_path.iterdir()
    assert re.fullmatch(r"lastgasp-[A-Za-z0-9_-]+-\d{8}-\d{6}\.lgr", found.name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_cleanly_with_everything_flushed(tmp_path: Path, number: int) -> None:
    process = start(tmp_path, "--interval", "200ms", "-o", "a.lgr")
    time.sleep(1.5)
    process.send_signal(number)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert "Next: lastgasp report a.lgr" in out
    assert only(tmp_path / "a.lgr").clean_stop


def test_a_ring_that_is_there_is_continued(tmp_path: Path) -> None:
    record(tmp_path, "--for", "1s", "-o", "a.lgr")
    size = (tmp_path / "a.lgr").stat().st_size
    record(tmp_path, "--for", "1s", "-o", "a.lgr")
    assert (tmp_path / "a.lgr").stat().st_size == size
    assert len(gather(only(tmp_path / "a.lgr")).runs) == 2


def test_a_file_that_is_no_ring_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work\n")
    done = record(tmp_path, "--for", "1s", "-o", "thesis.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("lastgasp: thesis.txt: holds something that is no recording")
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "thesis.txt").read_text() == "years of work\n"


@pytest.mark.parametrize("path", [".", "/dev/null", "nowhere/at/all/a.lgr"])
def test_what_cannot_be_a_ring_is_refused_in_one_line(tmp_path: Path, path: str) -> None:
    done = record(tmp_path, "--for", "1s", "-o", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"lastgasp: {path}: ")


def test_two_at_once_do_not_write_to_the_same_ring(tmp_path: Path) -> None:
    first = start(tmp_path, "-o", "a.lgr")
    try:
        time.sleep(0.5)
        second = record(tmp_path, "--for", "1s", "-o", "a.lgr")
        assert second.returncode == 1
        assert "another agent writes to this ring" in second.stderr
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=20)


@pytest.mark.parametrize(
    "arguments",
    [("--interval", "soon"), ("--interval", "10ms"), ("--for", "60"), ("--for", "-1s"), ("--for", "0s"), ("x",)],
)
def test_wrong_use_is_exit_status_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = record(tmp_path, *arguments)
    assert done.returncode == 2
    assert not list(tmp_path.iterdir())


def interpreter_for(user: int) -> str | None:
    """A Python that this user may run and that is new enough."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            if not subprocess.run([python, "-c", check], user=user, capture_output=True).returncode:
                return python
        except OSError:
            continue
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become an ordinary user")
def test_an_ordinary_user_can_record_and_is_told_what_is_missing() -> None:
    python = interpreter_for(NOBODY)
    if python is None:
        pytest.skip("no Python that an ordinary user may run")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        done = subprocess.run(
            [python, str(LASTGASP), "record", "--interval", "200ms", "--for", "2s", "-o", "a.lgr"],
            cwd=folder, user=NOBODY, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "the kernel log cannot be read" in done.stdout
        assert only(Path(folder) / "a.lgr").samples >= 8


def test_on_a_terminal_it_tells_how_it_goes_and_leaves_no_trace_of_that(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(LASTGASP), "record", "--interval", "200ms", "--for", "2s", "-o", "a.lgr"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    process.wait(timeout=20)
    os.close(master)
    assert b" left, " in shown
    assert b" available, " in shown
    assert shown.endswith(b"\r")


def test_a_leak_on_this_very_machine_is_found(tmp_path: Path) -> None:
    """The whole way: a process that leaks, the recording, the verdict."""
    leaker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time\nkept, began = [], time.monotonic()\nwhile True:\n"
            " while len(kept) < (time.monotonic() - began) * 50: kept.append(bytearray(40_000))\n time.sleep(0.02)",
        ]
    )
    try:
        record(tmp_path, "--interval", "200ms", "--for", "14s", "-o", "a.lgr")
    finally:
        leaker.kill()
        leaker.wait()
    suspects = gather(only(tmp_path / "a.lgr"))
    (found,) = [growth for growth in [*suspects.leaks, *suspects.suspicions] if growth.worst.pid == leaker.pid]
    assert found.worst.verdict.per_s == pytest.approx(40_000 * 50, rel=0.25)
    assert found.worst.where is not None


# -- settings ------------------------------------------------------------------------------------------


def test_a_short_recording_reads_mappings_often_enough_to_compare_them() -> None:
    assert make_config("a", 1000, 60_000).mapping_interval == 3_000
    assert make_config("a", 500, 30_000).mapping_interval == 2_000


def test_a_long_recording_leaves_the_processes_alone_for_longer() -> None:
    assert make_config("a", 1000, 86_400_000).mapping_interval == 60_000


def test_the_ring_is_as_large_as_the_recording_may_need() -> None:
    assert make_config("a", 1000, 10_000).ring_size == 1 << 20
    assert make_config("a", 1000, 3_600_000).ring_size == 3600 * 2048 // 4096 * 4096
    assert make_config("a", 100, 30 * 86_400_000).ring_size == 256 << 20


def test_a_path_is_quoted_for_the_shell() -> None:
    assert summary_path("a b.lgr") == "'a b.lgr'"
    assert summary_path("plain-1.lgr") == "plain-1.lgr"
