"""When memory counts as short, how much may be written early, which alerts are raised: decisions, no I/O."""

from __future__ import annotations

import random
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, socket

import pytest
from fake_proc import PAGE_SIZE, FakeProc
from taped import Taped

from lastgasp.recorder import alerts, ring_file
from lastgasp.recorder.alerts import CALM_MS, Alerts
from lastgasp.recorder.config import Config
from lastgasp.recorder.growth import Growth
from lastgasp.recorder.pressure import HOLD_MS, Pressure
from lastgasp.recorder.processes import Processes
from lastgasp.recorder.wear import DAY_MS, Wear
from lastgasp.ring.writer import RingWriter


def test_plenty_of_memory_is_no_pressure() -> None:
    assert not Pressure(100, 100).tick(0, 1000, 500, 0)


def test_little_memory_is_pressure_and_lasts_for_a_while_after_it_is_over() -> None:
    pressure = Pressure(100, 100)
    assert pressure.tick(0, 1000, 99, None)
    assert pressure.tick(HOLD_MS - 1, 1000, 500, None)
    assert not pressure.tick(HOLD_MS, 1000, 500, None)


def test_memory_that_would_be_gone_by_the_next_tick_is_pressure_for_a_while() -> None:
    pressure = Pressure(100, 100)
    assert not pressure.tick(0, 1000, 550, None)
    assert not pressure.tick(5000, 1000, 310, None)  # 70 at the next tick, but still far
    assert pressure.tick(10_000, 1000, 190, None)
    assert pressure.tick(14_999, 1000, 400, None)
    assert not pressure.tick(15_000, 1000, 400, None)


def test_a_quick_tick_looks_two_seconds_ahead() -> None:
    pressure = Pressure(100, 100)
    assert not pressure.tick(0, 1000, 260, None)
    assert not pressure.tick(1000, 1000, 220, None)  # 140 in two seconds
    assert pressure.tick(2000, 1000, 175, None)  # 85


@pytest.mark.parametrize("interval_ms", [1_000, 5_000, 10_000])
@pytest.mark.parametrize("low", [40, 34, 30])
def test_a_job_each_minute_that_leaves_enough_is_none(interval_ms: int, low: int) -> None:
    pressure = Pressure(100, 100)
    for at in range(0, 3_600_000, interval_ms):
        available = low * 10 if at % 60_000 < max(interval_ms, 5_000) else 600
        assert not pressure.tick(at, 1000, available, None)


def test_memory_that_came_to_be_less_in_a_sleep_is_none() -> None:
    pressure = Pressure(100, 100)
    pressure.tick(0, 1000, 600, None)
    assert not pressure.tick(8 * 3_600_000, 1000, 250, None)


def test_a_machine_that_lives_with_little_is_seldom_watched_closely_for_its_noise() -> None:
    chance = random.Random(1)
    pressure, closely = Pressure(100, 100), 0
    for at in range(0, 86_400_000, 5_000):
        closely += pressure.tick(at, 1000, chance.randint(180, 300), None)
    assert closely < 0.05 * 86_400 / 5


def test_memory_that_comes_back_or_a_share_of_zero_is_none() -> None:
    pressure = Pressure(100, 100)
    assert not any(pressure.tick(1000 * n, 1000, kb, None) for n, kb in enumerate((150, 400, 399, 398)))
    never = Pressure(0, 100)
    assert not any(never.tick(1000 * n, 1000, kb, None) for n, kb in enumerate((900, 400, 5)))


def test_time_spent_waiting_is_pressure_from_the_second_reading_on() -> None:
    pressure = Pressure(100, 100)
    assert not pressure.tick(5000, 1000, 500, 4_000_000_000)
    assert not pressure.tick(10_000, 1000, 500, 4_000_499_999)
    assert pressure.stall_share == 99
    assert pressure.tick(15_000, 1000, 500, 4_001_000_000)
    assert pressure.stall_share == 100


def test_zero_percent_of_stall_means_any_wait_not_none() -> None:
    pressure = Pressure(0, 0)
    pressure.tick(0, 1000, 500, 5)
    assert not pressure.tick(1_000_000, 1000, 500, 5)
    assert pressure.tick(2_000_000, 1000, 500, 6)


def test_unknown_values_are_no_sign_of_anything() -> None:
    pressure = Pressure(1000, 0)
    assert not pressure.tick(0, None, None, None)
    assert not pressure.tick(1000, None, 5, None)
    assert not pressure.tick(1000, 5, None, None)


def test_a_sign_from_the_kernel_is_enough() -> None:
    pressure = Pressure(100, 100)
    pressure.sign(1000)
    assert pressure.on
    assert not pressure.tick(1000 + HOLD_MS, 1000, 500, None)


def test_early_writes_burst_for_a_quarter_of_the_day_budget_and_then_keep_to_its_rate() -> None:
    wear = Wear(16 << 20, 4096)
    burst = 0
    while wear.allows(0):
        burst += 1
    assert burst == 1024
    allowed = sum(wear.allows(now) for now in range(0, DAY_MS, 1000))
    assert 4090 <= allowed <= 4096


def test_a_budget_of_zero_allows_no_early_write_at_all() -> None:
    wear = Wear(0, 4096)
    assert not any(wear.allows(now) for now in range(0, 10 * DAY_MS, DAY_MS // 100))


def raised_alerts(taped: Taped, **settings: object) -> Alerts:
    config = Config()
    config.alert_syslog = False
    for name, value in settings.items():
        setattr(config, name, value)
    return Alerts(taped.encoder, config)


def told(taped: Taped) -> list[tuple[str, bytes]]:
    return [(event.kind, event.values["name"]) for event in taped.boot().events]


def test_a_crossing_is_told_once_and_its_end_only_when_well_clear(taped: Taped) -> None:
    judge = raised_alerts(taped)
    for minute, value in enumerate([60, 49, 51, 48, 52, 62, 63, 49]):
        judge.level(minute * CALM_MS, b"available", value, 50, b"text", low=True)
    assert told(taped) == [("alert", b"available"), ("alert.end", b"available"), ("alert", b"available")]


def test_a_high_value_alerts_and_clears_a_quarter_below(taped: Taped) -> None:
    judge = raised_alerts(taped)
    for minute, value in enumerate([299, 300, 290, 226, 224, 100]):
        judge.level(minute * CALM_MS, b"stall", value, 300, b"text", low=False)
    assert told(taped) == [("alert", b"stall"), ("alert.end", b"stall")]


def test_a_threshold_of_zero_never_alerts_and_an_unknown_value_changes_nothing(taped: Taped) -> None:
    judge = raised_alerts(taped)
    judge.level(0, b"a", 0, 0, b"text", low=True)
    judge.level(0, b"b", None, 50, b"text", low=True)
    assert not judge.raised


def test_a_value_that_comes_and_goes_is_one_alert(taped: Taped) -> None:
    """Waiting for memory does, every other second: the log must not get a line each time."""
    judge = raised_alerts(taped)
    for second in range(600):
        judge.level(second * 1000, b"stall", 350 if second % 2 else 100, 300, b"text", low=False)
    assert told(taped) == [("alert", b"stall")]


def test_an_alert_that_is_not_wanted_any_more_ends(taped: Taped) -> None:
    judge = raised_alerts(taped)
    judge.level(0, b"available", 10, 50, b"text", low=True)
    judge.level(CALM_MS, b"available", 10, 0, b"text", low=True)
    assert told(taped) == [("alert", b"available"), ("alert.end", b"available")]


def test_an_alert_on_growth_ends_with_its_process(taped: Taped, fake: FakeProc) -> None:
    """A leaking daemon that is started again every hour must not leave one alert for each of its lives."""
    judge = raised_alerts(taped, alert_growth=((b"sensord", 1 << 20),))
    processes = Processes(taped.encoder, 10, 0, lambda _: None, fake.root, PAGE_SIZE)
    growth = Growth(judge, processes)
    now_ms = 0
    for pid in range(7, 12):
        for rss in (1000, 3000):
            fake.process(pid, b"sensord", rss=rss, shared=0)
            taped.encoder.begin(now_ms, 3)
            processes.scan(now_ms, fake.births, True)
            taped.encoder.end()
            growth.judge(now_ms)
            now_ms += 600_000
        fake.end(pid)
    assert list(judge.raised) == [b"growth:11"]
    assert told(taped).count(("alert.end", b"growth:7")) == 1


def test_growth_of_a_named_process_alerts_over_ten_minutes(taped: Taped, fake: FakeProc) -> None:
    judge = raised_alerts(taped, alert_growth=((b"sensord", 1 << 20),))
    fake.process(7, b"sensord", rss=1000, shared=0)
    fake.process(8, b"other", rss=1000, shared=0)
    processes = Processes(taped.encoder, 10, 0, lambda _: None, fake.root, PAGE_SIZE)
    taped.encoder.begin(0, 3)
    processes.scan(0, 1, False)
    taped.encoder.end()
    growth = Growth(judge, processes)
    for minute in range(31):
        growth.judge(minute * 60_000)
        fake.process(7, b"sensord", rss=1000 + 10 * minute, shared=0)
        fake.process(8, b"other", rss=1000 + 10 * minute, shared=0)
    events = [e for e in taped.boot().events if e.kind.startswith("alert")]
    assert [(e.kind, e.values["name"]) for e in events] == [("alert", b"growth:7")]
    assert b"sensord (7) grows by 2" in events[0].values["text"]


def test_an_alert_is_one_line_in_the_system_log(taped: Taped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "log")
    with socket(AF_UNIX, SOCK_DGRAM) as log:
        log.settimeout(10)
        log.bind(path)
        monkeypatch.setattr(alerts, "SYSLOG", path)
        judge = raised_alerts(taped, alert_syslog=True)
        judge.level(0, b"available", 1, 50, b"40 kB of 64000 kB memory available", low=True)
        judge.level(CALM_MS, b"available", 90, 50, b"58000 kB of 64000 kB memory available", low=True)
        assert log.recv(500) == b"<28>lastgasp: 40 kB of 64000 kB memory available"
        assert log.recv(500) == b"<28>lastgasp: over: 58000 kB of 64000 kB memory available"


def test_no_system_log_is_no_trouble(taped: Taped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "SYSLOG", str(tmp_path / "nothing"))
    monkeypatch.setattr(alerts, "CONSOLE", b"/nothing/kmsg")
    judge = raised_alerts(taped, alert_syslog=True, alert_console=True)
    judge.level(0, b"available", 1, 50, b"text", low=True)
    assert told(taped) == [("alert", b"available")]


def test_an_alert_shows_on_the_console_when_configured(
    taped: Taped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = tmp_path / "kmsg"
    console.touch()
    monkeypatch.setattr(alerts, "CONSOLE", str(console).encode())
    judge = raised_alerts(taped, alert_console=True)
    judge.level(0, b"available", 1, 50, b"short", low=True)
    assert console.read_bytes() == b"<4>lastgasp: short\n"


def test_names_in_alerts_hold_nothing_that_a_terminal_obeys() -> None:
    assert alerts.printable(b"a\x1b[2J\nb\xff") == b"a?[2J?b?"


def test_a_device_that_boots_again_and_again_keeps_to_its_budget(tmp_path: Path) -> None:
    """Out of memory, watchdog, and the same again: ten minutes of pressure in each boot, for a day."""
    budget, written = 1 << 20, 0
    config = Config()
    config.ring_path, config.ring_size = str(tmp_path / "ring"), 256 * 1024
    for boot in range(144):
        ring = ring_file.open_ring(config, bytes([boot] * 16))
        wear = Wear(budget, 4096, 0, ring.early_writes, ring.covered_ms)
        writer = RingWriter(ring.storage, ring.place, 4096, bytes([boot] * 16), lambda: 0)
        for now_ms in range(0, 600_000, 5000):
            writer.encoder.event(now_ms, b"mark", [(b"text", b"%d" % now_ms)])
            if wear.allows(now_ms):
                writer.flush()
        written += writer.blocks_written * 4096
        ring.storage.close()
    assert 0.5 * budget < written < 2 * budget


def test_what_was_spent_before_is_earned_again_by_time() -> None:
    assert not Wear(1 << 20, 4096, spent=1000).allows(0)
    assert Wear(1 << 20, 4096, spent=1000, during_ms=10 * DAY_MS).allows(0)
    assert not Wear(0, 4096, during_ms=DAY_MS).allows(0)
    assert not Wear(1 << 20, 4096, now_ms=5 * DAY_MS, spent=1000).allows(5 * DAY_MS)
