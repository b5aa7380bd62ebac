"""Who is on a guest when memory runs out, as data; and what came of it, read from what inside/cast.c wrote."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bed.errors import BedError


@dataclass(frozen=True, slots=True)
class Actor:
    """One process. ``role``, ``a`` and ``b`` as inside/cast.c explains them; ``group`` is a Group's name."""

    name: bytes
    role: str
    a: int = 0
    b: int = 0
    adj: int = 0
    uid: int = 0
    group: str | None = None

    def line(self) -> str:
        """Its line of the file."""
        name = self.name.hex() or "-"
        return f"actor {name} {self.adj} {self.uid} {self.group or '-'} {self.role} {self.a} {self.b}"


@dataclass(frozen=True, slots=True)
class Group:
    """A memory control group; ``swap_kb`` None: as much as there is."""

    name: str
    limit_kb: int
    swap_kb: int | None = None

    def line(self) -> str:
        """Its line of the file."""
        return f"group {self.name} {self.limit_kb} {-1 if self.swap_kb is None else self.swap_kb}"


@dataclass(frozen=True, slots=True)
class Cast:
    """All of them. ``settings``: files of the kernel and their values while it is played. ``kills`` 0: wait only.

    A ``gated`` one waits for a file before anybody leaks; after the kills all are stopped until there is another.
    """

    actors: tuple[Actor, ...]
    groups: tuple[Group, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    kills: int = 1
    wait_s: int = 240  # only a host that is very busy needs so long
    gated: bool = False

    def hurried(self) -> Cast:
        """The same, leaking four times as fast: where no agent has to see it grow."""
        return replace(self, actors=tuple(replace(actor, b=actor.b // 4) for actor in self.actors))

    def text(self) -> str:
        """The file that inside/cast.c reads."""
        lines = [
            f"end {self.kills} {self.wait_s}",
            *(["gated"] if self.gated else []),
            *(group.line() for group in self.groups),
            *(f"set {path} {value}" for path, value in self.settings),
            *(actor.line() for actor in self.actors),
        ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """A process a moment before a report, as /proc showed it."""

    pid: int
    ppid: int
    state: str
    uid: int
    adj: int
    rss_kb: int
    swap_kb: int
    page_tables_kb: int
    name: bytes


@dataclass(slots=True)
class Outcome:
    """What came of a cast."""

    total_kb: int = 0  # MemTotal
    swap_kb: int = 0  # SwapTotal
    pids: list[int] = field(default_factory=list)  # of the actors, in the order of the cast
    log: list[bytes] = field(default_factory=list)  # records of /dev/kmsg, without dictionaries
    samples: list[list[Seen]] = field(default_factory=list)  # one before each report
    deaths: dict[int, int] = field(default_factory=dict)  # pid of an actor: its status, as wait(2) gives it
    said: list[bytes] = field(default_factory=list)  # by actors, of themselves
    kills: int = 0

    @property
    def reports(self) -> int:
        """How many the kernel wrote."""
        return sum(b" invoked oom-killer: " in record for record in self.log)

    @property
    def killed(self) -> list[int]:
        """The actors that ended by SIGKILL, in that order: before the director ended all others."""
        return [pid for pid, status in self.deaths.items() if pid in self.pids and status & 0x7F == 9]


def outcome(data: bytes) -> Outcome:
    """Read what inside/cast.c wrote. Raises BedError where it is not whole."""
    if not data.rpartition(b"\n")[0].rpartition(b"\n")[2].startswith(b"E "):
        raise BedError("what the guest wrote down is not whole")
    found = Outcome()
    sampled = False
    for line in data[:-1].split(b"\n"):
        kind, _, rest = line.partition(b" ")
        if kind == b"S":
            if not sampled:
                found.samples.append([])
            found.samples[-1].append(_seen(rest))
        elif kind == b"L":
            found.log.append(rest)
        elif kind == b"X":
            found.said.append(rest)
        else:
            _numbers(found, kind, [int(word) for word in rest.split()])
        sampled = kind == b"S"
    return found


def _numbers(found: Outcome, kind: bytes, numbers: list[int]) -> None:
    if kind == b"A":
        found.pids.append(numbers[1])
    elif kind == b"D":
        found.deaths[numbers[0]] = numbers[1]
    elif kind == b"M":
        found.total_kb, found.swap_kb = numbers
    elif kind == b"E":
        found.kills = numbers[0]


def _seen(text: bytes) -> Seen:
    pid, ppid, state, *numbers, name = text.split(b" ")
    uid, adj, rss, swap, tables = map(int, numbers)
    comm = b"" if name == b"-" else bytes.fromhex(name.decode())
    return Seen(int(pid), int(ppid), state.decode(), uid, adj, rss, swap, tables, comm)
