"""run --wait: the ring's place comes later than the agent, or stays away."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_command import Device, device, until
from test_ring_file import configured

from lastgasp.recorder import late_ring, ring_file, selftest
from lastgasp.recorder.notify import Notify

__all__ = ["device"]  # a fixture


@pytest.fixture(autouse=True)
def own_name() -> Iterator[None]:
    """Who waits takes the agent's name; here that is the tests' own process."""
    comm = Path("/proc/self/comm")
    before = comm.read_text().strip()
    yield
    comm.write_text(before)


def later(what: Callable[[], object]) -> threading.Thread:
    """Do it while the test waits."""

    def act() -> None:
        time.sleep(0.3)
        what()

    thread = threading.Thread(target=act)
    thread.start()
    return thread


class Heard(Notify):
    """Keeps what would be sent."""

    __slots__ = ("texts",)

    def __init__(self) -> None:
        super().__init__({b"NOTIFY_SOCKET": b"/nowhere"})
        self.texts: list[bytes] = []

    def say(self, text: bytes) -> None:
        self.texts.append(text)


def fstab(root: Path, text: str, mounted: str = "") -> bytes:
    """A root with an fstab and a table of mounts."""
    (root / "etc").mkdir(parents=True)
    (root / "proc/self").mkdir(parents=True)
    (root / "etc/fstab").write_text(text)
    (root / "proc/self/mountinfo").write_text(f"1 0 8:1 / {mounted} rw - ext4 /dev/sda1 rw\n" if mounted else "")
    return str(root).encode() + b"/"


def test_a_folder_that_comes_later_is_waited_for_and_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data/lastgasp/ring"
    thread = later(lambda: (tmp_path / "data").mkdir())
    heard = Heard()
    ring = late_ring.open_ring(ring_file, configured(path), heard, say_ms=0)
    thread.join()
    ring.storage.close()
    assert path.exists()
    assert capsys.readouterr().err == f"lastgasp-agent: waiting, nothing is recorded: {path}: no such folder\n"
    (note,) = [note for note in ring.notes if "waiting" in note]
    assert note.startswith("recording began after ")
    assert note.endswith(f" s of waiting: {path}: no such folder")
    assert heard.texts[0] == b"READY=1\nSTATUS=making the ring"
    assert heard.texts[1] == f"STATUS=waiting: {path}: no such folder".encode()


def test_what_takes_no_time_is_not_worth_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = late_ring.open_ring(ring_file, configured(tmp_path / "ring"), None)
    ring.storage.close()
    assert capsys.readouterr().err == ""
    assert not any("waiting" in note for note in ring.notes)


def test_nobody_else_has_to_wait_for_a_mount(tmp_path: Path) -> None:
    """systemd is told that the agent is ready before it is."""
    config = configured(tmp_path / "ring", ring_mount=str(tmp_path))
    root = fstab(tmp_path / "root", "")
    table = tmp_path / "root/proc/self/mountinfo"
    heard = Heard()
    thread = later(lambda: table.write_text(f"1 0 8:1 / {tmp_path} rw - ext4 /dev/sda1 rw\n"))
    ring = late_ring.open_ring(ring_file, config, heard, root)
    thread.join()
    ring.storage.close()
    what = f"{config.ring_path}: nothing is mounted on {tmp_path}; mount it, or correct ring_mount"
    assert b"STATUS=waiting: " + what.encode() in heard.texts
    assert [text.count(b"READY=1") for text in heard.texts] == [1] + [0] * (len(heard.texts) - 1)


@pytest.mark.parametrize("name", ["folder", "link"])
def test_what_no_time_will_mend_is_refused_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(ring_file.RingError):
        late_ring.open_ring(ring_file, configured(tmp_path / name), None)


def test_no_file_is_made_where_a_device_may_come(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be in memory, and mdev or devtmpfs could make no node of that name."""
    config = configured(Path("/dev/lastgasp-test-no-such-device"))
    with pytest.raises(ring_file.RingError, match="no such device") as refused:
        ring_file.open_ring(config, bytes(16))
    assert refused.value.errno in late_ring.COMING
    assert selftest.ring(config) == 1
    assert "no such device" in capsys.readouterr().err
    assert not Path(config.ring_path).exists()


@pytest.mark.parametrize(
    ("text", "mounted", "missing"),
    [
        ("/dev/sda2 /data ext4 defaults 0 0\n", "", "/data"),
        ("/dev/sda2 /data/ ext4 defaults 0 0\n", "", "/data"),
        ("/dev/sda2 /data ext4 defaults 0 0\n", "/data", ""),
        ("/dev/sda2 /data ext4 noauto,ro 0 0\n", "", ""),
        ("#/dev/sda2 /data ext4 defaults 0 0\n", "", ""),
        ("/dev/sda1 / ext4 defaults 0 1\n", "", ""),
        ("/dev/sda2 /dat ext4 defaults 0 0\n", "", ""),
        ("/dev/sda2 /data/log ext4 defaults 0 0\n", "", "/data/log"),
        ("/dev/sda2 /data ext4 defaults 0 0\n/dev/sda3 /data/log ext4 defaults 0 0\n", "/data", "/data/log"),
        ("/dev/sda2 /data/log ext4 defaults 0 0\n/dev/sda3 /data ext4 defaults 0 0\n", "/data/log", ""),
        ("swap none swap sw 0 0\n\n  \nrubbish\n/dev/sda2 /data\n", "", ""),
        ("proc /proc proc defaults 0 0\n", "", ""),
    ],
)
def test_an_unmounted_line_of_fstab_above_the_ring_is_seen(
    text: str, mounted: str, missing: str, tmp_path: Path
) -> None:
    found = late_ring.unmounted(configured(Path("/data/log/ring")), fstab(tmp_path, text, mounted))
    assert found == (f"/data/log/ring: nothing is mounted on {missing} (/etc/fstab)" if missing else "")


def test_a_named_mount_point_counts_alone(tmp_path: Path) -> None:
    root = fstab(tmp_path, "/dev/sda2 /data ext4 defaults 0 0\n")
    assert late_ring.unmounted(configured(Path("/data/ring"), ring_mount="/data"), root) == ""


@pytest.mark.parametrize("mount", ["/data", "/data/", "/da ta"])
def test_a_mount_point_is_one_exactly(mount: str, tmp_path: Path) -> None:
    root = fstab(tmp_path, "", mount.rstrip("/").replace(" ", "\\040"))
    assert ring_file.is_mounted(mount, root)
    assert not ring_file.is_mounted("/", root)
    assert not ring_file.is_mounted(mount.rstrip("/") + "/below", root)


def test_without_wait_a_missing_mount_is_refused_in_one_line(device: Device) -> None:
    device.ring.parent.mkdir()
    device.configure(ring_mount=str(device.ring.parent))
    for command in ("run", "selftest"):
        done = device.run(command)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert f"nothing is mounted on {device.ring.parent}" in done.stderr or "nothing is mounted there" in done.stderr
    assert not device.ring.exists()


def may_mount() -> bool:
    done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True, check=False)
    return done.returncode == 0


def test_a_partition_that_is_mounted_late_gets_the_ring_and_the_folder_below_it_none(device: Device) -> None:
    """A real mount, which the agent hears of from the kernel; what was below stays as it was."""
    if not may_mount():
        pytest.skip("mounting takes root")
    point = device.ring.parent
    point.mkdir()
    device.configure(ring_mount=str(point))
    agent = subprocess.Popen(
        ["unshare", "-m", *device.command, "run", "--wait", "--config", str(device.config)],
        stderr=subprocess.PIPE,
        text=True,
    )
    device.agents.append(agent)
    time.sleep(0.5)
    assert agent.poll() is None
    inside = ["nsenter", "-t", str(agent.pid), "-m"]
    subprocess.run([*inside, "mount", "-t", "tmpfs", "data", str(point)], check=True)
    until(lambda: device.samples() >= 1)
    assert not device.ring.exists(), "on the root file system there is none"
    raw = subprocess.run([*inside, "cat", str(device.ring)], capture_output=True, check=True).stdout
    assert len(raw) == 256 * 1024
    status = device.run("status").stdout
    assert f" s of waiting: {device.ring}: nothing is mounted on {point}; mount it" in status
    assert device.stop(agent)[0] == 0


def test_a_wait_is_ended_by_sigterm(device: Device) -> None:
    device.configure(ring_mount="/proc/nowhere")
    agent = subprocess.Popen([*device.command, "run", "--wait", "--config", str(device.config)], text=True)
    device.agents.append(agent)
    until(lambda: Path(f"/proc/{agent.pid}/comm").read_text() == "lastgasp-agent\n")
    assert agent.poll() is None
    agent.terminate()
    assert agent.wait(30) == -15
