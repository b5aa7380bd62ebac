"""Wires: bytes there and back, and what ends them."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastgasp.pull import target, wires
from lastgasp.pull.wires import Descriptors, Wire, WireError, stream
from lastgasp.pull.wires.tty import Tty

MEGABYTE = 1 << 20


@pytest.fixture
def ends() -> Iterator[tuple[Wire, socket.socket]]:
    here, there = socket.socketpair()
    wire = Descriptors("line", True, os.dup(here.fileno()), os.dup(here.fileno()))
    here.close()
    with wire, there:
        yield wire, there


def test_a_peer_that_takes_nothing_until_it_is_read_is_read(ends: tuple[Wire, socket.socket]) -> None:
    """As QEMU does: a guest whose output nobody takes stops, and reads nothing then."""
    wire, there = ends
    sent, wanted = os.urandom(MEGABYTE // 2), os.urandom(MEGABYTE)
    heard = bytearray()

    def peer() -> None:
        there.sendall(sent)
        while len(heard) < len(wanted):
            heard.extend(there.recv(65536))

    thread = threading.Thread(target=peer)
    thread.start()
    wire.write(wanted)
    thread.join(30)
    got = b""
    while len(got) < len(sent):
        got += wire.read(10)
    assert (got, bytes(heard)) == (sent, wanted)
    assert (wire.received, wire.sent) == (len(sent), len(wanted))


def test_a_peer_that_takes_nothing_at_all_is_broken(
    ends: tuple[Wire, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "STUCK_S", 0.3)
    with pytest.raises(WireError, match="line: takes nothing any more"):
        ends[0].write(bytes(64 * MEGABYTE))


def test_one_that_hangs_up_is_told(ends: tuple[Wire, socket.socket]) -> None:
    wire, there = ends
    there.sendall(b"last words")
    there.close()
    assert wire.read(5) == b"last words"
    with pytest.raises(WireError, match="the other end hung up"):
        wire.read(5)


def test_all_who_wait_end_when_all_shall_end(ends: tuple[Wire, socket.socket]) -> None:
    ends[0].halted = lambda: True
    with pytest.raises(WireError, match="stopped"):
        ends[0].read(60)


def test_a_serial_line_is_ours_alone_and_gets_its_settings_back() -> None:
    master, slave = os.openpty()
    path = os.ttyname(slave)
    before = os.popen(f"stty -g <{path}").read()
    try:
        with Tty(path, 9600), pytest.raises(WireError, match="another program has it open"):
            Tty(path)
        assert os.popen(f"stty -g <{path}").read() == before
        with pytest.raises(WireError, match="this system has no 12345 baud; the nearest is"):
            Tty(path, 12345)
    finally:
        os.close(master)
        os.close(slave)


def test_sockets_of_emulators_and_terminal_servers(tmp_path: Path) -> None:
    for kind in ("unix", "tcp"):
        with socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) as server:
            server.bind(str(tmp_path / "socket") if kind == "unix" else ("127.0.0.1", 0))
            server.listen()
            address = server.getsockname()
            name = f"unix:{address}" if kind == "unix" else f"tcp:{address[0]}:{address[1]}"
            with target.wire(name, None)() as wire:
                peer, _ = server.accept()
                with peer:
                    wire.write(b"hello")
                    assert peer.recv(100) == b"hello"
                    peer.sendall(b"world")
                    assert wire.read(5) == b"world"
    with pytest.raises(WireError, match="Connection refused; is something listening there"):
        stream.unix(str(tmp_path / "socket"))
