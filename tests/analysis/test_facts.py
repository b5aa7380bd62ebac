"""What else a recording tells: the machine's memory, boots and clocks, runs, groups, losses, costs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lastgasp.analysis.facts import Facts, gather
from lastgasp.analysis.runs import End
from lastgasp.analysis.shape.trend import Shape
from lastgasp.analysis.tracks import CELLS
from scene import BLOCK_SIZE, Scene, utc

KB, MB = 1 << 10, 1 << 20


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring").boot()


def facts(scene: Scene) -> Facts:
    return gather(scene.flush().load())


# -- memory over time ----------------------------------------------------------------------------------


def test_memory_over_time_is_cells_of_equal_length(scene: Scene) -> None:
    scene.run(200, b"leakd", lambda t: 100 * t)
    scene.record(120)
    track = next(track for track in facts(scene).memory if track.name == "anonymous")
    known = [cell for cell in track.cells if cell is not None]
    assert len(known) == CELLS
    assert known == sorted(known)
    assert (track.first, track.last) == (0, 11_900 * KB)


def test_the_lowest_value_stands_for_what_is_available(scene: Scene) -> None:
    scene.run(200, b"spiky", lambda t: 20_000 if t == 37 else 1_000)
    scene.record(400)
    track = facts(scene).memory[0]
    assert track.name == "available"
    assert min(cell for cell in track.cells if cell is not None) == track.low
    assert track.first - track.low == pytest.approx(19_000 * KB)


def test_a_kernel_without_available_memory_shows_what_is_free(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring")
    scene.meminfo["MemAvailable"] = None
    scene.boot().record(20)
    names = [track.name for track in facts(scene).memory]
    assert "available" not in names
    assert names[0] == "free"


def test_swap_is_shown_where_there_is_some(scene: Scene) -> None:
    scene.meminfo |= {"SwapTotal": 10_000, "SwapFree": 10_000}
    scene.record(10)
    scene.meminfo["SwapFree"] = 4_000
    scene.record(10)
    swap = next(track for track in facts(scene).memory if track.name == "swap used")
    assert (swap.first, swap.last) == (0, 6_000 * KB)


def test_without_swap_there_is_no_line_for_it(scene: Scene) -> None:
    scene.record(10)
    assert "swap used" not in [track.name for track in facts(scene).memory]


def test_stalls_are_shares_of_the_time(scene: Scene) -> None:
    scene.record(20)
    for _ in range(20):
        assert scene.stalled_us is not None
        scene.stalled_us += 500_000
        scene.record(1)
    stall = facts(scene).stall
    assert stall is not None
    assert stall.total_ms == 10_000
    assert stall.cells[3] == 0
    assert stall.highest == pytest.approx(0.5, abs=0.1)


def test_a_kernel_without_psi_has_unknown_stalls(scene: Scene) -> None:
    scene.stalled_us = None
    scene.record(20)
    assert facts(scene).stall is None


def test_a_gap_is_a_hole_in_the_curve_and_no_line_through_it(scene: Scene) -> None:
    scene.run(200, b"busy", lambda t: 900 + t % 7)
    rng = random.Random(1)
    for _ in range(40):
        scene.event("mark", text=rng.randbytes(900))
        scene.record(20)
    scene.flush()
    image = bytearray(scene.path.read_bytes())
    used = max(block for block in range(scene.slots) if image[block * BLOCK_SIZE :].startswith(b"lastgasp"))
    for block in range(used // 4, used // 2):
        image[block * BLOCK_SIZE : (block + 1) * BLOCK_SIZE] = bytes(BLOCK_SIZE)
    scene.path.write_bytes(image)
    found = gather(scene.load())
    assert found.losses.missing_blocks
    assert found.losses.holes[0].first.uptime_ms < found.losses.holes[0].last.uptime_ms
    assert None in found.memory[0].cells


# -- growth that is no process -------------------------------------------------------------------------


def test_files_in_tmpfs_that_grow_are_found(scene: Scene) -> None:
    scene.run(200, b"logd", 900)
    for n in range(200):
        scene.meminfo |= {"Shmem": 500 + 40 * n, "Cached": 15_000 + 40 * n}
        scene.record(1)
    (growth,) = facts(scene).kernel_growth
    assert growth.name == "shared memory and tmpfs files"
    assert growth.verdict.per_s == pytest.approx(40 * KB, rel=0.1)


def test_they_are_found_on_a_large_machine_too(scene: Scene) -> None:
    """33 MB in 45 s fill 24 GB in a night."""
    scene.meminfo["MemTotal"] = 24 << 20
    scene.run(200, b"logd", 900)
    for n in range(90):
        scene.meminfo |= {"Shmem": 24_000 + 370 * n, "Cached": 3_000_000 + 370 * n}
        scene.record(1)
    (growth,) = facts(scene).kernel_growth
    assert growth.name == "shared memory and tmpfs files"


def test_a_slab_leak_names_its_caches(scene: Scene) -> None:
    for n in range(200):
        scene.meminfo["SUnreclaim"] = 4_000 + 40 * n
        scene.encoder.begin(scene.now_ms, 3)
        scene.rows.put(scene.tables["slabinfo"], b"kmalloc-64", (1, 1, 64, 100 + 10 * n, 1))
        scene.rows.put(scene.tables["slabinfo"], b"dentry", (1, 1, 192, 500, 1))
        scene.encoder.end()
        scene.record(1)
    (growth,) = facts(scene).kernel_growth
    assert growth.name == "unreclaimable slab"
    assert [cache for cache, _ in growth.caches] == [b"kmalloc-64"]


def test_memory_that_nobody_accounts_for_is_found(scene: Scene) -> None:
    """How drivers leak."""
    for _ in range(200):
        scene.unaccounted_kb += 50
        scene.record(1)
    (growth,) = facts(scene).kernel_growth
    assert growth.name == "memory that nobody accounts for"
    assert growth.from_bytes == 6_050 * KB


def test_a_machine_at_rest_leaks_nothing(scene: Scene) -> None:
    scene.run(200, b"logd", 900)
    scene.record(300)
    assert facts(scene).kernel_growth == []


# -- when ----------------------------------------------------------------------------------------------


def test_a_clock_that_was_set_late_is_right_for_the_time_before(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring").boot(wall=None)
    scene.record(60)
    scene.set_clock("2026-11-23 15:00:00")
    scene.record(60)
    found = facts(scene)
    assert found.span.first.wall_ns == utc("2026-11-23 14:59:00")
    (step,) = found.clock_steps
    assert step.at.uptime_ms == 70_000
    assert step.to_ns == utc("2026-11-23 15:00:00")


def test_a_clock_that_was_never_set_gives_no_wall_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring").boot(wall=None)
    scene.record(60)
    assert facts(scene).span.first.wall_ns is None


def test_boots_follow_one_another_with_the_time_between_them(scene: Scene) -> None:
    scene.record(60).flush()
    scene.boot(2, wall="2026-11-23 15:00:00").record(60)
    first, second = facts(scene).boots
    assert first.off_ms is None
    assert second.off_ms == pytest.approx(59 * 60_000, abs=2_000)
    assert (first.samples, second.samples) == (60, 60)


def test_how_long_a_machine_was_off_is_unknown_where_its_clock_went_back(scene: Scene) -> None:
    scene.record(60).flush()
    scene.boot(2, wall="2026-11-22 15:00:00").record(60)
    assert facts(scene).boots[1].off_ms is None


def test_the_usual_interval_is_that_without_pressure(scene: Scene) -> None:
    scene.interval_s = 5
    scene.record(300)
    scene.interval_s, scene.pressure = 1, True
    scene.record(100)
    found = facts(scene)
    assert found.span.interval_ms == 5_000
    assert found.boots[0].pressure_ms == pytest.approx(99_000, abs=1_000)


# -- runs ----------------------------------------------------------------------------------------------


def test_a_stop_that_was_written_is_a_clean_end(scene: Scene) -> None:
    scene.record(20).stop()
    (run,) = facts(scene).runs
    assert (run.began, run.end) == (True, End.STOPPED)


def test_a_run_without_a_stop_before_another_ended_uncleanly(scene: Scene) -> None:
    scene.record(20).flush()
    scene.start(note=b"ring was found")
    scene.record(20).stop()
    first, second = facts(scene).runs
    assert (first.end, second.end) == (End.UNCLEAN, End.STOPPED)
    assert second.notes == [b"ring was found"]


def test_one_close_pair_of_samples_is_not_the_usual_interval(scene: Scene) -> None:
    """The first sample but one may come early, and from then on there may be pressure."""
    scene.interval_s = 0.1
    scene.record(0.1)
    scene.pressure, scene.interval_s = True, 1
    scene.record(30)
    assert facts(scene).span.interval_ms == 1_000


def test_a_boot_without_a_stop_before_another_ended_uncleanly(scene: Scene) -> None:
    scene.record(20).flush()
    scene.boot(2, wall="2026-11-23 15:00:00").record(20).stop()
    assert [run.end for run in facts(scene).runs] == [End.UNCLEAN, End.STOPPED]


def test_where_the_recording_ends_without_a_stop_the_end_is_open(scene: Scene) -> None:
    scene.record(20)
    (run,) = facts(scene).runs
    assert run.end is End.OPEN


def test_marks_alerts_and_configuration_come_in_order(scene: Scene) -> None:
    scene.event("mark", text="one")
    scene.event("alert", name="available", text="little left")
    scene.event("config", error="line 3")
    scene.event("alert.end", name="available", text="enough again")
    scene.record(5)
    found = [(happening.kind, happening.text) for happening in facts(scene).happenings]
    assert found == [
        ("mark", b"one"),
        ("alert", b"little left"),
        ("config", b"line 3"),
        ("alert.end", b"enough again"),
    ]


# -- groups --------------------------------------------------------------------------------------------


def test_a_group_at_its_limit_is_near_it(scene: Scene) -> None:
    scene.groups = {
        b"/app": (7 * MB, 8 * MB, None, 2, 0),
        b"/calm": (MB, 8 * MB, None, 0, 0),
        b"/free": (MB, None, None, 0, 0),
    }
    scene.record(5)
    scene.groups[b"/app"] = (8 * MB - 4096, 8 * MB, None, 33, 1)
    scene.record(5)
    app, calm = facts(scene).groups
    assert (app.path, app.near, app.limit_hits, app.oom_kills) == (b"/app", True, 31, 1)
    assert (calm.path, calm.near) == (b"/calm", False)


def test_counts_that_a_kernel_does_not_give_are_unknown(scene: Scene) -> None:
    scene.groups = {b"/app": (7 * MB, 8 * MB, None, None, None)}
    scene.record(5)
    (app,) = facts(scene).groups
    assert (app.limit_hits, app.oom_kills) == (None, None)


# -- losses and costs ----------------------------------------------------------------------------------


def test_counters_of_the_agent_are_unknown_where_it_wrote_none(scene: Scene) -> None:
    scene.record(5)
    assert facts(scene).losses.missed_ticks is None


def test_counters_of_the_agent_are_told(scene: Scene) -> None:
    scene.own = {"missed_ticks": 3}
    scene.record(5)
    found = facts(scene).losses
    assert (found.missed_ticks, found.write_errors) == (3, 0)


def test_bytes_a_day_are_unknown_in_the_first_minutes(scene: Scene) -> None:
    scene.record(60)
    cost = facts(scene).cost
    assert cost.bytes_per_day is None
    assert cost.written_bytes == BLOCK_SIZE


def test_bytes_a_day_come_from_every_write_early_ones_too(scene: Scene) -> None:
    scene.interval_s = 5
    for _ in range(12):
        scene.record(100)
        scene.flush()
    cost = facts(scene).cost
    assert cost.writes == 12
    assert cost.bytes_per_day == pytest.approx(12 * BLOCK_SIZE * 86_400 / 1195, rel=0.01)


def test_the_agent_is_found_by_its_command_line_and_its_cpu_time_added_up(scene: Scene) -> None:
    agent = scene.run(50, b"python3", 2_000, command_line=b"/usr/bin/python3 /usr/bin/lastgasp-agent run")
    for _ in range(100):
        agent.cpu_ticks += 2
        scene.record(1)
    cost = facts(scene).cost
    assert (cost.agents, cost.anon_bytes) == (1, 2_000 * KB)
    assert cost.cpu_share == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(
    ("name", "command_line", "agents"),
    [
        (b"lastgasp-agent", b"", 1),
        (b"lastgasp-agent", b"/usr/bin/python3 -I -S -E /usr/bin/lastgasp-agent run --config /etc/lastgasp.conf", 1),
        (b"python3", b"python3 -I -S -E /opt/lastgasp-agent --config /etc/lastgasp.conf run", 1),
        (b"lastgasp-agent", b"/usr/bin/lastgasp-agent --config /etc/lastgasp.conf run", 1),
        (b"lastgasp-agent", b"/usr/bin/python3 /usr/lib/lastgasp/start.pyc run", 1),
        (b"lastgasp", b"/usr/bin/python3 /usr/bin/lastgasp record --for 60s", 1),
        (b"lastgasp", b"/usr/bin/python3 /usr/bin/lastgasp report ring.lgr", 0),
        (b"lastgasp-agent", b"/usr/bin/python3 /usr/bin/lastgasp-agent status", 0),
        (b"python3", b"python3 scripts/lastgasp report run", 0),
        (b"vi", b"vi /usr/bin/lastgasp-agent", 0),
        (b"sh", b"sh -c lastgasp record", 0),
    ],
)
def test_only_who_records_is_the_agent(scene: Scene, name: bytes, command_line: bytes, agents: int) -> None:
    """Reading a recording takes twenty times the memory of making it."""
    scene.run(50, name, 2_000, command_line=command_line)
    scene.record(5)
    assert facts(scene).cost.agents == agents


def test_of_several_agents_only_the_one_that_made_the_recording_counts(scene: Scene) -> None:
    scene.event("machine", pid="51")
    for pid, kb in ((50, 400), (51, 800), (52, 1200)):
        scene.run(pid, b"lastgasp-agent", kb)
    scene.record(5)
    cost = facts(scene).cost
    assert (cost.agents, cost.anon_bytes) == (1, 800 * KB)


def test_early_writes_cost_flash_but_no_history(scene: Scene) -> None:
    """They take turns in their slots: only full blocks push the oldest out."""
    scene.interval_s = 5
    for _ in range(12):
        scene.record(100)
        scene.flush()
    recording = scene.load()
    cost = gather(recording).cost
    assert cost.writes > 2 * recording.blocks
    assert cost.history_days == pytest.approx(scene.slots / recording.blocks * 1195 / 86_400, rel=0.01)


def test_without_the_agents_process_its_cost_is_unknown(scene: Scene) -> None:
    scene.record(5)
    cost = facts(scene).cost
    assert (cost.rss_bytes, cost.cpu_ms, cost.cpu_share) == (None, None, None)


def test_programs_are_counted_by_what_became_of_them(scene: Scene) -> None:
    scene.run(200, b"steady", 900)
    scene.run(201, b"leakd", lambda t: 500 + 50 * t)
    scene.record(55)
    scene.run(202, b"brief", 300)
    scene.record(5)
    programs = facts(scene).programs
    assert (programs.total, programs.changed, programs.steady, programs.too_short) == (3, 1, 1, 1)
    assert facts(scene).growth[0].worst.verdict.shape is Shape.LEAK


def test_a_boot_that_ends_before_its_first_sample_is_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "ring").boot()
    scene.run(100, b"init", 300)
    scene.record(60)
    scene.flush()
    scene.boot(2, wall="2026-11-23 15:00:00")
    scene.run(200, b"app", 9000)
    scene.end(200, 0)
    facts = gather(scene.flush().load())
    assert [boot.samples for boot in facts.boots] == [60, 0]
