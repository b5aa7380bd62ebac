"""From a device that recorded for two hours and has just had an OOM kill, over its console, to the verdict: how long?

The two hours are the guest's own, at the agent's default interval, with a crew of daemons of which one leaks. While the
guest has nothing to do its clock is let run on at once, which takes some minutes of ours; its disk is then slow by
that clock, and an alarm now and then late. Its state is saved after the kill. From there it goes on again and again,
for each wire, with its clock as ours: the same boot, the same agent, the same ring.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bed import console, tools
from bed.bench import Setup
from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import Bench
from rehearsals.pull import WARNINGS, answer
from rehearsals.wired import BAUD, differences, setup_of, wired

HOURS = 2
LEAK_S = int(1.9 * 3600)
BEFORE_S = 1800  # a device does not begin to leak when it starts
AFTER_S = 20
RECORD_TIMEOUT_S = 2400
LIMIT_S = 60
# The defaults of lastgasp.conf.
SETTINGS = {
    "ring_size": "4M",
    "interval": "5s",
    "pressure_interval": "1s",
    "slow_interval": "60s",
    "mapping_interval": "60s",
}
LEAKER = "metricsd"
CREW = """
    syslogd dbus-daemon networkd wpa_supplicant dhcpcd ntpd sensord httpd mosquitto modbusd canlogd updaterd watchdogd
    bluetoothd avahi-daemon crond snmpd telemetryd camd audiod gpiod ledd buttond storaged upnpd mqtt-bridge opcua
    lighttpd php-cgi ui-main ui-helper licd vpnd firewalld rtcd powerd thermald fand usbd printd
"""
TURN_S = 10


def rehearse(bench: Bench) -> int:
    """Record, save, and pull over each console. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} pull after {HOURS} h")
    state = bench.file("hours.state")
    setup = replace(setup_of(bench, "hours", SETTINGS), root_image=bench.file("hours-root.ext4"))
    setup.files.append((parts.build_program(bench.folder, bench.board.arch, parts.INSIDE / "crew.c"), "opt/crew"))
    images = [Path(image) for image in (setup.data, setup.root_image) if image]
    if not state.exists():
        _record(bench, setup, state, checks)
        for image in images:
            _copy(image, _kept(image))
    for name, who, options, loud in (
        ("unix", "login", ("--last", f"{HOURS}h"), False),
        ("pty", "ash", ("--last", f"{HOURS}h"), False),
        ("unix", "login", ("--last", f"{HOURS}h"), True),
        ("unix", "ash", ("--last", f"{HOURS}h", "--without-agent"), False),
        ("ssh", "", (), False),
    ):
        for image in images:
            _copy(_kept(image), image)
        _pull(bench, setup, state, checks, name, who, options, loud)
    return checks.failed


def _kept(image: Path) -> Path:
    return image.with_suffix(".saved")


def _copy(source: Path, target: Path) -> None:
    """Holes stay holes."""
    tools.run(["cp", "--sparse=always", str(source), str(target)])


def _record(bench: Bench, setup: Setup, state: Path, checks: Checks) -> None:
    """Two hours and more up to the kill, and the guest's state then."""
    if setup.root_image:
        setup.root_image.unlink(missing_ok=True)
    begin = datetime.now(UTC) - timedelta(seconds=BEFORE_S + LEAK_S)
    hurried = replace(setup, hurried=True, utc=begin.strftime("%Y-%m-%dT%H:%M:%S"))
    started = time.monotonic()
    with wired(bench, "hours-record", hurried) as there:
        guest = there.guest
        crew = [
            f"/opt/crew {name} {200 + 37 * n % 900} {n % 3 and 50 + 53 * n % 400} {1000 + 313 * n} 0 &"
            for n, name in enumerate(CREW.split())
        ]
        guest.check("\n".join(crew))
        guest.check(f"sleep {BEFORE_S}", RECORD_TIMEOUT_S)
        available_kb = int(guest.check("sed -n 's/^MemAvailable: *\\([0-9]*\\).*/\\1/p' /proc/meminfo"))
        leak = available_kb * 1024 * TURN_S // LEAK_S
        output = guest.check(f"/opt/crew {LEAKER} 300 0 {TURN_S}000 {leak} & wait $!; echo $?", RECORD_TIMEOUT_S)
        checks.check(output.split()[-1] == "137", f"{LEAKER} was killed: exit status {output.split()[-1]}")
        guest.check(f"sleep {AFTER_S}", RECORD_TIMEOUT_S)
        said = there.device.status()
        guest.monitor.save(state)
        checks.measured(
            f"{said['running_s']} s of its own in {time.monotonic() - started:.0f} s of ours: {said['samples']} samples"
            f" of {said['processes']} processes, {said['missed_ticks']} ticks missed"
        )


def _pull(
    bench: Bench, setup: Setup, state: Path, checks: Checks, name: str, who: str, options: tuple[str, ...], loud: bool
) -> None:
    """Let the guest go on, and do what a person does who is called to it."""
    words = " ".join(
        filter(None, [name, who, f"at {BAUD}" if who else "", "with a talking kernel" if loud else "", *options])
    )
    with wired(bench, "hours", replace(setup, counted=True), state) as there:
        there.device.ask("flush")
        ring = there.ring()
        if who:
            console.answer(there.guest, who)
        if loud:
            console.flood(there.guest, WARNINGS)
        if who == "login":
            options += ("--login", "root", "--password-file", str(there.password_file()))
        started = time.monotonic()
        pulled = there.pull(name, "--json", *options)
        checks.check(pulled.status == 0, f"{words}: exit status {pulled.status}")
        if pulled.status != 0:
            checks.measured(f"{words}: it said: {pulled.last_words}")
            return
        recording = pulled.recordings[0]
        told = tools.run([sys.executable, str(parts.SCRIPTS / "lastgasp"), "report", str(recording)])
        seconds = time.monotonic() - started
        if loud:
            console.calm(there.guest)
        shutil.copy(recording, bench.file(f"hours-{name}-{who or 'key'}.lgr"))
    as_json = tools.run([sys.executable, str(parts.SCRIPTS / "lastgasp"), "report", "--json", str(recording)])
    report = json.loads(as_json)["recordings"][0]
    said = answer(pulled)
    checks.check(
        seconds < LIMIT_S,
        f"{words}: from the first byte to the verdict {seconds:.1f} s, of which {pulled.seconds:.1f} pull",
    )
    head = " ".join(told.split("\n\n")[0].split())
    checks.check(head.startswith(LEAKER) and "killed it" in head, f"{words}: the verdict: {head}")
    boot = report["boots"][0]
    span_h = (boot["last"]["uptime_ms"] - boot["first"]["uptime_ms"]) / 3_600_000
    checks.check(span_h >= HOURS, f"{words}: {boot['samples']} samples over {span_h:.2f} h")
    # What is older than the last two hours may be missing.
    wrong = [line for line in differences(ring, recording) if "--last" not in options or "missing" not in line]
    checks.check(not wrong, f"{words}: blocks that are not as in the ring: {', '.join(wrong[:3]) or 'none'}")
    checks.measured(
        f"{words}: {said['new_blocks']} blocks, {said['new_bytes']} bytes, {said['received_bytes']} on the wire,"
        f" {said['asked_again']} asked for again"
    )
