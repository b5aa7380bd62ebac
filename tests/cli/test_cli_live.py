"""The real command line of ``lastgasp live``: the real agent behind a console, and over SSH."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from board import Board
from board import missing as no_shell
from live_views import at_terminal, followers, live, real_board, samples, until
from sshd import Sshd, agent_in, missing

pytestmark = pytest.mark.skipif(no_shell("ash") is not None, reason=str(no_shell("ash")))


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with real_board(tmp_path) as made:
        yield made


# -- a console -----------------------------------------------------------------------------------------------


def test_a_console_is_shown_obeys_keys_and_is_given_back(board: Board) -> None:
    """dash leaves the terminal alone at its prompt; other shells' editors change it there."""
    with board.line("dash", baud=115200) as line:
        before = line.settings()
        terminal = at_terminal(board, line.path, "--interval", "500ms")
        try:
            terminal.until(lambda text: any(number > 3 for number in samples(text)), "four samples")
            head = terminal.screen[0]
            assert head == f"{os.uname().nodename}: live, 500 ms ({line.path})"
            assert any(row.startswith("Stall memory") for row in terminal.screen)
            (agent,) = followers(board)
            assert Path(f"/proc/{agent}/oom_score_adj").read_text() == "1000\n"
            assert Path(f"/proc/{agent}/comm").read_text() == "lastgasp-live\n"
            terminal.press(b"/lastgasp-li\r")
            terminal.sees('only "lastgasp-li": 1 of')
            terminal.press(b"?")
            terminal.sees("any key: back")
            terminal.press(b"x")
            terminal.drawn = ""
            terminal.resize(12, 60)
            terminal.until(lambda _: len(terminal.screen) == 12 and "LIVE" in terminal.screen[-1], "a small screen")
            assert max(map(len, terminal.screen)) <= 60
            terminal.press(b"\x1b[H")
            terminal.sees("live: End follows")
            terminal.press(b"q")
            assert terminal.end() == 0 and terminal.restored()
        finally:
            terminal.close()
        until(lambda: line.settings() == before, "the console as it was")
        assert not followers(board)
        assert board.printk.read_text().split() == ["7", "4", "1", "7"]


def test_ctrl_c_gives_both_terminals_back(board: Board) -> None:
    with board.line("dash") as line:
        before = line.settings()
        terminal = at_terminal(board, line.path, "--interval", "500ms")
        try:
            terminal.sees("LIVE")
            terminal.press(b"\x03")
            assert terminal.end() == 130 and terminal.restored()
        finally:
            terminal.close()
        until(lambda: line.settings() == before and not followers(board), "the console as it was")


def test_a_login_is_left_again(board: Board, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pass word $HOME 'x'\n")
    (tmp_path / "password").chmod(0o600)
    with board.line("ash", login=True) as line:
        done = live(board, line.path, "--login", "root", "--password-file", str(tmp_path / "password"), "--json")
        assert (done.returncode, done.stderr) == (0, "")
        until(lambda: (board.home / "logouts").exists(), "a logout")
    assert json.loads(done.stdout)["snapshot"]["since_ms"] > 0


def test_a_stream_that_ends_after_its_time_is_asked_for_again(board: Board) -> None:
    (board.bin / "lastgasp-agent").rename(board.bin / "agent")
    board.program("lastgasp-agent", f'#!/bin/sh\nexec {board.bin}/agent "$@" --for 700ms\n')
    with board.line("ash") as line:
        done = live(board, line.path, "--interval", "200ms", "--for", "4s", "--json", "--rows", "0")
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(text)["snapshot"] for text in re.split(r"(?m)^(?=\{)", done.stdout) if text]
    assert sum(one["since_ms"] is None for one in found) > 1, "each stream begins behind a gap"
    assert [one["sample"] for one in found] == list(range(1, len(found) + 1))


class Loses:
    """Lines of a conversation that get lost, by their numbers; of those that begin with a colon: frames and replies."""

    def __init__(self, lost: range) -> None:
        self.lost = lost
        self.lines = 0
        self._begins, self._skips = True, False

    def __call__(self, data: bytes) -> bytes:
        kept = bytearray()
        for byte in data:
            if self._begins:
                self.lines += byte == ord(":")
                self._skips = byte == ord(":") and self.lines in self.lost
            self._begins = byte == ord("\n")
            if not self._skips:
                kept.append(byte)
        return bytes(kept)


def test_lost_frames_cost_samples_and_not_the_view(board: Board) -> None:
    """Of the first key block: so there is nothing to see before the next one."""
    loses = Loses(range(5, 7))  # behind what the listener says first
    with board.line("ash", down=loses) as line:
        done = live(board, line.path, "--interval", "200ms", "--json", "--rows", "0")
    assert loses.lines > 7
    assert done.returncode == 0, done.stderr
    (said,) = done.stderr.splitlines()
    assert re.fullmatch(rf"lastgasp: {line.path}: \d+ samples? lost on the line", said)
    assert json.loads(done.stdout)["snapshot"]["since_ms"] > 0


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("echo \"lastgasp-agent: dump: '--follow' is none of its options\" >&2; exit 2", "the agent there is too old"),
        ("echo no memory >&2; exit 1", "no memory"),
        ("exit 0", "ended without a sample"),
        ("cat /dev/urandom", "no sample comes"),
        ("sleep 60", "no sample comes"),
    ],
    ids=["old", "fails", "ends", "garbage", "silent"],
)
def test_a_device_that_sends_no_samples_is_told_in_a_line(board: Board, agent: str, said: str) -> None:
    board.program("lastgasp-agent", f"#!/bin/sh\n{agent}\n")
    with board.line("ash", baud=115200) as line:
        done = live(board, line.path, "--for", "2s")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(f"lastgasp: {line.path}: ")
    assert said in done.stderr and "Traceback" not in done.stderr


def test_without_an_agent_there_it_says_that_it_needs_one(board: Board) -> None:
    (board.bin / "lastgasp-agent").unlink()
    with board.line("ash") as line:
        done = live(board, line.path)
    assert (done.returncode, done.stdout) == (1, "")
    (said,) = done.stderr.splitlines()
    assert "there is no lastgasp-agent on the device" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("/tmp",), "is no device"),
        (("{folder}/laptop.py",), "is no device"),
        (("tcp:127.0.0.1:1",), "Connection refused"),
        (("unix:/nowhere",), "No such file"),
        (("a b",), "is no host name"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(board: Board, words: tuple[str, ...], said: str) -> None:
    done = live(board, *(word.format(folder=board.folder) for word in words))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("lastgasp: ") and said in line


# -- SSH -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_over_ssh_samples_come_and_nothing_is_left_behind(board: Board, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    agent_in(folder / "device")
    server = Sshd(folder, folder / "device")
    try:
        words = [f"127.0.0.1:{server.port}", "--interval", "200ms", "--for", "2s", "--json", "--rows", "0"]
        done = live(board, *words, path=str(server.bin))
        assert (done.returncode, done.stderr) == (0, "")
        found = [json.loads(text) for text in re.split(r"(?m)^(?=\{)", done.stdout) if text]
        numbers = [one["snapshot"]["sample"] for one in found]
        assert len(numbers) > 2 and numbers == list(range(1, len(numbers) + 1)), "each sample, once"
        assert found[0]["file"] == os.uname().nodename
        mine = Path("/proc").glob("[0-9]*/cmdline")
        until(
            lambda: not any(b"--follow\0" in text(path) and str(folder).encode() in text(path) for path in mine), "end"
        )
    finally:
        server.close()


def text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
