"""The wire to a guest's serial line: its speed, who hears, what is lost. In QEMU's place stands the test."""

from __future__ import annotations

import os
import select
import socket
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed.wire import BURST_S, LATE_BYTES, QUEUE_BYTES, Wire, _Pace

PATIENCE_S = 20


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as made:
        yield made


def connect(name: str) -> socket.socket:
    """As lastgasp does with unix:PATH and tcp:HOST:PORT."""
    kind, _, address = name.partition(":")
    if kind == "unix":
        line = socket.socket(socket.AF_UNIX)
        line.connect(address)
    else:
        host, _, port = address.rpartition(":")
        line = socket.create_connection((host, int(port)))
    line.settimeout(PATIENCE_S)
    return line


def heard(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += line.recv(size - len(data))
    return data


def until(true: object) -> None:
    """Wait for what a thread is to do."""
    end = time.monotonic() + PATIENCE_S
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


class TestPace:
    def test_each_byte_takes_the_time_of_ten_bits(self) -> None:
        pace = _Pace(1000)
        pace.queue += bytes(500)
        sent, now = 0, 100.0
        pace.take(now)
        while pace.queue and now < 110:
            now += 0.01
            sent += len(pace.take(now))
        assert 4.9 < now - 100 < 5.01, "but for what a burst lets through at the start"

    def test_who_wakes_late_makes_up_for_a_little(self) -> None:
        pace = _Pace(1000)
        pace.queue += bytes(500)
        pace.take(100.0)
        assert len(pace.take(101.0)) <= BURST_S * 100 + 1

    def test_without_a_rate_all_goes_at_once(self) -> None:
        pace = _Pace(None)
        pace.queue += b"all of it"
        assert pace.take(1.0) == b"all of it"


class TestListeners:
    def test_a_socket_and_a_port(self, wire: Wire, tmp_path: Path) -> None:
        for name in (wire.as_unix(tmp_path / "line"), wire.as_tcp()):
            with connect(name) as line:
                line.sendall(b"to the device\n")
                assert heard(wire.for_qemu, 14) == b"to the device\n"
                wire.for_qemu.sendall(b"and back\n")
                assert heard(line, 9) == b"and back\n"

    def test_a_pseudo_terminal_changes_no_byte(self, wire: Wire) -> None:
        path = wire.as_pty()
        line = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(line)
        data = bytes(range(256))
        os.write(line, data)
        assert heard(wire.for_qemu, 256) == data
        wire.for_qemu.sendall(data)
        back = b""
        while len(back) < 256:
            assert select.select([line], [], [], PATIENCE_S)[0]
            back += os.read(line, 256)
        assert back == data
        os.close(line)

    def test_the_last_that_came_is_the_one_that_hears(self, wire: Wire, tmp_path: Path) -> None:
        name = wire.as_unix(tmp_path / "line")
        with connect(name) as first, connect(name) as second:
            assert first.recv(1) == b"", "it is cut off"
            wire.for_qemu.sendall(b"x")
            assert heard(second, 1) == b"x"

    def test_a_listener_that_is_cut_off_may_come_again(self, wire: Wire) -> None:
        name = wire.as_tcp()
        with connect(name) as line:
            until(lambda: wire._client)
            wire.hang_up()
            assert line.recv(1) == b""
        with connect(name) as line:
            line.sendall(b"again")
            assert heard(wire.for_qemu, 5) == b"again"


class TestLosses:
    def test_what_nobody_hears_is_gone_and_the_device_goes_on(self, wire: Wire) -> None:
        size = 10 * QUEUE_BYTES
        wire.for_qemu.settimeout(PATIENCE_S)
        wire.for_qemu.sendall(bytes(size))
        until(lambda: wire.counts.unheard == size)
        with connect(wire.as_tcp()) as line:
            until(lambda: wire._client)
            wire.for_qemu.sendall(b"now")
            assert heard(line, 3) == b"now"

    def test_a_listener_that_does_not_read_loses_and_the_device_goes_on(self, wire: Wire, tmp_path: Path) -> None:
        wire.for_qemu.settimeout(PATIENCE_S)
        with connect(wire.as_unix(tmp_path / "line")):
            until(lambda: wire._client)
            size = 30 * LATE_BYTES
            wire.for_qemu.sendall(bytes(size))
            until(lambda: wire.counts.to_laptop == size)
            assert wire.counts.late > 0

    def test_bytes_can_be_spoilt_on_their_way(self, wire: Wire) -> None:
        wire.spoil_input = lambda data: data.replace(b"a", b"")
        wire.spoil_output = lambda data: data.upper()
        with connect(wire.as_tcp()) as line:
            line.sendall(b"banana")
            assert heard(wire.for_qemu, 3) == b"bnn"
            wire.for_qemu.sendall(b"loud")
            assert heard(line, 4) == b"LOUD"

    def test_a_device_that_is_off_leaves_the_wire_silent(self, wire: Wire) -> None:
        with connect(wire.as_tcp()) as line:
            until(lambda: wire._client)
            wire.for_qemu.close()
            line.settimeout(0.2)
            with pytest.raises(TimeoutError):
                line.recv(1)


def test_all_that_the_guest_says_is_logged(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log, Wire(115200, log) as wire:
        wire.for_qemu.sendall(b"[    0.0] Booting Linux\r\n")
        until(lambda: wire.counts.unheard == 25)
    assert (tmp_path / "log").read_bytes() == b"[    0.0] Booting Linux\r\n"
