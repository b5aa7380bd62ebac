"""lastgasp.sysv as devices run it: busybox init, a read-only root, busybox's ash or dash, the real agent."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_root import INITTAB, START_FILES, SmallRoot, until, why_not

from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


@pytest.fixture(params=["busybox", "dash"])
def device(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallRoot]:
    made = SmallRoot(tmp_path, request.param)
    yield made
    made.switch_off()


def recording(device: SmallRoot) -> Recording:
    (found,) = load(str(device.root / "data/ring"))
    return found


def fake_agent(device: SmallRoot, what: str) -> None:
    """Instead of the agent a script, that notes when it was started."""
    device.script("opt/lastgasp-agent", f"#!/bin/sh\necho $* >> /run/starts\n{what}\n")


def starts(device: SmallRoot) -> int:
    return len(device.out("cat /run/starts 2>/dev/null").splitlines())


def test_it_starts_at_boot_and_stops_cleanly_at_shutdown(device: SmallRoot) -> None:
    device.script("etc/init.d/S99application", "#!/bin/sh\ncat /var/run/lastgasp.pid > /run/application\n")
    device.boot()
    assert "Starting lastgasp: OK\n" in device.out("cat /run/boot")
    assert int(device.out("cat /run/application")) > 1, "the application starts behind it"
    until(lambda: device.samples() >= 2)
    agent = device.agent()
    assert device.service("status") == (0, f"lastgasp is running, pid {agent}\n")
    assert device.out(f"tr '\\0' ' ' < /proc/{agent}/cmdline").endswith("lastgasp-agent run --wait ")
    assert device.service("start") == (0, "Starting lastgasp: OK, was running\n")
    assert device.agent() == agent
    device.shut_down()
    assert "Stopping lastgasp: OK\n" in (device.root / "data/shutdown").read_text()
    assert recording(device).clean_stop


def test_a_killed_agent_is_started_again_and_goes_on_in_the_same_recording(device: SmallRoot) -> None:
    device.boot()
    until(lambda: device.samples() >= 2)
    first = device.agent()
    device.run("/opt/lastgasp-agent flush")
    device.run(f"kill -9 {first}")
    until(lambda: device.agent() != first and device.samples() >= 2)
    assert "lastgasp: the agent ended with status 137, starting it again in 1 s" in device.kernel_log()
    assert device.service("stop") == (0, "Stopping lastgasp: OK\n")
    found = recording(device)
    assert found.clean_stop
    (boot,) = found.boots
    assert [event.kind for event in boot.events if event.kind in ("start", "stop")] == ["start", "start", "stop"]


def test_stop_ends_agent_and_loop_and_takes_the_pid_file_away(device: SmallRoot) -> None:
    device.boot()
    until(lambda: device.samples() >= 1)
    assert device.service("stop") == (0, "Stopping lastgasp: OK\n")
    assert "lastgasp" not in device.out("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert device.agent() == 0
    assert device.service("status") == (3, "lastgasp is not running\n")
    assert device.service("reload") == (1, "Reloading lastgasp: FAIL, not running\n")
    assert device.service("stop") == (0, "Stopping lastgasp: OK, was not running\n")
    assert device.service("start") == (0, "Starting lastgasp: OK\n")
    until(lambda: device.samples() >= 1)


def test_who_sends_the_agent_a_sigterm_stops_it_for_good(device: SmallRoot) -> None:
    device.boot()
    until(lambda: device.samples() >= 1)
    device.run(f"kill {device.agent()}")
    until(lambda: device.agent() == 0)
    assert device.kernel_log() == []
    assert recording(device).clean_stop


def test_reload_has_the_configuration_read_again(device: SmallRoot) -> None:
    device.boot()
    until(lambda: device.samples() >= 1)
    agent = device.agent()
    assert device.service("reload") == (0, "Reloading lastgasp: OK\n")
    until(lambda: device.run("/opt/lastgasp-agent flush").returncode == 0)
    assert device.agent() == agent
    assert device.service("restart") == (0, "Stopping lastgasp: OK\nStarting lastgasp: OK\n")
    until(lambda: device.agent() not in (0, agent) and device.samples() >= 1)
    events = [event for boot in recording(device).boots for event in boot.events if event.kind == "config"]
    assert [event.values for event in events] == [{"read": b"ok"}]


def test_a_mistake_in_the_configuration_is_said_and_not_tried_again(device: SmallRoot) -> None:
    device.script("etc/lastgasp.conf", "ring_sise = 4M\n")
    device.boot()
    until(lambda: len(device.kernel_log()) >= 2)
    first, second = device.kernel_log()
    assert first.startswith("lastgasp-agent: /etc/lastgasp.conf:1: unknown key 'ring_sise'; known: ")
    assert second == "lastgasp: the configuration has a mistake: not started again"
    until(lambda: device.agent() == 0)
    time.sleep(1.5)
    assert len(device.kernel_log()) == 2
    assert device.service("status")[0] == 3


def test_a_program_that_is_not_there_is_not_tried_again(device: SmallRoot) -> None:
    device.script("etc/default/lastgasp", "PROGRAM=/opt/nothing-lastgasp\n")
    device.boot()
    last = "lastgasp: /opt/nothing-lastgasp cannot be run: not started again"
    until(lambda: device.kernel_log()[-1:] == [last])
    until(lambda: device.agent() == 0)


def test_what_dies_at_once_each_time_is_started_later_each_time(device: SmallRoot) -> None:
    fake_agent(device, "exit 1")
    device.boot()
    until(lambda: starts(device) >= 3)
    assert device.kernel_log()[:3] == [
        f"lastgasp: the agent ended with status 1, starting it again in {pause} s" for pause in (1, 2, 4)
    ]
    assert device.service("status")[0] == 0, "between two agents the loop is what runs"
    assert device.service("reload")[0] == 0, "which does no harm"
    assert device.service("stop") == (0, "Stopping lastgasp: OK\n")
    before = starts(device)
    assert "lastgasp" not in device.out("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    time.sleep(1.5)
    assert starts(device) == before


def test_stop_does_not_end_who_has_the_number_of_an_agent_that_is_gone(device: SmallRoot) -> None:
    device.script("etc/default/lastgasp", "PROGRAM=/opt/lastgasp-agent\nLASTGASP_ARGS='run --wait'\n")
    device.script(
        "etc/init.d/S00stale", "#!/bin/sh\nsleep 1000 & echo $! > /run/other\ncp /run/other /run/lastgasp.pid\n"
    )
    device.boot()
    other = int(device.out("cat /run/other"))
    until(lambda: device.samples() >= 1)
    assert device.agent() != other, "a stale pid file keeps nothing from starting"
    device.service("stop")
    device.run("cp /run/other /run/lastgasp.pid")
    assert device.service("stop") == (0, "Stopping lastgasp: OK, was not running\n")
    assert device.run(f"kill -0 {other}").returncode == 0


def test_a_pid_file_of_rubbish_is_no_agent(device: SmallRoot) -> None:
    (device.root / "etc/init.d/S01lastgasp").rename(device.root / "etc/init.d/lastgasp")
    device.boot()
    for rubbish in ("", "\\n", "-1", "0x1", "1 2", "../1", "99999999999999999999"):
        device.run(f"printf '%b' '{rubbish}' > /run/lastgasp.pid")
        done = device.run("/etc/init.d/lastgasp status")
        assert (done.returncode, done.stdout, done.stderr) == (3, "lastgasp is not running\n", "")


def test_an_agent_whose_loop_was_killed_is_still_known(device: SmallRoot) -> None:
    device.boot()
    until(lambda: device.samples() >= 1)
    agent = device.agent()
    loop = int(device.out(f"grep PPid: /proc/{agent}/status").split()[1])
    device.run(f"kill -9 {loop}")
    assert device.service("start") == (0, "Starting lastgasp: OK, was running\n")
    assert device.service("stop") == (0, "Stopping lastgasp: OK\n")
    assert recording(device).clean_stop


def test_a_data_partition_that_is_mounted_after_the_start_gets_the_ring(device: SmallRoot) -> None:
    """What fstab names is waited for; below it, in the folder of the root file system, nothing is made."""
    (device.root / "data/part").mkdir()
    device.script("etc/lastgasp.conf", (device.root / "etc/lastgasp.conf").read_text().replace("/data/", "/data/part/"))
    device.script("etc/fstab", "/dev/mmcblk0p5 /data/part ext4 defaults 0 2\n")
    device.boot()
    time.sleep(1)
    assert device.service("status")[0] == 0
    assert device.samples() == 0
    assert list((device.root / "data/part").iterdir()) == []
    device.run("/usr/bin/mount -t tmpfs part /data/part")
    until(lambda: device.samples() >= 1)
    assert device.out("ls /data/part") == "ring\n"
    assert any(line.startswith("lastgasp-agent: recording began after ") for line in device.kernel_log())
    assert "nothing is mounted on /data/part (/etc/fstab)" in device.out("/opt/lastgasp-agent status")


def test_a_root_that_is_read_only_until_later_is_waited_for(device: SmallRoot) -> None:
    device.script("etc/lastgasp.conf", (device.root / "etc/lastgasp.conf").read_text().replace("/data/", "/var/late/"))
    (device.root / "var/late").mkdir()
    device.boot()
    time.sleep(1)
    assert device.samples() == 0
    device.run("/usr/bin/mount -t tmpfs late /var/late")
    until(lambda: device.samples() >= 1)
    assert "read-only file system" in device.out("/opt/lastgasp-agent status")


def test_the_line_for_inittab_that_the_script_names_is_started_again_by_init(tmp_path: Path) -> None:
    (line,) = re.findall(r"^#\t(::respawn:.*)$", (START_FILES / "lastgasp.sysv").read_text(), re.MULTILINE)
    device = SmallRoot(tmp_path, "busybox")
    device.script("etc/inittab", f"{INITTAB}{line.replace('/usr/bin/', '/opt/')}\n")
    (device.root / "etc/init.d/S01lastgasp").unlink()
    try:
        device.boot()
        until(lambda: device.samples() >= 1)
        first = device.out("pidof lastgasp-agent")
        device.run(f"kill -9 {first}")
        until(lambda: device.out("pidof lastgasp-agent") not in ("", first) and device.samples() >= 1)
    finally:
        device.switch_off()
