"""Tier 2: who is followed, by which identity, and what is written of them."""

from __future__ import annotations

import errno
import posix

import pytest
from fake_proc import PAGE_SIZE, FakeProc
from taped import Taped

from lastgasp.recorder.processes import Processes


class Watch:
    """Processes over a fake /proc, scanned once a second."""

    def __init__(self, fake: FakeProc, taped: Taped, limit: int = 512) -> None:
        self.fake = fake
        self.taped = taped
        self.groups: list[bytes] = []
        self.processes = Processes(taped.encoder, limit, 64, self.groups.append, fake.root, PAGE_SIZE)
        self.now_ms = 1000

    def scan(self, pressure: bool = False, births: bool = True) -> None:
        self.taped.encoder.begin(self.now_ms, 3)
        self.processes.scan(self.now_ms, self.fake.births if births else None, pressure)
        self.taped.encoder.end()
        self.now_ms += 1000

    def detail(self, count: int) -> None:
        self.taped.encoder.begin(self.now_ms, 3)
        self.processes.detail_some(self.now_ms, count)
        self.taped.encoder.end()
        self.now_ms += 1000


def test_memory_and_cpu_of_a_process_are_followed(fake: FakeProc, taped: Taped) -> None:
    fake.process(7, rss=500, shared=100)
    watch = Watch(fake, taped)
    watch.scan()
    fake.process(7, rss=650, shared=120, cpu=9)
    watch.scan()
    boot = taped.boot()
    times, values = boot.points("process", b"7@1000", "rss")
    assert (list(times), list(values)) == ([1000, 2000], [500, 650])
    assert list(boot.points("process", b"7@1000", "shared")[1]) == [100, 120]
    assert boot.latest("process", b"7@1000", "cpu_ticks") == 9
    assert boot.processes[b"7@1000"].attributes["cmdline"] == b"/usr/bin/daemon --flag"


def test_a_quiet_process_costs_nothing_after_its_first_sample(fake: FakeProc, taped: Taped) -> None:
    for pid in range(10, 60):
        fake.process(pid)
    watch = Watch(fake, taped)
    watch.scan()
    before = len(taped.encoder.payload)
    watch.scan()
    assert len(taped.encoder.payload) - before <= 6


def test_a_pid_that_is_used_again_is_another_process(fake: FakeProc, taped: Taped) -> None:
    fake.process(7, b"first", start=1000)
    watch = Watch(fake, taped)
    watch.scan()
    fake.process(7, b"second", start=2000, rss=900)
    watch.scan()
    watch.scan()
    boot = taped.boot()
    assert {key: p.name for key, p in boot.processes.items()} == {b"7@1000": b"first", b"7@2000": b"second"}
    assert boot.processes[b"7@1000"].gone_ms == 2000
    assert boot.latest("process", b"7@2000", "rss") == 900


def test_names_may_hold_brackets_newlines_and_escapes(fake: FakeProc, taped: Taped) -> None:
    names = [b"a) R 1 (b", b"(((", b")", b"new\nline", b"\x1b[2J", b"<script>", b"", b" ", b"\xff\xfe"]
    for pid, name in enumerate(names, 10):
        fake.process(pid, name, rss=pid)
    watch = Watch(fake, taped)
    watch.scan()
    boot = taped.boot()
    assert [boot.processes[b"%d@1000" % pid].name for pid in range(10, 10 + len(names))] == names
    assert [boot.latest("process", b"%d@1000" % pid, "rss") for pid in range(10, 10 + len(names))] == list(
        range(10, 10 + len(names))
    )


def test_a_process_that_renames_itself_keeps_its_identity_and_gets_its_new_name(fake: FakeProc, taped: Taped) -> None:
    fake.process(7, b"before")
    watch = Watch(fake, taped)
    watch.scan()
    fake.process(7, b"after")
    watch.scan()
    assert taped.boot().processes[b"7@1000"].names == [b"before", b"after"]


def test_a_process_that_ends_is_marked_gone(fake: FakeProc, taped: Taped) -> None:
    fake.process(7)
    fake.process(8)
    watch = Watch(fake, taped)
    watch.scan()
    fake.end(7)
    watch.scan()
    boot = taped.boot()
    assert boot.processes[b"7@1000"].gone_ms == 2000
    assert boot.processes[b"8@1000"].gone_ms is None
    assert set(watch.processes.known) == {8}


def test_a_process_that_vanishes_between_two_reads_does_no_harm(fake: FakeProc, taped: Taped) -> None:
    fake.process(7)
    (fake.path / "proc/7/statm").unlink()
    (fake.path / "proc/7/status").unlink()
    (fake.path / "proc/8").mkdir()
    watch = Watch(fake, taped)
    watch.scan()
    watch.detail(5)
    boot = taped.boot()
    assert boot.latest("process", b"7@1000", "rss") == 500
    assert boot.latest("process", b"7@1000", "shared") is None


def test_who_lives_for_less_than_two_ticks_is_counted_not_written(fake: FakeProc, taped: Taped) -> None:
    fake.process(7)
    watch = Watch(fake, taped)
    watch.scan()
    for pid in range(100, 110):
        fake.process(pid)
    watch.scan()
    for pid in range(100, 110):
        fake.end(pid)
    watch.scan()
    assert watch.processes.brief == 10
    assert set(taped.boot().processes) == {b"7@1000"}


def test_who_is_still_there_at_the_next_tick_is_written(fake: FakeProc, taped: Taped) -> None:
    watch = Watch(fake, taped)
    watch.scan()
    fake.process(9)
    watch.scan()
    watch.scan()
    boot = taped.boot()
    assert list(boot.points("process", b"9@1000", "rss")[0]) == [3000]


def test_a_large_newcomer_and_newcomers_under_pressure_are_written_at_once(fake: FakeProc, taped: Taped) -> None:
    watch = Watch(fake, taped)
    watch.scan()
    watch.processes.large_pages = 4000
    fake.process(9, rss=5000)
    watch.scan()
    fake.process(10)
    watch.scan(pressure=True)
    boot = taped.boot()
    assert boot.points("process", b"9@1000", "rss")[0][0] == 2000
    assert boot.points("process", b"10@1000", "rss")[0][0] == 3000


def test_no_folder_is_listed_while_nobody_was_born(fake: FakeProc, taped: Taped) -> None:
    fake.process(7)
    watch = Watch(fake, taped)
    watch.scan()
    fake.process(8, born=False)
    watch.scan()
    assert set(watch.processes.known) == {7}
    fake.process(9)
    watch.scan()
    assert set(watch.processes.known) == {7, 8, 9}


def test_without_a_count_of_births_every_tick_looks_for_new_ones(fake: FakeProc, taped: Taped) -> None:
    watch = Watch(fake, taped)
    watch.scan(births=False)
    fake.process(8, born=False)
    watch.scan(births=False)
    assert set(watch.processes.known) == {8}


def test_the_number_followed_is_bounded_and_the_rest_is_counted(fake: FakeProc, taped: Taped) -> None:
    for pid in range(100, 140):
        fake.process(pid)
    watch = Watch(fake, taped, limit=30)
    watch.scan()
    assert len(watch.processes.known) == 30
    assert watch.processes.untracked == 10
    fake.end(next(iter(watch.processes.known)))
    watch.scan()
    assert (len(watch.processes.known), watch.processes.untracked) == (30, 9)


def test_beyond_the_limit_the_larger_ones_are_followed(fake: FakeProc, taped: Taped) -> None:
    for pid in range(100, 140):
        fake.process(pid, rss=int(200 * 1.3 ** (pid - 100)), shared=0)
    watch = Watch(fake, taped, limit=16)
    for _ in range(8):
        fake.births += 1
        watch.scan()
    assert set(watch.processes.known) == set(range(124, 140))
    given_up = [process for process in taped.boot().processes.values() if process.pid < 124]
    assert given_up and all(process.gone_ms is None for process in given_up), "given up is not ended"


def test_beyond_the_limit_those_of_about_the_same_size_do_not_take_turns(fake: FakeProc, taped: Taped) -> None:
    """Each turn would write both with all they are: more flash in an hour than a day may cost."""
    for pid in range(100, 200):
        fake.process(pid, rss=500 + pid % 7, shared=100)
    watch = Watch(fake, taped, limit=50)
    watch.scan()
    followed = set(watch.processes.known)
    for _ in range(5):
        fake.births += 1
        watch.scan()
    assert set(watch.processes.known) == followed


def test_who_grew_since_first_seen_is_not_given_up_for_a_smaller_one(fake: FakeProc, taped: Taped) -> None:
    for pid in range(100, 110):
        fake.process(pid, rss=500, shared=0)
    fake.process(100, rss=10, shared=0)
    watch = Watch(fake, taped, limit=10)
    watch.scan()
    fake.process(100, rss=100_000, shared=0)
    watch.scan()
    fake.process(200, rss=1000, shared=0)
    watch.scan()
    assert {100, 200} <= set(watch.processes.known)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES])
def test_a_process_that_cannot_be_read_for_a_moment_is_not_said_to_have_ended(
    number: int, fake: FakeProc, taped: Taped, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.process(7)
    fake.process(2, kernel=True)
    watch = Watch(fake, taped)
    watch.scan()

    def refuse(*_: object) -> int:
        raise OSError(number, "emulated")

    with monkeypatch.context() as emulated:
        emulated.setattr(posix, "open", refuse)
        watch.scan()
        watch.detail(5)
    watch.scan()
    assert [process.gone_ms for process in taped.boot().processes.values()] == [None, None]
    assert set(watch.processes.known) == {2, 7}


def test_counters_read_a_moment_apart_and_absurd_ones_do_no_harm(fake: FakeProc, taped: Taped) -> None:
    fake.process(7, rss=100, shared=300)
    fake.process(8, rss=1 << 45, shared=0)
    watch = Watch(fake, taped)
    watch.scan()
    fake.process(7, rss=101, shared=300)
    fake.process(8, rss=(1 << 45) - 1, shared=0)
    watch.scan()
    assert taped.boot().latest("process", b"8@1000", "rss") == (1 << 45) - 1


def test_dear_files_come_round_a_few_processes_at_a_time(fake: FakeProc, taped: Taped) -> None:
    for pid in range(100, 110):
        fake.process(pid)
    watch = Watch(fake, taped)
    watch.scan()
    watch.detail(4)
    assert len(taped.boot().rows("process.details")) == 4
    watch.detail(4)
    watch.detail(4)
    boot = taped.boot()
    assert len(boot.rows("process.details")) == 10
    assert boot.latest("process.details", b"100@1000", "VmHWM") == 2000
    assert boot.latest("process.details", b"100@1000", "oom_score") == 667
    assert boot.latest("process.details", b"100@1000", "oom_score_adj") == -17
    assert boot.latest("process.details", b"100@1000", "VmSwap") is None


def test_open_files_are_counted_by_kind(fake: FakeProc, taped: Taped) -> None:
    fake.process(7)
    targets = ["/var/log/x", "socket:[1]", "socket:[2]", "pipe:[3]", "anon_inode:[eventpoll]", "/dev/null", "/memfd:a"]
    for number, target in enumerate(targets):
        (fake.path / f"proc/7/fd/{number}").symlink_to(target)
    watch = Watch(fake, taped)
    watch.scan()
    watch.detail(1)
    boot = taped.boot()
    columns = ("fds", "fd_files", "fd_sockets", "fd_pipes", "fd_anon", "fd_shared", "fd_devices")
    assert [boot.latest("process.details", b"7@1000", c) for c in columns] == [7, 1, 2, 1, 1, 1, 1]


def test_kernel_threads_are_known_by_name_and_looked_at_slowly(fake: FakeProc, taped: Taped) -> None:
    fake.process(2, b"kworker/0:0H-events_highpri", kernel=True, rss=0)
    watch = Watch(fake, taped)
    watch.scan()
    fake.process(2, b"kworker/0:0H-events_highpri", kernel=True, rss=0, cpu=55)
    watch.scan()
    assert taped.boot().latest("process", b"2@1000", "cpu_ticks") == 0
    watch.detail(1)
    boot = taped.boot()
    assert boot.latest("process", b"2@1000", "cpu_ticks") == 55
    assert boot.processes[b"2@1000"].kernel
    assert not boot.rows("process.details")


def test_a_refresh_mentions_a_quiet_process_with_all_it_is(fake: FakeProc, taped: Taped) -> None:
    fake.process(7)
    watch = Watch(fake, taped)
    watch.scan()
    taped.encoder.reset()
    watch.processes.refresh_some(5)
    before = len(taped.encoder.payload)
    watch.scan()
    assert b"--flag" in taped.encoder.payload[before:]
    watch.detail(1)
    watch.processes.refresh_some(5)
    taped.encoder.reset()
    before = len(taped.encoder.payload)
    watch.detail(1)
    assert len(taped.encoder.payload) - before > 20, "the details are mentioned again"


def test_groups_of_processes_are_told(fake: FakeProc, taped: Taped) -> None:
    fake.process(7)
    (fake.path / "proc/7/cgroup").write_bytes(b"12:cpu:/\n4:memory:/app/one\n0::/\n")
    watch = Watch(fake, taped)
    watch.scan()
    assert watch.groups == [b"/app/one"]


def test_growth_is_told_from_the_first_sight_on(fake: FakeProc, taped: Taped) -> None:
    fake.process(7, rss=5000, shared=0)
    fake.process(8, rss=500, shared=0)
    watch = Watch(fake, taped)
    watch.scan()
    assert watch.processes.grown == []
    fake.process(7, rss=5060, shared=0)
    fake.process(8, rss=600, shared=0)
    watch.scan()
    assert watch.processes.grown == [(100, 8, 600)]
    fake.process(7, rss=5400, shared=0)
    watch.scan()
    assert watch.processes.grown == [(400, 7, 5400)]
