"""The talk with QEMU's monitor. In QEMU's place stands a thread that answers as QEMU 7.2 did."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed.errors import BedError
from bed.monitor import Monitor

GREETING = b'{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}\r\n'
EVENT = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n'
ANSWERS = {
    "qmp_capabilities": [b'{"return": {}}\r\n'],
    "stop": [EVENT, b'{"return": {}}\r\n'],
    "migrate": [b'{"return": {}}\r\n'],
    "query-status": [b'{"return": {"status": "running", "singlestep": false, "running": true}}\r\n'],
    "quit": [],
}
REFUSED = b'{"error": {"class": "CommandNotFound", "desc": "The command nonsense has not been found"}}\r\n'


class Qemu:
    """Answers each command, remembers them, and ends at ``quit``."""

    def __init__(self, line: socket.socket) -> None:
        self.asked: list[dict[str, object]] = []
        self.states = ["active", "active", "completed"]
        self._line = line
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self._line.sendall(GREETING)
        for line in self._line.makefile("rb"):
            self.asked.append(json.loads(line))
            name = str(self.asked[-1]["execute"])
            if name == "query-migrate":
                self._line.sendall(b'{"return": {"status": "%s"}}\r\n' % self.states.pop(0).encode())
                continue
            for answer in ANSWERS.get(name, [REFUSED]):
                self._line.sendall(answer)
            if name == "quit":
                self._line.shutdown(socket.SHUT_RDWR)
                return


@pytest.fixture
def lines() -> Iterator[tuple[Monitor, Qemu]]:
    ours, theirs = socket.socketpair()
    monitor = Monitor(ours)
    yield monitor, Qemu(theirs)
    monitor.close()
    theirs.close()


def test_commands_are_answered_whatever_happens_in_between(lines: tuple[Monitor, Qemu]) -> None:
    monitor, _ = lines
    assert monitor.ask("query-status")["status"] == "running"
    assert monitor.ask("stop") == {}
    assert monitor.ask("query-status")["running"] is True


def test_what_qemu_refuses_is_told_in_its_words(lines: tuple[Monitor, Qemu]) -> None:
    with pytest.raises(BedError, match="QEMU: nonsense: The command nonsense has not been found"):
        lines[0].ask("nonsense")


def test_a_qemu_that_ends_is_told(lines: tuple[Monitor, Qemu]) -> None:
    with pytest.raises(BedError, match="QEMU has ended"):
        lines[0].ask("quit")


def test_a_state_is_saved_when_qemu_says_so(lines: tuple[Monitor, Qemu], tmp_path: Path) -> None:
    monitor, qemu = lines
    monitor.save(tmp_path / "state")
    assert not qemu.states, "it was asked until it was done"
    assert {"execute": "migrate", "arguments": {"uri": f"exec:cat > '{tmp_path}/state'"}} in qemu.asked


def test_a_state_that_cannot_be_saved_is_told(lines: tuple[Monitor, Qemu], tmp_path: Path) -> None:
    monitor, qemu = lines
    qemu.states = ["active", "failed"]
    with pytest.raises(BedError, match="could not be saved: failed"):
        monitor.save(tmp_path / "state")
