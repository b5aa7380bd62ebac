"""A device without a clock: 1970 at boot, set while it records."""

from datetime import datetime, timedelta

from rehearsals import parts
from rehearsals.checks import Checks
from rehearsals.device import RING, SMALL, Bench, device
from rehearsals.recordings import Told

NO_CLOCK = "initcall_blacklist=pl031_driver_init"
SET_TO = "2026-11-23 12:00:00"
SLACK = timedelta(seconds=30)  # a command takes its time under emulation


def rehearse(bench: Bench) -> int:
    """Record, set the clock, record on. Returns the number of failures."""
    checks = Checks(f"{bench.board.arch.name} clock")
    disk = parts.fresh_disk(bench.file("clock.ext4"), "16M")
    setup = bench.setup("clock", disk, {"ring_size": "128k"}, append=f"{SMALL} {NO_CLOCK}")
    with device(setup, bench.file("clock.console")) as there:
        year = there.guest.check("date +%Y").strip()
        checks.check(year == "1970", f"the device boots into {year}")
        there.start()
        there.ask('mark "before"')
        there.guest.check("sleep 3")
        there.ask("flush")
        unset = bench.file("clock-unset.ring")
        unset.write_bytes(there.guest.pull(f"/data{RING}"))
        there.guest.check(f"date -s '{SET_TO}'")
        there.guest.check("sleep 3")
        there.ask('mark "after"')
        there.stop()
        there.guest.power_off()
    before = Told(unset)
    checks.check(before.marks()[0]["at"]["utc"] is None, "before the clock is set, the report gives no date")
    checks.check("1970" not in before.text and "clock never set" in before.text, "and says so in words")
    told = Told(parts.take_file(disk, RING, bench.file("clock.ring")))
    steps = told.report["clock_steps"]
    checks.check(len(steps) == 1, f"{len(steps)} clock step in the report")
    years = [datetime.fromtimestamp(steps[0][key] / 1e9).year for key in ("from_ns", "to_ns")]
    checks.check(years == [1970, 2026], f"it goes from {years[0]} to {years[1]}")
    marks = [mark["at"] for mark in told.marks()]
    times = [datetime.fromisoformat(mark["utc"].rstrip("Z")) for mark in marks]
    set_to = datetime.fromisoformat(SET_TO)
    checks.check(
        set_to - SLACK < times[0] < set_to <= times[1] < set_to + SLACK,
        f"marks set before and after are told at {times[0]} and {times[1]}",
    )
    apart = timedelta(milliseconds=marks[1]["uptime_ms"] - marks[0]["uptime_ms"])
    checks.check(
        abs(times[1] - times[0] - apart) < timedelta(seconds=1), f"their distance is that of the boot clock: {apart}"
    )
    samples = told.report["boots"][0]
    checks.check(not told.lost, f"nothing is lost or invalid: {', '.join(told.lost) or 'nothing'}")
    checks.measured(f"{samples['samples']} samples from {samples['first']['utc']} to {samples['last']['utc']}")
    return checks.failed
