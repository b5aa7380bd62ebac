"""What growth follows: worlds whose truth is known, and how often the answer is that truth."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lastgasp.analysis.anonymous import anonymous
from lastgasp.analysis.shape.verdict import Confidence
from lastgasp.analysis.workload.counters import Work
from lastgasp.analysis.workload.drivers import Drivers, Workload
from lastgasp.ring.payload import Series
from lastgasp.timeline.load import load
from lastgasp.timeline.model import Boot, Gap
from scene import Scene

RECORDINGS = Path(__file__).parents[2] / "recordings"
PAGE, TOP_PAD = 4096, 135_168
Activity = Callable[[int], float]  # packets in a second


def constant(chance: random.Random) -> Activity:
    rate = chance.uniform(5, 200)
    return lambda second: rate


def bursts(chance: random.Random) -> Activity:
    rate, share = chance.uniform(20, 400), chance.uniform(0.02, 0.2)
    return lambda second: rate * chance.uniform(1, 5) if chance.random() < share else 0.5


def day(chance: random.Random) -> Activity:
    """A slow swing, as load has over a day: every counter of the machine swings with it."""
    rate, period = chance.uniform(20, 200), chance.uniform(1000, 4000)
    return lambda second: rate * (1 + 0.8 * (second % period > period / 2)) * chance.uniform(0.7, 1.3)


def wandering(chance: random.Random) -> Activity:
    level = [chance.uniform(20, 200)]

    def rate(second: int) -> float:
        level[0] = min(max(level[0] * chance.uniform(0.9, 1.11), 1), 2000)
        return level[0]

    return rate


VARYING = (bursts, wandering)


class World:
    """An hour or so of a machine, sampled; one process that leaks by a rule."""

    def __init__(self, seed: int, kinds: tuple[Callable[[random.Random], Activity], ...], grain: int) -> None:
        self.chance = random.Random(seed)
        self.interval = self.chance.choice([1, 2, 5])
        self.seconds = self.chance.choice([900, 1800, 3600])
        self.grain = grain
        self.activity = {name: self.chance.choice(kinds)(self.chance) for name in ("packets", "starts", "disk")}

    def tell(self, leak: Callable[[dict[str, int], int], float]) -> Drivers:
        """``leak``: bytes lost so far, by the work done and the seconds passed."""
        boot, chance = Boot(b"1" * 16), self.chance
        net = Series((b"rx_bytes", b"rx_packets", b"rx_dropped", b"tx_bytes", b"tx_packets"))
        stat = Series((b"user", b"nice", b"system", b"irq", b"softirq", b"ctxt", b"processes"))
        disk = Series((b"reads", b"sectors_read", b"writes", b"sectors_written", b"busy_ms"))
        done = {"packets": 0, "bytes": 0, "sent": 0, "starts": 0, "disk": 0, "sectors": 0, "cpu": 0, "ctxt": 0}
        times: list[int] = []
        values: list[int] = []
        for second in range(self.seconds):
            now = {name: int(rate(second) + chance.random()) for name, rate in self.activity.items()}
            now["starts"] //= 20
            done["packets"] += now["packets"]
            done["bytes"] += sum(chance.choice([60, 60, 1500]) for _ in range(min(now["packets"], 40)))
            done["bytes"] += 540 * max(now["packets"] - 40, 0)
            done["sent"] += int(now["packets"] * chance.uniform(0.3, 0.6))
            done["starts"] += now["starts"]
            done["disk"] += now["disk"]
            done["sectors"] += now["disk"] * chance.randint(2, 30)
            done["cpu"] += int(now["packets"] * 0.1 + now["starts"] * 3 + now["disk"] * 0.05 + chance.uniform(0, 10))
            done["ctxt"] += now["packets"] * 2 + now["starts"] * 20 + now["disk"] * 3 + chance.randint(0, 300)
            if second % self.interval:
                continue
            at = 10_000 + second * 1000
            boot.sample_at.append(at)
            boot.sample_flags.append(3)
            net.append(at, [done["bytes"], done["packets"], 0, 0, done["sent"]])
            stat.append(at, [done["cpu"], 0, 0, 0, 0, done["ctxt"], done["starts"]])
            disk.append(at, [0, 0, done["disk"], done["sectors"], 0])
            size = 2_000_000 + int(leak(done, second)) // self.grain * self.grain
            if not values or values[-1] != size:
                times.append(at)
                values.append(size)
        boot.tables = {
            b"net_dev": {b"eth0": [net]},
            b"stat": {b"": [stat]},
            b"diskstats": {b"mmcblk0": [disk]},
        }
        boot.first_ms, boot.last_ms = boot.sample_at[0], boot.sample_at[-1]
        return Workload(boot).drivers(times, values, boot.first_ms, boot.last_ms)


def of_work(bytes_: int, name: str, done: dict[str, int], _: int) -> float:
    return bytes_ * done[name]


def of_time(bytes_per_s: int, _: dict[str, int], second: int) -> float:
    return bytes_per_s * second


def of(found: Drivers) -> Work | None:
    return found.driver.work if found.driver is not None else None


def test_a_leak_of_so_many_bytes_a_packet_is_told_so(record_property: Callable[[str, object], None]) -> None:
    named: Counter[Work | None] = Counter()
    off = []
    for seed in range(40):
        world = World(seed, VARYING, PAGE if seed % 2 else TOP_PAD)
        per_packet = world.chance.choice([64, 412, 3_000])
        found = world.tell(partial(of_work, per_packet, "packets"))
        named[of(found)] += 1
        if found.driver is not None and of(found) is Work.PACKETS_IN:
            off.append(abs(found.driver.bytes_per_unit / per_packet - 1))
        print(f"seed {seed}: {per_packet} bytes: {found.driver}")
    record_property("counted: leaks per packet", 40)
    record_property("counted: of these told as such", named[Work.PACKETS_IN])
    assert named[Work.PACKETS_IN] >= 30
    assert set(named) <= {Work.PACKETS_IN, Work.PACKETS_OUT, None}, named
    assert sorted(off)[len(off) // 2] < 0.02
    assert max(off) < 0.15


@pytest.mark.parametrize("name, work", [("starts", Work.STARTS), ("disk", Work.WRITES)])
def test_other_work_is_told_as_such(name: str, work: Work) -> None:
    named: Counter[Work | None] = Counter()
    for seed in range(16):
        found = World(seed, VARYING, PAGE).tell(lambda done, _: 5_000 * done[name])
        named[of(found)] += 1
        print(f"seed {seed}: {found.driver}")
    assert named[work] >= 12
    assert set(named) <= {work, None}, named


def test_a_leak_with_time_follows_no_work() -> None:
    """Whatever the work does; also where all of it swings slowly together."""
    claimed = []
    for seed in range(40):
        world = World(seed, (constant, bursts, day, wandering), PAGE if seed % 2 else TOP_PAD)
        rate = world.chance.choice([500, 5_000, 40_000])
        found = world.tell(partial(of_time, rate))
        if found.driver is not None:
            claimed.append((seed, found.driver))
    assert not claimed


def test_growth_by_chance_follows_no_work() -> None:
    claimed = []
    for seed in range(40):
        world = World(seed, (bursts, day, wandering), PAGE)
        lost = [0.0]

        def leak(_: object, __: int, world: World = world, lost: list[float] = lost) -> float:
            lost[0] += world.chance.expovariate(1 / 3000) * (world.chance.random() < 0.3)
            return lost[0]

        found = world.tell(leak)
        if found.driver is not None:
            claimed.append((seed, found.driver))
    assert len(claimed) <= 1, claimed


def test_work_that_is_as_steady_as_time_is_no_driver() -> None:
    for seed in range(10):
        found = World(seed, (constant,), PAGE).tell(lambda done, _: 412 * done["packets"])
        assert found.driver is None or found.driver.confidence is not Confidence.HIGH


def test_growth_besides_the_work_is_told_apart() -> None:
    world = World(3, (bursts,), PAGE)
    found = world.tell(lambda done, second: 1_000 * done["packets"] + 20_000 * second)
    assert found.driver is not None
    assert found.driver.bytes_per_unit == pytest.approx(1_000, rel=0.05)
    assert found.driver.besides_per_s == pytest.approx(20_000, rel=0.15)


def test_too_few_changes_tell_nothing() -> None:
    world = World(3, (bursts,), TOP_PAD)
    found = world.tell(lambda done, _: done["packets"] / 10)
    assert (found.driver, found.enough) == (None, False)


# -- through the real encoder ------------------------------------------------------------------------------


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "ring", slots=256).boot()


def served(scene: Scene, seconds: int = 600, per_packet: int = 412) -> bytes:
    """A server that loses memory with each packet; packets come in bursts."""
    chance = random.Random(7)
    packets = 0
    program = scene.run(200, b"served", lambda _: 2_000 + packets * per_packet / 1024)
    for _ in range(seconds):
        packets += chance.randint(200, 400) if chance.random() < 0.1 else chance.randint(0, 5)
        scene.interfaces[b"eth0"] = (
            packets * 300 + chance.randint(0, 9999),
            packets,
            0,
            packets * 200,
            packets * 2 // 3,
        )
        scene.interfaces[b"lo"] = (scene.now_ms, scene.now_ms // 100, 0, scene.now_ms, scene.now_ms // 100)
        scene.record(1)
    return program.key


def told(scene: Scene, key: bytes) -> Drivers:
    boot = scene.flush().load().boots[0]
    times, sizes, end = anonymous(boot, key, 4096)
    return Workload(boot).drivers(times, sizes, times[0], end, key)


def test_a_recorded_server_loses_412_bytes_a_packet(scene: Scene) -> None:
    found = told(scene, served(scene)).driver
    assert found is not None
    assert (found.work, found.of) == (Work.PACKETS_IN, b"eth0")
    assert found.bytes_per_unit == pytest.approx(412, rel=0.02)
    assert found.r2 > 0.95
    assert found.confidence is Confidence.HIGH
    assert [rival.work for rival in found.rivals][:1] == [Work.PACKETS_OUT]


def test_windows_with_a_gap_are_left_out(scene: Scene) -> None:
    key = served(scene)
    boot = scene.flush().load().boots[0]
    boot.gaps.append(Gap(boot.first_ms + 100_000, boot.first_ms + 200_000, 3))
    times, sizes, end = anonymous(boot, key, 4096)
    found = Workload(boot).drivers(times, sizes, times[0], end, key).driver
    assert found is not None
    assert found.bytes_per_unit == pytest.approx(412, rel=0.03)
    assert found.windows < 55


def test_growth_in_the_time_of_one_mark_is_told_so(scene: Scene) -> None:
    grown = [1_000.0]
    program = scene.run(200, b"leakd", lambda _: grown[0])
    for test in (6, 7, 8, 7, 9, 7):
        scene.event("mark", text=f"test {test} begins")
        for _ in range(60):
            grown[0] += 12 if test == 7 else 0.01
            scene.record(1)
        scene.event("mark", text=f"test {test} ends")
        scene.record(20)
    during = told(scene, program.key).during
    assert during is not None
    assert (during.text, during.times) == (b"test 7", 3)
    assert during.growth_share > 0.97
    assert 0.3 < during.time_share < 0.45
    assert during.bytes_per_time == pytest.approx(60 * 12 * 1024, rel=0.1)


def test_growth_that_goes_on_after_the_mark_is_not_the_marks(scene: Scene) -> None:
    program = scene.run(200, b"leakd", lambda t: 1_000 + 10 * t)
    for test in range(6):
        scene.event("mark", text=f"test {test}")
        scene.record(40)
    assert told(scene, program.key).during is None


def test_a_single_mark_for_all_of_the_time_says_nothing(scene: Scene) -> None:
    scene.event("mark", text="soak test")
    program = scene.run(200, b"leakd", lambda t: 1_000 + 10 * t)
    scene.record(120)
    assert told(scene, program.key).during is None


def test_real_recordings_of_leaks_with_time_have_no_driver() -> None:
    for path in sorted(RECORDINGS.glob("*.ring.gz")):
        (recording,) = load(str(path))
        boot = recording.boots[0]
        workload = Workload(boot)
        for key in boot.processes:
            times, sizes, end = anonymous(boot, key, boot.page_size)
            if times:
                assert workload.drivers(times, sizes, times[0], end, key).driver is None
