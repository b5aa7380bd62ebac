"""The real command line of ``lastgasp top``: printed once, on a real terminal (a pty), and of this machine."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stories import STORIES
from terminal import LASTGASP, PATIENCE_S, Terminal


def lastgasp(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, str(LASTGASP), "top", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    STORIES["leak_ends_in_a_group_kill"](tmp_path / "r.lgr")
    return tmp_path


@pytest.fixture
def terminal(leak: Path) -> Iterator[Terminal]:
    made = Terminal(leak, "top", "r.lgr")
    made.sees("q quit")
    yield made
    made.close()


# -- once ------------------------------------------------------------------------------------------------


def test_where_the_output_is_no_terminal_the_last_sample_is_printed(leak: Path) -> None:
    done = lastgasp(leak, "r.lgr")
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert "sample 125/125" in text and "httpd" in text and "sensord" not in text
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_at_an_instant_it_is_the_same_as_its_json(leak: Path) -> None:
    text = lastgasp(leak, "r.lgr", "--at", "oom").stdout.decode()
    found = json.loads(lastgasp(leak, "r.lgr", "--at", "oom", "--json").stdout)
    assert found["lastgasp_top"] == 1
    pids = [int(line.split()[0]) for line in text.splitlines() if line[:7].strip().isdigit()]
    assert pids == [task["pid"] for task in found["snapshot"]["tasks"]]
    (victim,) = (task for task in found["snapshot"]["tasks"] if task["name"] == "sensord")
    assert victim["oom_rank"] == 1 or victim["group"] == "/app"


def test_rows_filter_and_kernel_threads(leak: Path) -> None:
    tasks = [
        [task["name"] for task in json.loads(lastgasp(leak, "r.lgr", "--json", *more).stdout)["snapshot"]["tasks"]]
        for more in (("--rows", "1"), ("--filter", "HTTP"), ("--kernel", "--sort", "pid"))
    ]
    assert len(tasks[0]) == 1
    assert tasks[1] == ["httpd"]
    assert tasks[2][0] == "kthreadd"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name one recording"),
        (("r.lgr", "--live"), "name one recording"),
        (("--live", "--at", "end"), "--at is for recordings"),
        (("r.lgr", "--for", "10s"), "--for is for --live"),
        (("r.lgr", "--at", "soon"), "r.lgr: 'soon': wants "),
        (("r.lgr", "--at", "mark:zzz"), "r.lgr: no mark is 'zzz'"),
        (("nothing.lgr",), "nothing.lgr: No such file"),
        (("two",), "two: holds 2 recordings"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(leak: Path, arguments: tuple[str, ...], said: str) -> None:
    (leak / "two").mkdir()
    for name in ("a", "b"):
        STORIES["a_single_sample"](leak / "two" / f"{name}.lgr")
    done = lastgasp(leak, *arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("lastgasp: ") and said in line


def test_a_dumb_terminal_gets_it_printed(leak: Path) -> None:
    terminal = Terminal(leak, "top", "r.lgr", term="dumb")
    try:
        assert terminal.end() == 0
        assert "sample 125/125" in terminal.text and "\x1b" not in terminal.drawn
    finally:
        terminal.close()


# -- a terminal --------------------------------------------------------------------------------------------


def test_keys_move_through_time_and_q_gives_the_terminal_back(terminal: Terminal) -> None:
    assert not terminal.restored(), "keys come without Enter"
    terminal.press(b"\x1b[D")
    terminal.sees("sample 124/125")
    terminal.press(b"\x1b[H")
    terminal.sees("sample 1/125")
    terminal.press(b"\x1b[6~")
    terminal.sees("sample 61/125")
    terminal.press(b"k")
    assert "sensord" in terminal.sees("sample 120/125")
    terminal.press(b"m")
    terminal.sees("sample 1/125")
    terminal.press(b"\x1b[F")
    terminal.sees("sample 125/125")
    terminal.press(b"q")
    assert terminal.end() == 0
    assert terminal.restored()
    assert terminal.drawn.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")


def test_no_line_is_cleared_behind_its_last_letter(terminal: Terminal) -> None:
    """In the last column the cursor stands on that letter, and it would go."""
    terminal.press(b"?")
    terminal.sees("any key: back")
    assert terminal.drawn.count("\x1b[K") > 10
    assert re.search(r"(?<!\n)(?<!\x1b\[H)\x1b\[K", terminal.drawn) is None


def test_a_size_that_changes_is_drawn_at_once(terminal: Terminal) -> None:
    terminal.drawn = ""
    terminal.resize(12, 60)

    terminal.until(lambda _: len(terminal.screen) == 12 and "k kill" in terminal.screen[-1], "a small screen")
    assert max(len(line) for line in terminal.screen) <= 60
    terminal.press(b"q")
    assert terminal.end() == 0 and terminal.restored()


def test_a_filter_is_typed(terminal: Terminal) -> None:
    terminal.press(b"/")
    terminal.sees("filter: _")
    terminal.press(b"htt")
    assert "cached" not in terminal.sees("filter: htt_")
    terminal.press(b"\r")
    terminal.sees('only "htt": 1 of')
    terminal.press(b"\x1b")
    terminal.sees("cached")
    terminal.press(b"q")
    assert terminal.end() == 0 and terminal.restored()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_gives_the_terminal_back(terminal: Terminal, number: signal.Signals, status: int) -> None:
    if number == signal.SIGINT:
        terminal.press(b"\x03")  # Ctrl-C
    else:
        terminal.process.send_signal(number)
    assert terminal.end() == status
    assert terminal.restored()
    assert "\x1b[?1049l" in terminal.drawn and "Traceback" not in terminal.drawn


def test_ctrl_z_gives_it_back_until_the_job_goes_on(terminal: Terminal) -> None:
    """Here nobody could wake it, so the kernel does not stop it: it goes on at once."""
    terminal.press(b"\x1a")
    terminal.until(lambda _: "\x1b[?1049h" in terminal.drawn.partition("\x1b[?1049l")[2], "leaving and coming back")
    terminal.sees("sample 125/125")
    assert not terminal.restored()
    terminal.press(b"q")
    assert terminal.end() == 0 and terminal.restored()


def test_an_error_while_it_is_drawn_gives_the_terminal_back(leak: Path, tmp_path: Path) -> None:
    """A bug of ours, put in from outside."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "broken.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(LASTGASP.parents[1] / 'agent')!r})\n"
        "from lastgasp.report.top.controls import Top\n"
        "def broken(self, key): raise ZeroDivisionError\n"
        "Top.press = broken\n"
        "from lastgasp.cli.main import main\n"
        "sys.exit(main(['top', 'r.lgr']))\n"
    )
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8", "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, str(hook / "broken.py")], cwd=leak, env=environment, stdin=slave, stdout=slave, stderr=slave
    )
    drawn = b""
    pressed = False
    while process.poll() is None:
        if select.select([master], [], [], 0.1)[0]:
            drawn += os.read(master, 65536)
        if b"quit" in drawn and not pressed:
            os.write(master, b"x")
            pressed = True
    while select.select([master], [], [], 0.1)[0]:
        drawn += os.read(master, 65536)
    assert (process.returncode, termios.tcgetattr(slave) == before) == (1, True)
    assert b"this is a bug in lastgasp" in drawn.partition(b"\x1b[?1049l")[2]
    os.close(master)
    os.close(slave)


# -- this machine ------------------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_this_machine_is_shown_by_the_agent(tmp_path: Path) -> None:
    done = lastgasp(tmp_path, "--live", "--interval", "200ms", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    found = json.loads(done.stdout)["snapshot"]
    assert found["memory"]["total"] > found["memory"]["available"] > 0
    assert found["since_ms"] > 0
    names = [task["program"] for task in found["tasks"]]
    assert any("lastgasp" in name for name in names)


def test_sample_after_sample_as_text(tmp_path: Path) -> None:
    done = lastgasp(tmp_path, "--live", "--interval", "100ms", "--for", "3s", "--rows", "1")
    assert done.returncode == 0
    samples = re.findall(r"sample ([\d,]+)/", done.stdout.decode())
    assert len(samples) > 1 and len(set(samples)) == len(samples)


def test_live_on_a_terminal_goes_on_stops_at_a_sample_and_leaves_nothing_behind(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "top", "--live", "--interval", "300ms")
    try:
        first = re.search(r"sample (\d+)/", terminal.sees("LIVE"))
        assert first is not None
        enough = int(first[1]) + 3
        terminal.until(
            lambda text: max(int(number) for number in re.findall(r"sample (\d+)/", text)) >= enough,
            "three more samples",
        )
        (agent,) = children(terminal.process.pid)
        terminal.press(b"\x1b[H")
        terminal.sees("live: End follows")
        terminal.until(lambda text: text.count("sample 1/") > 2, "the first sample, as time goes on")
        terminal.press(b"q")
        assert terminal.end() == 0 and terminal.restored()
        assert not Path(f"/proc/{agent}").exists()
    finally:
        terminal.close()


def test_the_agent_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "top", "--live", "--interval", "300ms")
    try:
        terminal.sees("LIVE")
        (agent,) = children(terminal.process.pid)
        ring = [os.readlink(path) for path in Path(f"/proc/{agent}/fd").iterdir() if "ring" in os.readlink(path)]
        assert all(target.endswith("(deleted)") for target in ring)
        terminal.process.kill()
        terminal.process.wait()
        end = time.monotonic() + PATIENCE_S
        while Path(f"/proc/{agent}").exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert not Path(f"/proc/{agent}").exists()
    finally:
        terminal.close()
