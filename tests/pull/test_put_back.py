"""What a pull leaves behind on a console: nothing, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from board import AGENT, LEVELS, PASSWORD, PRINTK, USER, Board, stored
from faulty_line import Line

SLOW = 115200  # baud: the transfer of this ring takes 7 s
PATIENCE_S = 2  # of the listener, in these tests
START = (
    f"import sys; sys.path.insert(0, {str(AGENT)!r}); from lastgasp.pull.console import listener;"
    f" setattr(listener, 'PATIENCE_S', {PATIENCE_S}); setattr(listener, 'STATEMENTS',"
    " tuple(one.replace(sys.argv[1], sys.argv[2]) for one in listener.STATEMENTS));"
    " from lastgasp.cli.main import main; sys.exit(main(sys.argv[3:]))"
)


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def start(board: Board, line: Line, *more: str) -> subprocess.Popen[bytes]:
    """The real command line."""
    command = [
        sys.executable,
        "-c",
        START,
        PRINTK,
        str(board.printk),
        "pull",
        line.path,
        "-o",
        str(board.folder / "out"),
    ]
    command += ["--ring", str(board.ring), *more]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUTF8": "1"}
    )


def login(board: Board) -> list[str]:
    """Options."""
    file = board.folder / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    return ["--login", USER, "--password-file", str(file)]


def eventually(true: Callable[[], bool], patience_s: float = 30.0) -> bool:
    until = time.monotonic() + patience_s
    while not true() and time.monotonic() < until:
        time.sleep(0.05)
    return true()


def as_it_was(board: Board, line: Line, settings: list[object]) -> bool:
    return eventually(lambda: line.settings() == settings and board.printk.read_text().split() == LEVELS.split())


def under_way(board: Board) -> bool:
    """Do blocks come?"""
    return eventually(lambda: any(path.stat().st_size for path in (board.folder / "out").glob("*/*.part")))


def goes_on(board: Board, line: Line, settings: list[object]) -> None:
    """The next pull brings the rest, and leaves the console as it was."""
    again = start(board, line)
    _, complaints = again.communicate()
    assert again.returncode == 0, complaints
    assert as_it_was(board, line, settings)
    assert stored(board.folder / "out") == board.blocks()


def test_a_pull_logs_in_and_out_again_and_leaves_the_terminal_as_it_was(board: Board) -> None:
    with board.line("ash", login=True) as line:
        line.quiet()
        before = line.settings()
        pull = start(board, line, *login(board))
        out, complaints = pull.communicate()
        assert (pull.returncode, complaints) == (0, b""), out
        assert eventually((board.home / "logouts").exists)
        assert (board.home / "logouts").read_text() == "True\n"  # one, and getty found the terminal as it left it
        assert as_it_was(board, line, before)
    assert stored(board.folder / "out") == board.blocks()
    assert PASSWORD not in (out + complaints).decode()


def test_a_wrong_password_is_told_and_tried_once(board: Board) -> None:
    with board.line("ash", login=True, wrong_s=2.0) as line:
        options = login(board)
        Path(options[-1]).write_text("wrong secret\n")
        pull = start(board, line, *options)
        _, complaints = pull.communicate()
        assert pull.returncode == 1
        assert complaints.count(b"\n") == 1
        assert b"refused the login as 'root'" in complaints
        assert b"secret" not in complaints
        assert line.heard.count(b"wrong secret") == 1


@pytest.mark.parametrize("shell", ["ash", "bash", "dash"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_pull_that_is_ended_leaves_all_as_it_was_and_the_next_goes_on(
    board: Board, shell: str, how: signal.Signals
) -> None:
    """dash knows no timeout for ``read``: there the next pull ends what a killed one left."""
    with board.line(shell, baud=SLOW) as line:
        line.quiet()
        before = line.settings()
        pull = start(board, line)
        assert under_way(board)
        pull.send_signal(how)
        _, complaints = pull.communicate()
        if how == signal.SIGINT:
            assert pull.returncode == 130
            assert complaints == b"lastgasp: interrupted; what came is kept, and the next pull goes on from there\n"
        if how == signal.SIGINT or shell != "dash":
            assert as_it_was(board, line, before)
        assert stored(board.folder / "out").items() <= board.blocks().items()
        goes_on(board, line, before)


def test_a_pull_finds_its_way_past_a_listener_that_was_left_and_takes_no_ctrl_c(board: Board) -> None:
    """Where somebody's shell ignores it."""
    with board.line(["sh", "-c", "trap '' INT; exec dash -i"], baud=SLOW) as line:
        line.quiet()
        before = line.settings()
        first = start(board, line)
        assert under_way(board)
        first.kill()
        first.communicate()
        goes_on(board, line, before)


def test_a_line_that_hangs_up_ends_the_pull_and_what_came_is_kept(board: Board) -> None:
    """As a modem would: the device's terminal is gone."""
    with board.line("bash", baud=SLOW) as line:
        pull = start(board, line)
        assert under_way(board)
        os.close(line.console)
        line.console = -1
        line.hang_up()
        os.close(line.device)
        line.device = -1
        _, complaints = pull.communicate()
        assert pull.returncode in (1, 3)  # nothing, or something
        assert b"Traceback" not in complaints
    assert stored(board.folder / "out").items() <= board.blocks().items()


@pytest.mark.parametrize("shell", ["ash", "bash", "dash"])
def test_what_somebody_typed_half_is_not_run(board: Board, shell: str) -> None:
    with board.line(shell) as line:
        line.quiet()
        line.type(b"touch ran")
        line.quiet()
        _, complaints = start(board, line).communicate()
        assert stored(board.folder / "out") == board.blocks(), complaints
    assert not (board.home / "ran").exists()


@pytest.mark.parametrize("shell", ["ash", "dash"])
def test_a_shell_that_waits_for_the_rest_of_a_command_is_brought_back(board: Board, shell: str) -> None:
    with board.line(shell) as line:
        line.quiet()
        line.type(b"echo 'half\r")
        line.quiet()
        _, complaints = start(board, line).communicate()
        assert stored(board.folder / "out") == board.blocks(), complaints


@pytest.mark.parametrize("tools", ["cksum", "md5sum", ""], ids=["cksum", "md5sum", "neither"])
@pytest.mark.parametrize("stty", [True, False], ids=["stty", "no-stty"])
def test_a_device_with_few_tools_does(board: Board, tools: str, stty: bool) -> None:
    few = board.folder / "few"
    few.mkdir()
    names = ["sh", "dash", "expr", "tr", "wc", "tail", "cat", *tools.split(), *(["stty"] if stty else [])]
    for name in names:
        (few / name).symlink_to(next(path for path in (Path("/usr/bin", name), Path("/bin", name)) if path.exists()))
    board.environment["PATH"] = f"{board.bin}:{few}"
    with board.line(["/usr/bin/dash", "-i"]) as line:
        line.quiet()
        if not stty:
            subprocess.run(["stty", "-echo"], stdin=line.console, check=True)
        pull = start(board, line)
        _, complaints = pull.communicate()
        assert pull.returncode == 0, complaints
    assert stored(board.folder / "out") == board.blocks()


@pytest.mark.parametrize("shell", ["ash", "dash"])
def test_no_history_is_written_by_shells_that_have_none(board: Board, shell: str) -> None:
    with board.line(shell) as line:
        line.quiet()
        assert start(board, line).wait() == 0
        line.type(b"exit\r")
        line.child.wait()
    assert not list(board.home.glob(".*history"))
