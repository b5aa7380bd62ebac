"""The control socket: one line in, an answer out, for its owner only, and no client can hold it up."""

from __future__ import annotations

import errno
import select
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastgasp.recorder.control import CLIENTS, LINE_LIMIT, Control


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(str(tmp_path / "sock"), lambda request: b"you said " + request)
    yield made
    made.close()


def connect(control: Control) -> tuple[socket.socket, int]:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)
    client.connect(control.path)
    return client, control.accept()


def readable(fd: int) -> None:
    assert select.select([fd], [], [], 5)[0]


def test_a_line_is_answered_and_the_connection_closed(control: Control) -> None:
    client, fd = connect(control)
    client.sendall(b"hello\n")
    readable(fd)
    assert control.serve(fd)
    assert client.recv(100) == b"you said hello"
    assert client.recv(100) == b""


def test_a_line_may_come_in_pieces(control: Control) -> None:
    client, fd = connect(control)
    client.sendall(b"hel")
    readable(fd)
    assert not control.serve(fd)
    client.sendall(b"lo\n")
    readable(fd)
    assert control.serve(fd)
    assert client.recv(100) == b"you said hello"


def test_a_line_without_an_end_is_cut_at_the_limit(control: Control) -> None:
    client, fd = connect(control)
    client.sendall(b"x" * LINE_LIMIT * 3)
    readable(fd)
    while not control.serve(fd):
        readable(fd)
    assert len(client.recv(10_000)) <= LINE_LIMIT + 20


def test_a_client_that_hangs_up_is_forgotten(control: Control) -> None:
    client, fd = connect(control)
    client.close()
    readable(fd)
    assert control.serve(fd)
    assert not control.clients


def test_no_more_than_a_few_clients_at_a_time(control: Control) -> None:
    clients = [connect(control) for _ in range(CLIENTS)]
    assert all(fd >= 0 for _, fd in clients)
    late, fd = connect(control)
    assert fd == -1
    assert late.recv(10) == b""


def test_the_socket_is_for_its_owner_only_and_is_taken_away(control: Control) -> None:
    mode = stat.S_IMODE(Path(control.path).stat().st_mode)
    assert mode == 0o600
    control.close()
    assert not Path(control.path).exists()


def test_the_socket_of_an_agent_that_was_killed_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "sock")
    left = socket.socket(socket.AF_UNIX)
    left.bind(path)
    left.close()
    control = Control(path, lambda _: b"")
    assert control.fd >= 0 and not control.errno
    control.close()


def test_a_path_that_cannot_be_had_is_noted_and_nothing_else(tmp_path: Path) -> None:
    control = Control(str(tmp_path / "nothing/sock"), lambda _: b"")
    assert (control.fd, control.errno) == (-1, 2)
    assert control.accept() == -1
    control.close()


def test_no_path_is_no_socket() -> None:
    control = Control("", lambda _: b"")
    assert control.fd == -1
    control.close()


def test_a_client_gets_time_to_speak_before_it_counts_as_silent(control: Control) -> None:
    _, silent = connect(control)
    assert control.stale() == []
    client, fresh = connect(control)
    assert control.stale() == [silent]
    control.drop(silent)
    client.sendall(b"hello\n")
    readable(fresh)
    assert control.serve(fresh)
    _, other = connect(control)
    assert other in (silent, fresh), "the test wants a descriptor used again"
    assert control.stale() == []
    assert control.stale() == [other]


def test_what_is_no_socket_is_not_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    control = Control(str(path), lambda _: b"")
    assert (control.fd, control.errno) == (-1, errno.EADDRINUSE)
    control.close()
    assert path.read_text() == "data"


def test_the_socket_of_another_agent_that_runs_stays_its_own(control: Control) -> None:
    second = Control(control.path, lambda _: b"")
    assert (second.fd, second.errno) == (-1, errno.EADDRINUSE)
    second.close()
    control.accept()  # the probe
    client, fd = connect(control)
    client.sendall(b"hello\n")
    readable(fd)
    assert control.serve(fd)
    assert client.recv(100) == b"you said hello"
