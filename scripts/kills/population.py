"""Random casts: sizes, adjs, names, users, groups and leakers, all from a seed."""

from __future__ import annotations

import random

from kills.casts import Actor, Cast, Group

MOST = 28  # processes
PART = 0.55  # of what is available is held before the leak
NAMES = (b"sensord", b"httpd", b"dropbear", b"udhcpc", b"syslogd", b"mqtt-bridge", b"kworker/0:1", b"python3", b"ui")
# What the kernel prints as it is, and a reader of its log may fall over.
ODD = (
    b"two words",
    b") 0 0 9 (",
    b"(deleted)",
    b"line\nbreak",
    b"\x1b[31mred\x1b[0m",
    b"back\\slash",
    b"tab\there",
    b"[ 12.345678] x",
    b"a,pid=1,uid=0",
    b"caf\xc3\xa9",
    b"\xff\xfe",
    b" leads",
    b"0",
    b"Killed process",
    b"-1000",
    b"",
)
GROUP_KB = (8 << 10, 24 << 10)
LEAKS = ((32, 1000), (64, 2000), (256, 8000), (256, 2000), (1024, 5000))  # kB every so many µs: 32 to 200 MB a second
KILLS = (1, 3, 4, 6)  # to wait for in one round


def population(dice: random.Random, room_kb: int) -> Cast:
    """A cast that leaks into a kill, for a guest with so much memory available."""
    groups: tuple[Group, ...] = ()
    if dice.random() < 0.2:
        swap_kb = dice.choice((None, 0, 4 << 10))
        groups = (Group("limited", dice.randint(*GROUP_KB), swap_kb),)
    count = dice.randint(3, MOST)
    left_kb = int(room_kb * PART)
    left_in_group_kb = groups[0].limit_kb // 2 if groups else 0
    actors = []
    for _ in range(count):
        size_kb = int(200 * 100 ** dice.random())  # 200 kB to 20 MB, small ones as often as large ones
        inside = bool(groups) and dice.random() < 0.4
        if size_kb > (left_in_group_kb if inside else left_kb):
            continue
        left_kb -= size_kb
        left_in_group_kb -= size_kb if inside else 0
        role = "share" if dice.random() < 0.1 else "hold"
        actors.append(_actor(dice, role, size_kb, 0, groups if inside else ()))
    for _ in range(dice.choice((1, 1, 1, 2))):
        role = "vfork" if dice.random() < 0.06 else "leak"
        actors.append(_actor(dice, role, *dice.choice(LEAKS), groups))
    dice.shuffle(actors)
    if not any(actor.adj > -1000 for actor in actors if actor.group or not groups):
        actors.append(Actor(b"spare", "hold", 1 << 10, group=groups[0].name if groups else None))
    return Cast(tuple(actors), groups, kills=dice.choice(KILLS), wait_s=30)


def _actor(dice: random.Random, role: str, a: int, b: int, groups: tuple[Group, ...]) -> Actor:
    return Actor(
        name=dice.choice(ODD) if dice.random() < 0.2 else dice.choice(NAMES),
        role=role,
        a=a,
        b=b,
        adj=_adj(dice, role),
        uid=0 if dice.random() < 0.5 else dice.randint(1, 65533),
        group=groups[0].name if groups else None,
    )


def _adj(dice: random.Random, role: str) -> int:
    """In all directions: most have none, some may not be killed, some go first."""
    kind = dice.random()
    if kind < 0.5:
        return 0
    if kind < 0.57:
        return -1000
    if kind < 0.85:
        return dice.randint(-300, 300)
    return dice.randint(-999, 1000)
