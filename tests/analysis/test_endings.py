"""Memory that ran out with no word from the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastgasp.analysis.endings import Refusal, Squeeze, refusals, squeezes
from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.runs import runs
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Recording
from scene import Scene
from stories import promises_run_out


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring").boot()


def squeezed(scene: Scene) -> list[Squeeze]:
    recording = scene.flush().load()
    return squeezes(recording, runs(recording), oom_events(recording))


def refused(scene: Scene) -> list[Refusal]:
    return refusals(scene.flush().load())


def restarted(scene: Scene, settings: dict[str, str]) -> Scene:
    return scene.start(b"", **settings)


def fills_up(scene: Scene, seconds: float) -> None:
    """Of 64 MB some 45 are free; sensord takes 400 kB of them a second, logger keeps what it has."""
    scene.run(200, b"sensord", lambda t: 900 + 400 * t)
    scene.meminfo["Cached"] = 2_000
    scene.run(201, b"logger", 4_000)
    scene.record(seconds)


def test_a_boot_that_ends_with_nothing_left_tells_who_took_it(scene: Scene) -> None:
    fills_up(scene, 105)
    (squeeze,) = squeezed(scene)
    assert squeeze.last_boot and squeeze.total_bytes == 65_536 << 10
    assert 0 < squeeze.available_bytes < 0.08 * squeeze.total_bytes
    (taker,) = squeeze.takers
    assert (taker.name, taker.pid, taker.grown) == (b"sensord", 200, 104 * 400 << 10)


def test_one_with_a_boot_behind_it_was_ended_by_no_copy(scene: Scene) -> None:
    fills_up(scene, 105)
    scene.flush()
    scene.boot(2, wall="2026-11-23 14:05:00").record(20)
    (squeeze,) = squeezed(scene)
    assert squeeze.at.boot == 1 and not squeeze.last_boot


def test_what_was_falling_too_fast_for_the_next_sample_is_one_too(scene: Scene) -> None:
    scene.run(200, b"sensord", lambda t: 900 + 6_400 * t)
    scene.record(6)
    assert squeezed(scene) == []  # it may go on
    scene.boot(2, wall="2026-11-23 14:05:00").record(2)
    (squeeze,) = squeezed(scene)
    assert squeeze.available_bytes > 0.15 * squeeze.total_bytes
    assert [taker.name for taker in squeeze.takers] == [b"sensord"]


def test_little_that_was_always_so_is_none(scene: Scene) -> None:
    scene.run(200, b"sensord", 45_000)
    scene.record(60)
    scene.boot(2, wall="2026-11-23 14:05:00").record(60)
    assert squeezed(scene) == []


def test_nor_are_two_samples_hours_apart(scene: Scene) -> None:
    scene.run(200, b"sensord", lambda t: 900 + 1.2 * t)
    scene.record(1)
    scene.at_s += 8 * 3600 - 1
    scene.sample()
    scene.boot(2, wall="2026-11-24 14:05:00").record(2)
    assert squeezed(scene) == []


def test_memory_of_no_process_is_named_too(scene: Scene) -> None:
    for n in range(100):
        scene.meminfo["Shmem"] = scene.meminfo["Cached"] = 500 + 470 * n
        scene.record(1)
    (squeeze,) = squeezed(scene)
    assert [(taker.name, taker.pid) for taker in squeeze.takers] == [(b"shared memory and tmpfs files", None)]


def test_a_stop_that_was_asked_for_is_no_squeeze(scene: Scene) -> None:
    fills_up(scene, 105)
    scene.stop()
    assert squeezed(scene) == []


def test_nor_is_one_that_the_kernel_has_explained(scene: Scene) -> None:
    fills_up(scene, 105)
    scene.oom_kill(201)
    scene.record(1)
    assert squeezed(scene) == []


def test_nor_one_with_memory_left_or_without_a_sample(scene: Scene, tmp_path: Path) -> None:
    fills_up(scene, 30)
    assert squeezed(scene) == []
    assert squeezed(Scene(tmp_path / "empty").boot()) == []


def test_a_promise_at_its_limit_is_a_refusal_with_the_memory_that_was_free(scene: Scene) -> None:
    promises_run_out(scene)
    (refusal,) = refused(scene)
    assert refusal.limit_bytes == 32_768 << 10
    assert refusal.committed_bytes == 32_700 << 10
    assert refusal.samples == 40 - 28
    assert refusal.available_bytes is not None and refusal.available_bytes > 20_000 << 10
    assert [taker.name for taker in refusal.takers] == [b"sensord"]


def test_who_took_the_promises_and_ended_by_it_is_named(scene: Scene) -> None:
    promises_run_out(scene)
    scene.end(200, 1)
    scene.meminfo["Committed_AS"] = 10_000
    scene.record(5)
    (refusal,) = refused(scene)
    assert [taker.name for taker in refusal.takers] == [b"sensord"]


def test_promises_that_were_always_near_the_limit_are_none(scene: Scene) -> None:
    scene.meminfo["Committed_AS"] = 32_100
    restarted(scene, {"vm.overcommit_memory": "2", "vm.overcommit_ratio": "50"}).record(60)
    assert refused(scene) == []


def test_where_the_kernel_promises_anything_nobody_is_refused(scene: Scene) -> None:
    scene.meminfo["Committed_AS"] = 90_000
    restarted(scene, {"vm.overcommit_memory": "0"}).record(20)
    assert refused(scene) == []


# -- on real kernels ---------------------------------------------------------------------------------------


def recorded(name: str) -> Recording:
    (recording,) = load(str(Path(__file__).parents[1] / "recordings" / "endings" / f"{name}.ring.gz"))
    return recording


def test_a_real_panic_leaves_the_leaker_in_the_last_sample() -> None:
    recording = recorded("arm64-6.1-panic")
    (squeeze,) = squeezes(recording, runs(recording), oom_events(recording))
    assert squeeze.at.boot == 1 and not squeeze.last_boot
    assert [taker.name for taker in squeeze.takers] == [b"leaker"]


def test_real_refusals_have_the_leaker_and_the_memory_that_was_free() -> None:
    (refusal,) = refusals(recorded("armhf-6.1-overcommit-2"))
    assert [taker.name for taker in refusal.takers] == [b"leaker"]
    assert refusal.available_bytes is not None and refusal.available_bytes > 20 << 20
