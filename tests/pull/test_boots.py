"""A console whose device boots, or whose user left something half done: nothing of that is touched."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from board import SHELLS, Board, missing, stored, without_printk

from lastgasp.pull import PullError, session
from lastgasp.pull.console import Credentials, login
from lastgasp.pull.wires.tty import Tty

# Sends some frames, then ends every process between it and the terminal's first one, as a reset does.
RESETS = """\
#!{python}
import os, signal, subprocess, sys
if os.path.exists({once!r}):
    os.execv({agent!r}, [{agent!r}, *sys.argv[1:]])
open({once!r}, "w").close()
child = subprocess.Popen([{agent!r}, *sys.argv[1:]], stdout=subprocess.PIPE)
for number, line in enumerate(child.stdout):
    os.write(1, line)
    if number == 60:
        break
child.kill()
pid, ends = os.getppid(), []
while "bootloader.py" not in open(f"/proc/{{pid}}/cmdline").read():
    ends.append(pid)
    pid = int(open(f"/proc/{{pid}}/stat").read().rsplit(")", 1)[1].split()[1])
for pid in ends:
    os.kill(pid, signal.SIGKILL)
"""


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path)
    undo = without_printk(made)
    yield made
    undo()


def device(board: Board, *begin: str) -> list[str]:
    program = str(Path(__file__).with_name("bootloader.py"))
    return [sys.executable, "-ISE", program, str(board.folder / "log"), *begin, *SHELLS["ash"]]


def options(board: Board) -> session.Options:
    return session.Options(board.folder / "kept", Credentials(None, lambda: b""), str(board.ring))


def log(board: Board) -> str:
    return (board.folder / "log").read_text()


@pytest.mark.skipif(missing("ash") is not None, reason=str(missing("ash")))
def test_a_device_that_boots_is_let(board: Board) -> None:
    with board.line(device(board, "boot")) as line:
        time.sleep(1.0)  # it counts down
        session.pull(Tty(line.path), options(board), lambda *_: None)
    assert log(board) == "runs\n"
    assert stored(board.folder / "kept") == board.blocks()


@pytest.mark.skipif(missing("ash") is not None, reason=str(missing("ash")))
def test_one_that_boots_in_the_middle_is_let_and_then_gone_on_with(board: Board) -> None:
    agent = board.bin / "agent"
    (board.bin / "lastgasp-agent").rename(agent)
    once = str(board.folder / "once")
    board.program("lastgasp-agent", RESETS.format(python=sys.executable, once=once, agent=str(agent)))
    with board.line(device(board), baud=115200) as line:
        result = session.pull(Tty(line.path), options(board), lambda *_: None)
    assert log(board) == "runs\nruns\n", "its boot loader was not stopped"
    assert result.breaks >= 1
    assert stored(board.folder / "kept") == board.blocks()


def test_a_boot_loader_is_told_and_nothing_is_typed_at_it(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "FIRST_S", 1.5)
    heard = str(board.folder / "heard")
    waits = "import os, tty; tty.setraw(0); os.write(1, b'\\r\\nU-Boot 2024.01\\r\\n=> ')\n"
    waits += f"while True: open({heard!r}, 'ab').write(os.read(0, 100))"
    with board.line([sys.executable, "-c", waits]) as line, pytest.raises(PullError, match="a boot loader answers"):
        session.pull(Tty(line.path), options(board), lambda *_: None)
    assert Path(heard).read_bytes() == b""


@pytest.mark.parametrize("shell", ["ash", "bash"])
@pytest.mark.parametrize("move", [b"", b"\x01", b"\x1b[D" * 4], ids=["at its end", "at its beginning", "within"])
def test_a_line_that_is_half_typed_is_not_run_wherever_its_cursor_is(shell: str, move: bytes, board: Board) -> None:
    if why := missing(shell):
        pytest.skip(why)
    with board.line(shell) as line:
        time.sleep(0.5)
        os.write(line.device, b"touch ran" + move)
        time.sleep(0.3)
        session.pull(Tty(line.path), options(board), lambda *_: None)
    assert not (board.home / "ran").exists()
    assert stored(board.folder / "kept") == board.blocks()
