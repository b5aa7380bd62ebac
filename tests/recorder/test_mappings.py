"""Tier 3: whose mappings are read, how often, and what is kept of them."""

from __future__ import annotations

import itertools
import time

import pytest
from fake_proc import PAGE_SIZE, FakeProc
from taped import Taped

from lastgasp.recorder.mappings import OTHERS, ROWS, Mappings
from lastgasp.recorder.processes import Processes


class Watch:
    """Processes and mappings over a fake /proc."""

    def __init__(self, fake: FakeProc, taped: Taped, interval_s: int = 60) -> None:
        self.fake, self.taped = fake, taped
        self.processes = Processes(taped.encoder, 64, 0, lambda _: None, fake.root, PAGE_SIZE)
        self.mappings = Mappings(self.processes, interval_s, 20)

    def tick(self, now_ms: int) -> None:
        self.taped.encoder.begin(now_ms, 3)
        self.processes.scan(now_ms, self.fake.births, False)
        self.mappings.read_one(now_ms)
        self.taped.encoder.end()


def test_only_who_grows_is_read(fake: FakeProc, taped: Taped) -> None:
    for pid in (7, 8):
        fake.process(pid, rss=1000, shared=0)
        fake.smaps(pid, **{"[heap]": 4000})
    watch = Watch(fake, taped)
    watch.tick(1000)
    fake.process(7, rss=1500, shared=0)
    watch.tick(2000)
    boot = taped.boot()
    assert set(boot.rows("mappings")) == {b"7@1000"}
    assert boot.latest("mapping", b"7@1000 [heap]", "anonymous") == 4000


def test_who_grew_most_is_read_first_and_one_at_a_tick(fake: FakeProc, taped: Taped) -> None:
    for pid in (7, 8, 9):
        fake.process(pid, rss=1000, shared=0)
        fake.smaps(pid, **{"[heap]": 4000})
    watch = Watch(fake, taped)
    watch.tick(1000)
    for pid, rss in ((7, 1200), (8, 3000), (9, 1300)):
        fake.process(pid, rss=rss, shared=0)
    watch.tick(2000)
    assert set(taped.boot().rows("mappings")) == {b"8@1000"}


def test_a_process_is_read_again_only_after_the_interval_and_only_if_it_grew_further(
    fake: FakeProc, taped: Taped
) -> None:
    fake.process(7, rss=1000, shared=0)
    watch = Watch(fake, taped, interval_s=60)
    read_at = []
    watch.tick(1000)
    for second in range(2, 200):
        rss = 1000 + second * 40
        fake.process(7, rss=rss, shared=0)
        fake.smaps(7, **{"[heap]": rss * 4})
        before = len(taped.boot().points("mapping", b"7@1000 [heap]", "rss")[0])
        watch.tick(second * 1000)
        if len(taped.boot().points("mapping", b"7@1000 [heap]", "rss")[0]) > before:
            read_at.append(second)
    assert len(read_at) == 4
    assert all(b - a >= 60 for a, b in itertools.pairwise(read_at))


def test_a_sawtooth_is_read_at_its_new_heights_only(fake: FakeProc, taped: Taped) -> None:
    fake.process(7, rss=1000, shared=0)
    fake.smaps(7, **{"[heap]": 40_000})
    watch = Watch(fake, taped, interval_s=1)
    for second in range(1, 100):
        fake.process(7, rss=1000 + second % 10 * 1000, shared=0)
        watch.tick(second * 1000)
    # Read when it rose above its height at first sight, then at each new height, then never again.
    read_at = taped.boot().points("mappings", b"7@1000", "readings")[0]
    assert 1 <= len(read_at) <= 9 and read_at[-1] <= 10_000


def test_the_largest_mappings_are_kept_and_the_others_add_up(fake: FakeProc, taped: Taped) -> None:
    fake.process(7, rss=1000, shared=0)
    fake.smaps(7, **{f"/usr/lib/lib{n}.so": 100 + n for n in range(ROWS + 10)}, small=8)
    watch = Watch(fake, taped)
    watch.tick(1000)
    fake.process(7, rss=2000, shared=0)
    watch.tick(2000)
    boot = taped.boot()
    rows = {key.partition(b" ")[2]: boot.latest("mapping", key, "rss") for key in boot.rows("mapping")}
    assert len(rows) == ROWS + 1
    assert rows[b"/usr/lib/lib33.so"] == 133
    assert rows[OTHERS] == sum(range(100, 110)) + 8
    assert boot.latest("mappings", b"7@1000", "areas") == ROWS + 11
    assert boot.latest("mappings", b"7@1000", "complete") == 1


def test_a_mapping_that_shrinks_out_of_the_list_does_not_seem_to_last(fake: FakeProc, taped: Taped) -> None:
    fake.process(7, rss=1000, shared=0)
    fake.smaps(7, **{"[heap]": 9000, "/tmp/cache": 5000})
    watch = Watch(fake, taped, interval_s=1)
    watch.tick(1000)
    fake.process(7, rss=2000, shared=0)
    watch.tick(2000)
    fake.process(7, rss=9000, shared=0)
    fake.smaps(7, **{"[heap]": 36_000})
    watch.tick(9000)
    assert taped.boot().ended == {(b"mapping", b"7@1000 /tmp/cache"): [9000]}


def test_a_target_that_takes_long_is_left_alone_for_a_thousand_times_as_long(
    fake: FakeProc, taped: Taped, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0, 15_000_000)  # every look at the clock costs 15 ms: a slow smaps
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(clock))
    fake.process(7, rss=1000, shared=0)
    fake.smaps(7, **{f"m{n}": 400 for n in range(500)})
    watch = Watch(fake, taped, interval_s=10)
    watch.tick(1000)
    for second in range(2, 60):
        fake.process(7, rss=1000 + 100 * second, shared=0)
        watch.tick(second * 1000)
    boot = taped.boot()
    assert len(boot.points("mappings", b"7@1000", "readings")[0]) == 2
    assert boot.latest("mappings", b"7@1000", "complete") == 0, "the budget ran out"


def test_a_process_that_vanishes_while_it_is_read_does_no_harm(fake: FakeProc, taped: Taped) -> None:
    fake.process(7, rss=1000, shared=0)
    watch = Watch(fake, taped)
    watch.tick(1000)
    fake.process(7, rss=2000, shared=0)
    watch.tick(2000)  # no smaps there
    assert not taped.boot().rows("mapping")
