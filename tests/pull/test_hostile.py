"""A device that means harm: bounded memory, bounded time, nothing outside the folder, nothing raw on the terminal."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from board import Board, stored, without_printk

from commands import lastgasp
from lastgasp.pull import PullError, from_agent, identity, session
from lastgasp.pull.console import Credentials, login, shell
from lastgasp.pull.console.incoming import Incoming
from lastgasp.pull.plain import _unpacked
from lastgasp.pull.wires import Descriptors
from lastgasp.pull.wires.tty import Tty
from lastgasp.ring import frames

MOST_BYTES = 24 << 20  # of memory beyond what there was; what one answer may bring is more
NASTY = "\x1b]0;owned\x07\x1b[2J../../x\u202e"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LOGIN_S": 2.0, "ANSWER_S": 0.3, "QUIET_S": 0.1, "LOGIN_ANSWER_S": 0.5, "SAID_S": 0.2}.items():
        monkeypatch.setattr(login, name, value)


def noise(answer: Callable[[bytes], Iterator[bytes]], folder: Path) -> PullError:
    """What becomes of a pull from a device that says this, for ever; ``answer`` is given what it is sent first."""
    ours, theirs = socket.socketpair()

    def talk() -> None:
        try:
            for piece in answer(theirs.recv(100)):
                theirs.sendall(piece)
        except OSError:
            pass

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    fd = ours.detach()
    wire = Descriptors("hostile", True, fd, fd)
    tracemalloc.start()
    try:
        with pytest.raises(PullError) as caught:
            session.pull(wire, session.Options(folder, Credentials("root", lambda: b"secret")), lambda name, done: None)
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
        theirs.close()
        thread.join(5)
    assert not folder.exists() or not any(folder.iterdir())
    return caught.value


STREAMS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "no newline": lambda sent: itertools.repeat(b"x" * 60000),
    "colons": lambda sent: itertools.repeat(b":" * 60000),
    "lines": lambda sent: itertools.repeat(b"[   12.3] noise\r\n" * 1000),
    "zeros": lambda sent: itertools.repeat(bytes(60000)),
    "login for ever": lambda sent: itertools.repeat(b"board login: "),
    "escapes": lambda sent: itertools.repeat(NASTY.encode() * 100 + b"\n"),
    "its echo": lambda sent: itertools.repeat(sent),
    "an abandoned listener": lambda sent: itertools.repeat(b":01234567 123 4 again 7\n"),
    "frames of somebody else": lambda sent: itertools.repeat(b"\n:" + b"A" * 500 + b"\n"),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_without_end_ends_with_one_clear_line(kind: str, quick: None, tmp_path: Path) -> None:
    error = str(noise(STREAMS[kind], tmp_path / "out"))
    assert error.startswith("hostile: ")
    assert len(error) < 400
    assert error.isprintable()
    assert "secret" not in error


AGENT = """\
#!{python} -ISE
import sys, zlib, itertools
sys.path.insert(0, {path!r})
from lastgasp.ring import frames
words = sys.argv[1:]
word, base = words[words.index("--frames") + 1].encode(), int(words[words.index("--base") + 1])
def send(data, kind=frames.BLOCK, number=0, size=4000):
    for line in frames.pack(data, kind, number, size, word, base):
        sys.stdout.buffer.write(line)
def index(text):
    send(zlib.compress(text), frames.INDEX)
try:
    {what}
    sys.stdout.flush()
except OSError:
    pass
"""
ATTACKS = {
    "the same frame for ever": 'index(b"ring 1\\nnewest 1\\nbytes 9\\nsend 1")\n'
    "    while 1: send(b'x' * 300, number=1)",
    "new frames for ever": "for n in itertools.count(): send(bytes(3000), number=n % (1 << 32), size=1500)",
    "empty frames for ever": "for n in itertools.count(): send(b'', number=n % (1 << 32))",
    "an index that is a bomb": "index(b'ring 1\\nnewest 1\\nbytes 9\\nsend 1\\n' + bytes(300 << 20))",
    "an index of two billion slots": 'index(b"ring 1\\nnewest 1\\nbytes 9\\nsend 0-2147483648")',
    "an index of long numbers": 'index(b"ring 1\\nnewest " + b"9" * 5000 + b"\\nbytes 9\\nsend 1")',
    "more bytes than any ring": 'index(b"ring 1\\nnewest 1\\nbytes 99999999999\\nsend 1")',
    "parts of nothing": 'index(b"ring 1\\nnewest 1\\nbytes 9\\nsend 1-200000")\n'
    "    for n in range(20000): send(b'x' * 256, number=n, size=255)",
    "answers for ever": "while 1: print('\\x1b[2J:01234567 1 1 err x', flush=True)",
    "complaints": "sys.stderr.write('\\x1b[2J' * 1000 + '../../x'); sys.exit(1)",
}


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_hostile_agent_ends_with_an_error_or_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setattr(from_agent, "SLACK", 1 << 18)
    monkeypatch.setattr(shell, "SILENCE_S", 1.5)
    monkeypatch.setattr(session, "BREAKS", 0)
    board = Board(tmp_path / "board")
    path = str(Path(frames.__file__).parents[2])
    board.program("lastgasp-agent", AGENT.format(python=sys.executable, path=path, what=ATTACKS[kind]))
    undo = without_printk(board)
    folder = tmp_path / "out"
    tracemalloc.start()
    try:
        with board.line("dash") as line:
            line.quiet()
            options = session.Options(folder, Credentials(None, lambda: b""), ring=str(board.ring))
            try:
                result = session.pull(Tty(line.path), options, lambda name, done: None)
                assert result.progress.missing
            except PullError as error:
                assert len(str(error)) < 10000
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
        undo()
    assert stored(folder) == {}
    assert {one.name for one in tmp_path.iterdir()} <= {"board", "out"}


def test_what_a_device_says_of_itself_is_no_path_and_no_escape_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(tmp_path / "board")
    (board.folder / "name").write_bytes(NASTY.encode() + b"x" * (1 << 20) + b"\n../../etc\n")
    monkeypatch.setattr(
        identity,
        "ASK",
        tuple(one.replace("/proc/sys/kernel/hostname", str(board.folder / "name")) for one in identity.ASK),
    )
    undo = without_printk(board)
    try:
        with board.line("dash") as line:
            line.quiet()
            done = lastgasp(tmp_path, "pull", line.path, "-o", str(tmp_path / "out"), "--ring", str(board.ring))
    finally:
        undo()
    assert done.returncode in (0, 1)
    assert b"\x1b" not in done.stdout + done.stderr
    assert {one.name for one in tmp_path.iterdir()} <= {"board", "out"}
    for folder in (tmp_path / "out").iterdir() if (tmp_path / "out").exists() else ():
        assert folder.name.isascii()
        assert folder.name.isprintable()
        assert ".." not in folder.name


def test_numbers_too_long_for_python_are_no_reply() -> None:
    incoming = Incoming(b"01234567", frames.BASE85, 400)
    assert incoming.feed(b":01234567 1 " + b"9" * 6000 + b" x\n:01234567 " + b"9" * 6000 + b" 1 x\n") == []


def test_a_line_is_kept_only_so_far() -> None:
    incoming = Incoming(b"01234567", frames.BASE85, 400)
    tracemalloc.start()
    for _ in range(200):
        incoming.feed(b":" * 65536)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


def test_a_gzip_bomb_is_nothing() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    assert _unpacked(bomb, 4096) == b""
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_an_index_that_is_a_bomb_is_unpacked_only_so_far() -> None:
    bomb = zlib.compress(b"ring 1\nnewest 1\nbytes 9\nsend 1\n" + bytes(64 << 20))
    tracemalloc.start()
    try:
        from_agent.Index.read(bomb)
    except PullError:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
