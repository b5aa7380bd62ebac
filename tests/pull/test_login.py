"""Who comes in by a login prompt: the password stays ours, and a console is given back also when all shall end."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from board import PASSWORD as PASSWORD_THERE
from board import USER, Board, without_printk

from lastgasp.pull import PullError, session
from lastgasp.pull.console import Credentials, ShellError, login
from lastgasp.pull.console import shell as shell_module
from lastgasp.pull.console.shell import Shell
from lastgasp.pull.progress import Progress
from lastgasp.pull.wires import WireError
from lastgasp.pull.wires.tty import Tty

PASSWORD = b"s3cret-pw"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGIN_ANSWER_S", "ANSWER_S", "SAID_S", "QUIET_S"):
        monkeypatch.setattr(login, name, 0.05)
    monkeypatch.setattr(login, "LOGIN_S", 0.6)
    monkeypatch.setattr(shell_module, "BYE_S", 0.1)


class Echoes:
    """A device that asks for a name and a password, echoes both, and is silent then; or says the password late."""

    name, console, received, sent = "/dev/ttyX", True, 0, 0

    def __init__(self, late: int = 0) -> None:
        self.said = b""
        self.heard: list[bytes] = []
        self.late = late  # writes after the password
        self.halt = False
        self.halted: Callable[[], bool] = lambda: self.halt

    def read(self, timeout_s: float) -> bytes:
        if self.halted():
            raise WireError("stopped")
        data, self.said = self.said, b""
        return data

    def write(self, data: bytes) -> None:
        if self.halted():
            raise WireError("stopped")
        self.heard.append(data)
        count = len(self.heard)
        if count == 1:
            self.said = b"\r\nlogin: "
        elif count == 2:
            self.said = data + b"\r\nPassword: "
        elif count == 3 + self.late:
            self.said = b"\r\n" + PASSWORD + b"\r\n"

    def close(self) -> None: ...

    def __enter__(self) -> Echoes:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("late", range(6))
def test_a_password_that_a_device_echoes_is_in_no_error(late: int, quick: None) -> None:
    wire = Echoes(late)
    with pytest.raises(ShellError) as error:
        login.reach(wire, Credentials("root", lambda: PASSWORD))
    assert PASSWORD + b"\r" in wire.heard
    assert PASSWORD.decode() not in str(error.value)


def test_a_console_is_logged_out_where_all_shall_end(quick: None) -> None:
    wire = Echoes()

    def stop() -> bytes:
        wire.halt = True
        wire.halted = lambda: len(wire.heard) > 2
        return PASSWORD

    halted = wire.halted
    with pytest.raises(WireError), Shell(wire, 85, 400) as shell:
        shell.open(Credentials("root", stop))
    assert any(b" exit" in data for data in wire.heard[3:])
    assert wire.halted is not halted
    assert wire.halted(), "it is for whoever closes the wire to know"


def test_a_connection_just_ends_where_all_shall_end() -> None:
    wire = Echoes()
    wire.console, wire.halt = False, True
    with pytest.raises(WireError), Shell(wire, 85, 400) as shell:
        shell.open(Credentials(None, lambda: PASSWORD))
    assert wire.heard == []


@pytest.mark.skipif(shutil.which("busybox") is None, reason="no busybox")
def test_a_real_console_is_logged_out_where_all_shall_end_in_the_middle_of_a_pull(tmp_path: Path) -> None:
    board = Board(tmp_path)
    undo = without_printk(board)
    halt = threading.Event()

    def tell(_: str, progress: Progress) -> None:
        if progress.blocks > 1:
            halt.set()

    options = session.Options(tmp_path / "kept", Credentials(USER, PASSWORD_THERE.encode), str(board.ring))
    try:
        with board.line("ash", login=True) as line:
            wire = Tty(line.path)
            wire.halted = halt.is_set
            with pytest.raises(PullError, match="stopped") as error:
                session.pull(wire, options, tell)
            assert error.value.kept > 0
            until = time.monotonic() + 30
            while not (board.home / "logouts").exists() and time.monotonic() < until:
                time.sleep(0.05)
        assert (board.home / "logouts").read_text() == "True\n"
    finally:
        undo()
