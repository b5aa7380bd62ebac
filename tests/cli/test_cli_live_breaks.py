"""``lastgasp live`` over a wire that breaks or falls silent: a socket as an emulator has it."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from board import Board
from board import missing as no_shell
from live_views import at_terminal, followers, real_board, samples, until

pytestmark = pytest.mark.skipif(no_shell("ash") is not None, reason=str(no_shell("ash")))


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with real_board(tmp_path) as made:
        yield made


class Socket:
    """A console behind a Unix socket, as QEMU has it: a shell on a pty, and whoever connects, one after another."""

    def __init__(self, board: Board) -> None:
        self.path = board.folder / "console"
        self.master, self.slave = pty.openpty()
        self.shell = subprocess.Popen(
            ["setsid", "--ctty", "busybox", "sh"],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=board.environment,
            cwd=board.home,
        )
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.path))
        self.server.listen()
        self.connection: socket.socket | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        while not self._stop.is_set():
            ends: list[int] = [
                self.master,
                self.server.fileno() if self.connection is None else self.connection.fileno(),
            ]
            if -1 in ends:
                self.connection = None
                continue
            with contextlib.suppress(OSError, ValueError):
                ready = select.select(ends, [], [], 0.05)[0]
                if self.master in ready:
                    data = os.read(self.master, 4096)
                    if self.connection is not None:
                        self.connection.sendall(data)
                if ends[1] in ready and self.connection is None:
                    self.connection = self.server.accept()[0]
                elif ends[1] in ready and self.connection is not None:
                    data = self.connection.recv(4096)
                    if data:
                        os.write(self.master, data)
                    else:
                        self.connection.close()

    def cut(self) -> None:
        """The wire breaks."""
        assert self.connection is not None
        self.connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.shell.kill()
        self.shell.wait()
        self.server.close()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def console(board: Board) -> Iterator[Socket]:
    made = Socket(board)
    yield made
    made.close()


def test_a_wire_that_breaks_is_told_and_tried_again(board: Board, console: Socket) -> None:
    """What runs on the device then is our stream still; the picture stays."""
    terminal = at_terminal(board, f"unix:{console.path}", "--interval", "500ms")
    try:
        terminal.until(lambda text: any(number > 2 for number in samples(text)), "three samples")
        (before,) = followers(board)
        terminal.drawn = ""
        console.cut()
        terminal.until(lambda _: "BROKEN, trying again" in terminal.screen[0], "that it broke")
        assert "the other end hung up" in terminal.screen[1]
        assert any("sample" in row for row in terminal.screen), "the picture stays"
        terminal.until(lambda _: ": live, 500 ms" in terminal.screen[0], "that it works again")
        seen = max(samples(terminal.text))
        terminal.until(lambda text: max(samples(text)) > seen + 1, "samples that go on")
        assert before not in followers(board) and len(followers(board)) == 1
        terminal.press(b"q")
        assert terminal.end() == 0 and terminal.restored()
    finally:
        terminal.close()
    until(lambda: not followers(board), "the stream's end")


def test_a_stream_that_falls_silent_is_told(board: Board, console: Socket) -> None:
    terminal = at_terminal(board, f"unix:{console.path}", "--interval", "500ms")
    try:
        terminal.sees("LIVE")
        (agent,) = followers(board)
        os.kill(agent, signal.SIGSTOP)
        terminal.until(lambda _: re.search(r"nothing for \d+ s", terminal.screen[0]) is not None, "silence")
        os.kill(agent, signal.SIGCONT)
        terminal.until(lambda _: ": live, 500 ms" in terminal.screen[0], "that it goes on")
        terminal.press(b"q")
        assert terminal.end() == 0
    finally:
        terminal.close()
