"""``lastgasp-agent tune``: shows what the rules are for, says what they would do, has them applied or put back.

Reads /proc itself; asks the running agent to apply and to put back, because it knows the old values and goes on.
"""

from __future__ import annotations

import posix
import sys
import time

from lastgasp.proc import files, pid_statm
from lastgasp.recorder import complain, tune
from lastgasp.recorder.ask import NoAgent, NotAllowed, ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config

PROC = b"/proc/"
CAP_SYS_RESOURCE = 24
SPARED = -500  # or less: is not chosen before it takes half of all memory, while there is anybody else
WATCH_S = 2.0
COMM_LIMIT = 15
EMPTY = "tune is empty in the configuration: no process is changed; lastgasp.conf says how to fill it"


class Found:
    """A process at one instant. ``rule`` is -1 where there is none for it, ``wanted`` then what it has."""

    __slots__ = ("adj", "anonymous_kb", "comm", "pid", "rss_kb", "rule", "start", "wanted")

    pid: int
    start: int
    comm: bytes
    rule: int
    adj: int
    wanted: int
    rss_kb: int
    anonymous_kb: int

    def line(self) -> str:
        """One line of a table."""
        change = f"{self.adj} -> {self.wanted}" if self.adj != self.wanted else f"{self.adj}"
        return f"  {self.pid:>7} {shown(self.comm):<15} {change:>13} {self.rss_kb:>9} kB"


def main(how: str, config: Config) -> int:
    """Run ``tune`` with one of its options; returns the exit status. Raises NoAgent."""
    if how == "--revert":
        return told(ask(config, "tune revert"))
    if not config.tune and how != "--show":
        return complain(EMPTY, 2)
    if how == "--apply":
        try:
            return told(ask(config, "tune apply"))
        except NotAllowed:
            raise
        except NoAgent:
            return apply_once(config)
    found = survey(config)
    sys.stdout.write("\n".join((show if how == "--show" else dry_run)(config, found)) + "\n")
    return 0


def told(answer: str) -> int:
    """Print what the agent says that it did."""
    first, _, rest = answer.partition("\n")
    if first not in ("ok", "refused"):
        return complain(first.removeprefix("error ") or "the agent gave no answer", 1)
    sys.stdout.write(rest)
    return 0 if first == "ok" else 1


def apply_once(config: Config) -> int:
    """Without an agent: once."""
    changes = []
    for pid, stat in tune.everyone(PROC):
        rule = tune.rule_of(config.tune, PROC, pid, stat)
        adj = tune.read(PROC, pid) if rule >= 0 else None
        if adj is not None and adj != config.tune[rule][1]:
            errno = tune.put(PROC, pid, stat.start_ticks, config.tune[rule][1])
            if errno not in tune.GONE:
                changes.append((tune.line(pid, stat.comm, adj, config.tune[rule][1], errno), errno))
    for line, _ in changes:
        sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()
    complain(
        "no agent is running: this was done once, nobody does it for processes that start later, and nobody but you"
        " knows the old values"
        if changes
        else "no process has to be changed; no agent is running, and nobody looks at those that start later",
        0,
    )
    return 1 if any(errno for _, errno in changes) else 0


def survey(config: Config) -> list[Found]:
    """All processes that have memory, but for those that are never touched and have no rule."""
    page_kb = posix.sysconf("SC_PAGESIZE") // 1024
    everyone = []
    for pid, stat in tune.everyone(PROC):
        adj = tune.read(PROC, pid)
        sizes = pid_statm.parse(files.read(PROC + b"%d/statm" % pid, 128) or b"")
        if adj is None or sizes is None or not sizes[1]:
            continue
        found = Found()
        found.pid, found.start, found.comm, found.adj = pid, stat.start_ticks, stat.comm, adj
        found.rule = tune.rule_of(config.tune, PROC, pid, stat)
        found.wanted = config.tune[found.rule][1] if found.rule >= 0 else adj
        found.rss_kb = sizes[1] * page_kb
        found.anonymous_kb = (sizes[1] - sizes[2]) * page_kb
        everyone.append(found)
    everyone.sort(key=lambda one: -one.rss_kb)
    return everyone


def show(config: Config, everyone: list[Found]) -> list[str]:
    """The rules, each with its processes."""
    if not config.tune:
        return [EMPTY]
    lines = ["      pid name            oom_score_adj         RSS"]
    for number, (pattern, adj) in enumerate(config.tune):
        mine = [one for one in everyone if one.rule == number]
        lines.append(f"{shown(pattern)} {adj}" + ("" if mine else ": no process"))
        lines += [one.line() for one in mine]
    return lines


def dry_run(config: Config, everyone: list[Found]) -> list[str]:
    """What would be changed, and the warnings."""
    changes = [one for one in everyone if one.adj != one.wanted]
    same = sum(one.rule >= 0 and one.adj == one.wanted for one in everyone)
    lines = [f"would change {count(len(changes))}; {same} more as wanted already"]
    if changes:
        lines += ["      pid name            oom_score_adj         RSS", *[one.line() for one in changes]]
    return lines + ["warning: " + warning for warning in warnings(config, everyone)]


def warnings(config: Config, everyone: list[Found]) -> list[str]:
    """What speaks against it."""
    found = []
    for number, (pattern, adj) in enumerate(config.tune):
        if not any(one.rule == number for one in everyone):
            text = f"{shown(pattern)} {adj} is for no process that runs now"
            if any(tune.choose((config.tune[number],), one.comm, None) == 0 for one in everyone if one.rule >= 0):
                text += " but those that an earlier rule is for"
            elif b"/" not in pattern and len(pattern.replace(b"*", b"")) > COMM_LIMIT:
                text += f": a name has {COMM_LIMIT} bytes at most, put * behind so many, or give the path"
            found.append(text)
    found += [
        f"{one.pid} {shown(one.comm)} would get -1000 and grows ({why}): if it leaks, all others are killed first"
        for one, why in growing(config, [one for one in everyone if one.rule >= 0 and one.wanted == -1000])
    ]
    spared = [one for one in everyone if one.wanted <= SPARED]
    spared_kb, total_kb = sum(one.rss_kb for one in spared), ram_kb()
    if total_kb and spared_kb * 2 > total_kb and any(one.rule >= 0 for one in spared):
        found.append(
            f"{count(len(spared))} with {SPARED} or less would hold {spared_kb} kB (RSS) of {total_kb} kB RAM, more"
            " than half: there may be nobody left whose death helps"
        )
    if any(one.wanted < one.adj for one in everyone) and not may_lower():
        found.append("lowering a value takes CAP_SYS_RESOURCE, which this command does not have: it may be refused")
    return found


def growing(config: Config, candidates: list[Found]) -> list[tuple[Found, str]]:
    """Those of ``candidates`` that the agent saw growing, or that grow while we watch. A slow leak shows in neither."""
    if not candidates:
        return []
    try:
        seen = ask(config, "tune grown").split()
    except NoAgent:
        seen = []
    time.sleep(WATCH_S)
    now = {(one.pid, one.start): one.anonymous_kb for one in survey(config)}
    found = []
    for one in candidates:
        more_kb = now.get((one.pid, one.start), 0) - one.anonymous_kb
        if seen[:1] == ["ok"] and str(one.pid) in seen[1:]:
            found.append((one, "the agent saw it in the last ten minutes"))
        elif more_kb > 0:
            found.append((one, f"by {more_kb} kB in {WATCH_S:g} s"))
    return found


def ram_kb() -> int:
    """MemTotal, or 0."""
    words = (files.read(PROC + b"meminfo", 4096) or b"").split(None, 2)
    return int(words[1]) if len(words) > 1 and words[0] == b"MemTotal:" and words[1].isdigit() else 0


def may_lower() -> bool:
    """Have we CAP_SYS_RESOURCE?"""
    _, _, rest = (files.read(PROC + b"self/status", 4096) or b"").partition(b"\nCapEff:")
    try:
        return bool(int(rest[:24].split()[0], 16) >> CAP_SYS_RESOURCE & 1)
    except (IndexError, ValueError):
        return True


def count(number: int) -> str:
    """A number of processes."""
    return "1 process" if number == 1 else f"{number} processes"


def shown(name: bytes) -> str:
    """A name that may hold anything."""
    return tune.printable(name).decode()
