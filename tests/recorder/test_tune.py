"""Whose oom_score_adj is changed, when, and what is put back: over a fake /proc."""

from __future__ import annotations

import errno
import fnmatch
import posix
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clocked import Clocked, Machine
from fake_proc import FakeProc

from lastgasp.analysis.runs import happenings
from lastgasp.recorder import once, requests, tune
from lastgasp.recorder.config import Config
from lastgasp.timeline.load import load

Rules = tuple[tuple[bytes, int], ...]
SENSORD: Rules = ((b"sensord", -900),)


def adj(fake: FakeProc, pid: int) -> int:
    return int((fake.path / f"proc/{pid}/oom_score_adj").read_bytes())


def set_adj(fake: FakeProc, pid: int, value: int) -> None:
    (fake.path / f"proc/{pid}/oom_score_adj").write_bytes(b"%d\n" % value)


def parent(fake: FakeProc, pid: int, ppid: int) -> None:
    path = fake.path / f"proc/{pid}/stat"
    path.write_bytes(path.read_bytes().replace(b") S 1 ", b") S %d " % ppid))


def tuned(machine: Machine, rules: Rules = SENSORD, **settings: object) -> Clocked:
    """An agent as ``main.run`` starts it."""
    clocked = machine(tune=rules, **settings)
    made = requests.tuner(clocked.agent)
    if made is not None:
        made.on(rules)
    return clocked


def events(clocked: Clocked) -> list[dict[str, bytes]]:
    return [event.values for event in clocked.boot().events if event.kind == "tune"]


def ask(clocked: Clocked, what: bytes) -> list[str]:
    return clocked.agent._answer(b"tune " + what).decode().splitlines()


# -- patterns ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        (b"sensord", b"sensord", True),
        (b"sensord", b"sensord2", False),
        (b"sensord", b"sensor", False),
        (b"sensor*", b"sensor", True),
        (b"*d", b"dddd", True),
        (b"s?nsord", b"sensord", True),
        (b"s?nsord", b"snsord", False),
        (b"?", b"", False),
        (b"*", b"", True),
        (b"/usr/*/httpd", b"/usr/a/b/httpd", True),
        (b"[a]", b"a", False),
        (b"a\xff*", b"a\xff\n", True),
    ],
)
def test_patterns(pattern: bytes, name: bytes, expected: bool) -> None:
    assert tune.matches(pattern, name) is expected


def test_patterns_mean_what_they_mean_to_a_shell() -> None:
    rng = random.Random(1)
    for _ in range(20_000):
        pattern = bytes(rng.choices(b"ab*?", k=rng.randrange(8)))
        name = bytes(rng.choices(b"ab", k=rng.randrange(10)))
        assert tune.matches(pattern, name) is fnmatch.fnmatchcase(name.decode(), pattern.decode()), (pattern, name)


def test_the_first_rule_that_matches_counts() -> None:
    rules = ((b"sens*", 1), (b"sensord", 2), (b"/bin/*", 3))
    assert tune.choose(rules, b"sensord", None) == 0
    assert tune.choose(rules, b"x", b"/bin/x") == 2
    assert tune.choose(rules, b"x", None) == -1


# -- what is applied, to whom --------------------------------------------------------------------------


def test_a_process_gets_its_value_when_it_is_first_written(machine: Machine) -> None:
    machine.fake.process(412, b"sensord", start=77)
    machine.fake.process(413, b"other")
    clocked = tuned(machine)
    clocked.run(10)
    assert adj(machine.fake, 412) == -900
    assert adj(machine.fake, 413) == -17
    assert events(clocked) == [
        {"key": b"412@77", "name": b"sensord", "old": b"-17", "new": b"-900", "rule": b"sensord"}
    ]
    machine.fake.process(500, b"sensord", start=9000)
    clocked.run(15)
    assert adj(machine.fake, 500) == -900
    assert len(events(clocked)) == 2


def test_who_tunes_nothing_has_nothing_of_it(machine: Machine) -> None:
    machine.fake.process(412, b"sensord")
    clocked = tuned(machine, ())
    clocked.run(10)
    requests.reload(clocked.agent)
    assert "identify" not in vars(clocked.agent.sampler.processes)
    assert not hasattr(clocked.agent, "tuner")
    assert adj(machine.fake, 412) == -17
    assert events(clocked) == []
    assert ask(clocked, b"apply") == ["error tune is empty"]
    assert ask(clocked, b"revert") == ["ok", "this agent has tuned no process"]
    assert ask(clocked, b"frobnicate") == ["error unknown request"]


def test_a_name_that_comes_with_exec_is_seen(machine: Machine) -> None:
    machine.fake.process(412, b"sh")
    clocked = tuned(machine)
    clocked.run(10)
    machine.fake.counters(412, b"sensord")
    clocked.run(5)
    assert adj(machine.fake, 412) == -900


def test_a_pattern_with_a_slash_is_for_the_program(machine: Machine) -> None:
    machine.fake.process(412, b"/usr/bin/httpd")  # anybody may be called so
    machine.fake.process(413, b"worker")
    machine.fake.process(414, b"worker")
    (machine.fake.path / "proc/413/exe").symlink_to("/usr/bin/httpd-2.4")
    (machine.fake.path / "proc/414/exe").symlink_to("/usr/bin/httpd (deleted)")
    clocked = tuned(machine, ((b"/usr/bin/httpd", 100), (b"/usr/bin/httpd-*", 300)))
    clocked.run(10)
    assert [adj(machine.fake, pid) for pid in (412, 413, 414)] == [-17, 300, 100]


def test_kernel_threads_zombies_pid_1_and_the_agent_are_never_touched(machine: Machine) -> None:
    fake = machine.fake
    fake.process(1, b"init")
    fake.process(2, b"kthreadd", kernel=True)
    fake.process(3, b"dead", state=b"Z")
    fake.process(posix.getpid(), b"lastgasp-agent")
    fake.process(4, b"child")
    parent(fake, 4, 2)
    clocked = tuned(machine, ((b"*", 500),))
    clocked.run(10)
    ask(clocked, b"apply")
    assert [adj(fake, pid) for pid in (1, 2, 3, posix.getpid(), 4)] == [-17, -17, -17, -17, 500]


def test_the_agent_knows_itself_by_its_number_in_that_proc(machine: Machine) -> None:
    (machine.fake.path / "proc/self").rename(machine.fake.path / "proc/was")
    (machine.fake.path / "proc/self").symlink_to("77")
    assert tune.own_pid(machine.fake.root + b"proc/") == 77


def test_hostile_names_are_matched_recorded_and_told_as_they_are(machine: Machine) -> None:
    name = b"a) S 1\n\x1b[31m\xff"
    machine.fake.process(412, name)
    clocked = tuned(machine, ((b"a)*\xff", 300),))
    clocked.run(10)
    assert [values["name"] for values in events(clocked)] == [name]
    assert ask(clocked, b"revert") == ["ok", "412 a) S 1??[31m?: oom_score_adj 300 -> -17"]


def test_who_has_the_value_already_is_no_event(machine: Machine) -> None:
    machine.fake.process(412, b"sensord")
    set_adj(machine.fake, 412, -900)
    clocked = tuned(machine)
    clocked.run(10)
    assert events(clocked) == []
    assert ask(clocked, b"revert") == ["ok", "no process has a value that this agent has set"]
    assert adj(machine.fake, 412) == -900


def test_a_value_that_somebody_else_sets_later_is_theirs_until_the_rules_are_applied_anew(machine: Machine) -> None:
    machine.fake.process(412, b"sensord")
    clocked = tuned(machine)
    clocked.run(10)
    set_adj(machine.fake, 412, 5)
    clocked.agent.sampler.processes.refresh_some(1)
    clocked.run(10)
    assert adj(machine.fake, 412) == 5
    assert ask(clocked, b"apply") == ["ok", "412 sensord: oom_score_adj 5 -> -900"]
    assert ask(clocked, b"apply") == ["ok", "no process has to be changed"]
    ask(clocked, b"revert")
    assert adj(machine.fake, 412) == 5


def test_sighup_takes_new_rules_and_none(machine: Machine) -> None:
    machine.fake.process(412, b"sensord")
    machine.fake.process(413, b"httpd")
    clocked = tuned(machine)
    clocked.run(10)
    clocked.reloaded = Config()
    clocked.reloaded.tune = ((b"sensord", -500), (b"httpd", 300))
    requests.reload(clocked.agent)
    assert [adj(machine.fake, pid) for pid in (412, 413)] == [-500, 300]
    clocked.reloaded = Config()
    requests.reload(clocked.agent)
    machine.fake.process(500, b"sensord")
    clocked.run(15)
    assert [adj(machine.fake, pid) for pid in (412, 413, 500)] == [-500, 300, -17], "left as they are"
    ask(clocked, b"revert")
    assert [adj(machine.fake, pid) for pid in (412, 413)] == [-17, -17], "to what was before all of it"


def test_sighup_can_turn_it_on(machine: Machine) -> None:
    machine.fake.process(412, b"sensord")
    clocked = tuned(machine, ())
    clocked.run(10)
    clocked.reloaded = Config()
    clocked.reloaded.tune = SENSORD
    requests.reload(clocked.agent)
    assert adj(machine.fake, 412) == -900


def test_apply_reads_the_rules_anew_and_nothing_else(machine: Machine) -> None:
    machine.fake.process(412, b"sensord")
    clocked = tuned(machine, ())
    clocked.reloaded = Config()
    clocked.reloaded.tune = SENSORD
    clocked.reloaded.interval = 77_000
    assert ask(clocked, b"apply") == ["ok", "412 sensord: oom_score_adj -17 -> -900"]
    assert clocked.agent.config.interval != 77_000


def test_a_mistake_in_the_configuration_is_the_answer_to_apply(machine: Machine) -> None:
    clocked = tuned(machine)

    def wrong() -> Config:
        raise ValueError("f:3: tune will not do")

    clocked.agent.reload = wrong
    assert ask(clocked, b"apply") == ["error f:3: tune will not do"]


# -- what is put back ----------------------------------------------------------------------------------


def test_revert_puts_back_what_lives_and_still_has_what_was_set_and_then_nobody_is_tuned(machine: Machine) -> None:
    fake = machine.fake
    for pid in (412, 413, 414, 415):
        fake.process(pid, b"sensord", start=pid)
        set_adj(fake, pid, pid)
    clocked = tuned(machine)
    clocked.run(10)
    set_adj(fake, 413, 1)  # somebody else's choice
    fake.end(414)
    fake.end(415)
    fake.process(415, b"sensord", start=9000)  # another one with its number
    set_adj(fake, 415, -900)
    assert ask(clocked, b"revert") == ["ok", "412 sensord: oom_score_adj -900 -> 412"]
    assert [adj(fake, pid) for pid in (412, 413, 415)] == [412, 1, -900]
    assert events(clocked)[-1] == {
        "key": b"412@412", "name": b"sensord", "old": b"-900", "new": b"412", "revert": b"1",
    }  # fmt: skip
    clocked.agent.sampler.processes.refresh_some(10)
    clocked.run(20)
    assert adj(fake, 412) == 412
    assert ask(clocked, b"revert") == ["ok", "no process has a value that this agent has set"]
    ask(clocked, b"apply")
    assert adj(fake, 412) == -900


def test_a_clean_stop_leaves_the_values(machine: Machine) -> None:
    machine.fake.process(412, b"sensord")
    clocked = tuned(machine)
    clocked.run(10)
    clocked.agent.stop()
    assert adj(machine.fake, 412) == -900


def test_what_children_inherited_is_put_back_too(machine: Machine) -> None:
    fake = machine.fake
    fake.process(412, b"sensord")
    clocked = tuned(machine, ((b"sensord", -900), (b"cgi", 500)))
    clocked.run(10)
    for pid, name in ((500, b"sh"), (501, b"sensord"), (502, b"cgi"), (503, b"free")):
        fake.process(pid, name, start=9000)
        parent(fake, pid, 412)
        set_adj(fake, pid, -900)
    set_adj(fake, 503, 3)
    clocked.run(15)
    assert [adj(fake, pid) for pid in (500, 501, 502, 503)] == [-900, -900, 500, 3]
    assert len(events(clocked)) == 2, "who inherits is not changed by us"
    ask(clocked, b"revert")
    assert [adj(fake, pid) for pid in (412, 500, 501, 502, 503)] == [-17, -17, -17, -17, 3]


def test_a_pid_used_anew_while_the_file_is_opened_is_not_written(machine: Machine) -> None:
    machine.fake.process(412, b"sensord", start=5)
    assert tune.put(machine.fake.root + b"proc/", 412, 4, -900) == errno.ESRCH
    assert tune.put(machine.fake.root + b"proc/", 99, 4, -900) == errno.ENOENT


# -- bounds --------------------------------------------------------------------------------------------


def test_what_could_not_be_put_back_is_not_changed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = machine.fake
    clocked = tuned(machine, ((b"daemon", 300),), processes=2000)
    limit = tune.LIMIT
    for pid in range(100, 100 + limit + 20):
        fake.process(pid)
    clocked.run(10)
    changed = [pid for pid in range(100, 100 + limit + 20) if adj(fake, pid) == 300]
    assert len(changed) == limit == len(clocked.agent.tuner.remembered)
    told = events(clocked)
    assert len(told) == limit + 1
    assert [values["error"] for values in told if "error" in values] == [b"28"], "told once"
    for pid in changed[:20]:
        fake.end(pid)
    assert ask(clocked, b"apply")[0] == "ok", "those that are gone are forgotten"
    assert sum(adj(fake, pid) == 300 for pid in range(100, 120 + limit) if pid not in changed[:20]) == limit


def test_processes_that_come_and_go_are_forgotten(machine: Machine) -> None:
    clocked = tuned(machine, ((b"daemon", 300),))
    for pid in range(1000, 1300):
        machine.fake.process(pid, start=pid)
        clocked.run(10)
        machine.fake.end(pid)
    assert len(events(clocked)) > 200
    assert len(clocked.agent.tuner.remembered) <= 32


def test_a_long_answer_is_cut(machine: Machine) -> None:
    for pid in range(100, 250):
        machine.fake.process(pid)
    clocked = tuned(machine, ((b"daemon", 300),))
    lines = ask(clocked, b"apply")
    assert (len(lines), lines[-1]) == (102, "and 50 more")


# -- refusals ------------------------------------------------------------------------------------------


class Refusing:
    """A kernel that refuses to write oom_score_adj."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errno = 0
        self.write = posix.write
        monkeypatch.setattr(posix, "write", self)

    def __call__(self, fd: int, data: bytes) -> int:
        if self.errno and posix.readlink(f"/proc/self/fd/{fd}").endswith("/oom_score_adj"):
            raise OSError(self.errno, "emulated")
        return self.write(fd, data)


def keeping(fake: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the fake files keep what is in them when they are opened, as the kernel's do."""
    plain = posix.open
    monkeypatch.setattr(posix, "open", lambda path, flags, *rest: plain(path, flags & ~posix.O_TRUNC, *rest))


def test_a_refusal_is_recorded_once_with_its_errno(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.fake.process(412, b"sensord", start=77)
    clocked = tuned(machine)
    refusing = Refusing(monkeypatch)
    keeping(machine.fake, monkeypatch)
    refusing.errno = errno.EACCES
    clocked.run(10)
    clocked.agent.sampler.processes.refresh_some(1)
    clocked.run(10)
    assert events(clocked) == [
        {
            "key": b"412@77", "name": b"sensord", "old": b"-17", "wanted": b"-900", "error": b"13",
            "rule": b"sensord",
        }
    ]  # fmt: skip
    assert ask(clocked, b"apply") == ["refused", "412 sensord: oom_score_adj -17 -> -900, refused (errno 13)"]
    refusing.errno = 0
    assert ask(clocked, b"apply") == ["ok", "412 sensord: oom_score_adj -17 -> -900"]


def test_a_revert_that_is_refused_is_recorded_and_can_be_tried_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.fake.process(412, b"sensord")
    clocked = tuned(machine, ((b"sensord", 300),))
    clocked.run(10)
    refusing = Refusing(monkeypatch)
    with monkeypatch.context() as kernel:
        keeping(machine.fake, kernel)
        refusing.errno = errno.EACCES
        assert ask(clocked, b"revert") == ["refused", "412 sensord: oom_score_adj 300 -> -17, refused (errno 13)"]
    assert events(clocked)[-1]["error"] == b"13"
    refusing.errno = 0
    assert ask(clocked, b"revert") == ["ok", "412 sensord: oom_score_adj 300 -> -17"]


def test_a_process_that_ends_under_our_hands_is_no_event(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.fake.process(412, b"sensord")
    clocked = tuned(machine)
    Refusing(monkeypatch).errno = errno.ESRCH
    keeping(machine.fake, monkeypatch)
    clocked.run(10)
    assert events(clocked) == []


CALLS = ("open", "read", "close", "scandir", "readlink", "write")


class Faults:
    """Makes one system call fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = self.fail_at = self.errno = 0
        for name in CALLS:
            monkeypatch.setattr(posix, name, self.wrap(name, getattr(posix, name)))

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.fail_at:
                if name == "close":
                    call(*arguments)
                raise OSError(self.errno, "emulated")
            return call(*arguments, **options)

        return counted


def test_any_one_system_call_may_fail(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    fake = machine.fake
    for pid in (412, 413):
        fake.process(pid, b"sensord")
    clocked = machine()
    proc = clocked.agent.sampler.processes.proc
    stats = {pid: tune.look(proc, pid) for pid in (412, 413)}
    faults = Faults(monkeypatch)

    def go() -> None:
        tuner = tune.Tuner(clocked.agent.sampler.processes)
        tuner.on(((b"/bin/*", 5), *SENSORD))
        faults.count = 0
        for pid, stat in stats.items():
            assert stat is not None
            tuner.judge(0, pid, stat, False)
        tuner.apply(0, ((b"/bin/*", 5), (b"sensord", 300)))
        tuner.revert(0)

    go()
    total = faults.count
    assert total > 30
    tried = 0
    for number in (errno.EIO, errno.EMFILE, errno.ENOMEM, errno.ESRCH, errno.EACCES, errno.EPERM, errno.EINVAL):
        for faults.fail_at in range(1, total + 1):
            faults.errno = number
            for pid in (412, 413):
                (fake.path / f"proc/{pid}/oom_score_adj").write_bytes(b"-17\n")
            go()
            tried += 1
    record_property("counted: system calls failed one at a time", tried)


def test_without_its_code_the_agent_goes_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    clocked = machine()
    clocked.reloaded = Config()
    clocked.reloaded.tune = SENSORD

    def broken(_: str) -> None:
        raise ImportError("tune: I/O error")

    monkeypatch.setattr(once, "load", broken)
    with pytest.raises(ImportError):  # which the agent's answer to SIGHUP expects
        requests.reload(clocked.agent)
    clocked.run(10)


def test_who_grew_lately_is_told(machine: Machine) -> None:
    fake = machine.fake
    fake.process(412, b"sensord", rss=1000, shared=0)
    fake.process(413, b"calm", rss=1000, shared=0)
    fake.process(3, b"kworker", kernel=True)
    clocked = machine()
    clocked.now_ms = clocked.agent.due_ms = 3_600_000
    clocked.run(10)
    assert "412" not in ask(clocked, b"grown")[0].split()
    fake.counters(412, b"sensord", rss=9000, shared=0)
    clocked.run(60)
    said = ask(clocked, b"grown")[0].split()
    assert said[0] == "ok"
    assert "412" in said
    assert "413" not in said
    clocked.run(1200)
    assert "412" not in ask(clocked, b"grown")[0].split()


# -- on the laptop -------------------------------------------------------------------------------------


def test_the_laptop_tells_each_change(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.fake.process(412, b"sensord")
    clocked = tuned(machine)
    clocked.run(10)
    with monkeypatch.context() as kernel:
        refusing = Refusing(kernel)
        keeping(machine.fake, kernel)
        refusing.errno = errno.EACCES
        ask(clocked, b"revert")
    ask(clocked, b"revert")
    clocked.agent.encoder.event(clocked.now_ms, b"tune", [])
    assert clocked.agent.flush()
    (recording,) = load(str(Path(clocked.config.ring_path)))
    assert [(told.kind, told.text) for told in happenings(recording)] == [
        ("tune", b"sensord (pid 412): oom_score_adj -17 to -900"),
        ("tune", b"sensord (pid 412): oom_score_adj -900 to -17, put back, refused (errno 13)"),
        ("tune", b"sensord (pid 412): oom_score_adj -900 to -17, put back"),
        ("tune", b"? (pid ?): oom_score_adj ? to ?"),
    ]
