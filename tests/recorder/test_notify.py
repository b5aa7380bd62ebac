"""What systemd hears of the agent, over real sockets; and that nobody else pays for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_command import Device, device

from lastgasp.recorder.notify import Notify

__all__ = ["device"]  # a fixture
AGENT = Path(__file__).parents[2] / "agent"


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address: str | bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(30)

    def hear(self) -> str:
        return self.socket.recv(4096).decode()

    def nothing_more(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return True
        return False


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As NOTIFY_SOCKET has it."""
    return str(tmp_path / "notify") if request.param == "path" else f"@lastgasp-test-{os.getpid()}"


@pytest.fixture
def manager(address: str) -> Iterator[Manager]:
    made = Manager("\0" + address[1:] if address.startswith("@") else address)
    yield made
    made.socket.close()


def test_a_service_says_when_it_records_that_it_lives_and_that_it_stops(
    device: Device, manager: Manager, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alive also between two samples that are further apart than the watchdog's time."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "800000")
    device.configure(interval="1h", pressure_interval="1h")
    agent = device.start(wait=False)
    assert manager.hear() == "READY=1\nSTATUS=recording"
    assert device.samples() == 1, "the first sample comes before it"
    for _ in range(4):
        assert manager.hear() == "WATCHDOG=1"
    agent.send_signal(signal.SIGTERM)
    heard = manager.hear()
    while heard == "WATCHDOG=1":
        heard = manager.hear()
    assert heard == "STOPPING=1"
    assert agent.wait(30) == 0
    assert manager.nothing_more()


def test_who_has_no_watchdog_gets_no_sign_of_life(
    device: Device, manager: Manager, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    agent = device.start()
    assert device.stop(agent) == (0, "")
    assert [manager.hear(), manager.hear()] == ["READY=1\nSTATUS=recording", "STOPPING=1"]
    assert manager.nothing_more()


def test_a_manager_that_is_gone_stops_nothing(device: Device, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    agent = device.start()
    assert device.stop(agent) == (0, "")


def heard(environment: dict[bytes, bytes]) -> Notify:
    return Notify({b"NOTIFY_SOCKET": b"/nowhere", **environment})


@pytest.mark.parametrize(
    ("environment", "period_ms"),
    [
        ({}, 0),
        ({b"WATCHDOG_USEC": b"180000000"}, 45_000),
        ({b"WATCHDOG_USEC": b"180000000", b"WATCHDOG_PID": b"%d" % os.getpid()}, 45_000),
        ({b"WATCHDOG_USEC": b"180000000", b"WATCHDOG_PID": b"1"}, 0),
        ({b"WATCHDOG_USEC": b"1"}, 1),
        ({b"WATCHDOG_USEC": b"0"}, 0),
        ({b"WATCHDOG_USEC": b"-5"}, 0),
        ({b"WATCHDOG_USEC": b"soon"}, 0),
        ({b"WATCHDOG_USEC": b"180000000", b"WATCHDOG_PID": b"we"}, 0),
    ],
)
def test_the_watchdog_is_fed_four_times_in_its_time_if_it_is_ours(
    environment: dict[bytes, bytes], period_ms: int
) -> None:
    assert heard(environment).period_ms == period_ms


def test_the_loop_is_woken_for_the_watchdog_only_where_the_next_sample_is_later() -> None:
    notify = heard({b"WATCHDOG_USEC": b"40000000"})
    assert notify.beat(1000, 6000) == 6000
    assert notify.beat(1000, 60_000) == 11_000
    assert notify.beat(11_000, 60_000) == 21_000
    assert heard({}).beat(1000, 60_000) == 60_000


def test_a_status_is_one_line(manager: Manager, address: str) -> None:
    notify = Notify({b"NOTIFY_SOCKET": address.encode()})
    for status in (b"waiting: /da\nREADY=0", b"waiting: /da\nREADY=0", b"recording", b"recording"):
        notify.is_up(status)
    assert manager.hear() == "READY=1\nSTATUS=waiting: /da READY=0"
    assert manager.hear() == "STATUS=recording"
    assert manager.nothing_more()


@pytest.mark.parametrize("address", [b"", b"@", b"vsock:2:1", b"/" + b"x" * 200, b"/nowhere"])
def test_an_address_that_leads_nowhere_is_no_error(address: bytes) -> None:
    Notify({b"NOTIFY_SOCKET": address}).is_up(b"well")


def test_who_was_not_started_by_systemd_does_not_load_it(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the wait for a late ring."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    device.configure(ring_path="/proc/nowhere/ring")
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(AGENT)!r})\n"
        "asked = []\n"
        "class Watch:\n"
        "    def find_spec(self, name, path, target=None): asked.append(name)\n"
        "sys.meta_path.insert(0, Watch())\n"
        "from lastgasp.recorder.main import main\n"
        f"main(['run', '--config', {str(device.config)!r}])\n"
        "print(*asked)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "lastgasp.recorder.ring_file" in done.stdout.split()
    assert not {"lastgasp.recorder.notify", "lastgasp.recorder.late_ring"} & set(done.stdout.split())
