"""A console that falls silent in the middle of a pull: for a while, for ever, or because the device starts anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from board import Board, blocks, stored, without_printk
from made_blocks import block

from lastgasp.pull import PullError, session
from lastgasp.pull.console import Credentials, login, shell
from lastgasp.pull.wires.tty import Tty
from lastgasp.ring.format import FLAG_KEY

LIVES = 30_000  # bytes that come through; the ring is larger


class Cut:
    """Lets some bytes through, then none until ``open`` says so."""

    def __init__(self, count: int, opens: Callable[[], bool] = lambda: False) -> None:
        self.left, self.opens = count, opens

    def __call__(self, data: bytes) -> bytes:
        if self.opens():
            self.left = 1 << 40
        through = data[: max(0, self.left)]
        self.left -= len(data)
        return through


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    monkeypatch.setattr(shell, "SILENCE_S", 3.0)
    monkeypatch.setattr(login, "LOGIN_S", 6.0)
    made = Board(tmp_path)
    undo = without_printk(made)
    yield made
    undo()


def options(board: Board, notes: list[str]) -> session.Options:
    nobody = Credentials(None, lambda: b"")
    return session.Options(board.folder / "kept", nobody, str(board.ring), note=notes.append)


def test_a_device_that_says_nothing_any_more_is_given_up_and_what_came_is_kept(board: Board) -> None:
    notes: list[str] = []
    with board.line("ash", down=Cut(LIVES)) as line, pytest.raises(PullError, match="nothing answers") as raised:
        session.pull(Tty(line.path), options(board, notes), lambda *_: None)
    assert len(notes) == 1
    assert "does not answer any more" in notes[0]
    kept = stored(board.folder / "kept")
    assert raised.value.kept == len(kept) > 0
    assert kept.items() < board.blocks().items()
    with board.line("ash") as line:
        result = session.pull(Tty(line.path), options(board, notes), lambda *_: None)
    assert stored(board.folder / "kept") == board.blocks()
    assert result.progress.blocks == len(board.blocks()) - len(kept), "and the rest only"


def test_one_that_speaks_again_is_gone_on_with(board: Board) -> None:
    notes: list[str] = []
    cut = Cut(LIVES, opens=lambda: bool(notes))
    with board.line("bash", down=cut) as line:
        result = session.pull(Tty(line.path), options(board, notes), lambda *_: None)
    assert (result.breaks, len(notes)) == (1, 1)
    assert stored(board.folder / "kept") == board.blocks()


def test_a_ring_that_was_put_back_is_pulled_beside_what_was_kept(board: Board) -> None:
    notes: list[str] = []
    with board.line("ash") as line:
        session.pull(Tty(line.path), options(board, notes), lambda *_: None)
    whole = board.ring.read_bytes()
    newest = max(board.blocks().items(), key=lambda item: item[0][1])[1]
    board.ring.write_bytes(whole.replace(newest, bytes(len(newest))))
    with board.line("ash") as line:
        result = session.pull(Tty(line.path), options(board, notes), lambda *_: None)
    assert result.diverged
    kept = {path.name: blocks(path.read_bytes()) for path in (board.folder / "kept").glob("*/*.lgr")}
    (before,) = (name for name in kept if "-before-1" in name)
    assert kept.pop(before) == blocks(whole)
    assert list(kept.values()) == [board.blocks()]


@pytest.mark.parametrize("plain", [False, True], ids=["agent", "plain"])
def test_two_histories_of_one_ring_are_never_mixed(board: Board, plain: bool) -> None:
    """A ring at write 40 is put back to 20 and goes on to 60; only the last of it is pulled, which shares no write."""

    def ring(upto: int, after: bytes) -> bytes:
        made = [block(n, n, payload=after if n > 20 else b"", uptime_s=60 * n, flags=FLAG_KEY) for n in range(upto)]
        return b"".join(one.data for one in made).ljust(64 * 4096, b"\0")

    wanted = options(board, [])
    wanted.plain = plain
    board.ring.write_bytes(ring(40, b"first"))
    with board.line("ash") as line:
        session.pull(Tty(line.path), wanted, lambda *_: None)
    before = board.blocks()
    board.ring.write_bytes(ring(60, b"second"))
    wanted.last_s = 300
    with board.line("ash") as line:
        result = session.pull(Tty(line.path), wanted, lambda *_: None)
    assert result.diverged
    kept = {path.name: blocks(path.read_bytes()) for path in (board.folder / "kept").glob("*/*.lgr")}
    (aside,) = (name for name in kept if "-before-1" in name)
    assert kept.pop(aside) == before, "nothing new is in it"
    (now,) = kept.values()
    assert now.items() < board.blocks().items()
    assert len(now) == result.progress.blocks
    wanted.last_s = None
    with board.line("ash") as line:
        session.pull(Tty(line.path), wanted, lambda *_: None)
    assert stored(board.folder / "kept").items() >= board.blocks().items()
