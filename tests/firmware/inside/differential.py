"""Record a tree of /proc that changes from tick to tick: ``PROGRAM --differential TREE RING``.

What is not in the tree (clocks, chance, this process) is fixed, so RING has the same bytes whoever runs the agent.
Goes before the agent's own main file when the program is compiled; tests run it by an interpreter, too.
"""

import _socket
import posix
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SimpleNamespace: "Any" = type(sys.implementation)  # "types" would cost a library that the device may lack
TICKS = 40


def differential(root: bytes, ring_path: str) -> None:
    """Record TICKS ticks of the tree at ``root``, which is used up by it."""
    now_ms = 10_000
    for name in ("clock_gettime_ns", "monotonic_ns", "time_ns", "perf_counter_ns"):
        setattr(time, name, lambda *_: now_ms * 1_000_000)
    listdir = posix.listdir
    uname = SimpleNamespace(release="6.1", version="#1", machine="any", nodename="device")
    noise = bytes(range(256)) * 16
    fixed: dict[str, Callable[..., object]] = {
        "getrandom": lambda size, flags=0: noise[:size],
        "getpid": lambda: 4711,
        "uname": lambda: uname,
        "sysconf": lambda name: 4096 if "PAGE" in name else 100,
        "listdir": lambda path: sorted(listdir(path)),
    }
    for name, function in fixed.items():
        setattr(posix, name, function)
    vars(_socket)["socket"] = refuse

    from lastgasp.recorder import agent, config, ring_file

    settings = config.Config()
    settings.ring_path, settings.ring_size, settings.control_socket = ring_path, 256 * 1024, ""
    settings.interval, settings.pressure_interval, settings.slow_interval = 1000, 500, 5000
    settings.alert_syslog = False
    ring = ring_file.open_ring(settings, bytes(16), root)
    made = agent.Agent(settings, ring, None, root, lambda: now_ms)
    made.start()
    for number in range(TICKS):
        change(root, number)
        made.tick(now_ms)
        now_ms = made.due_ms
    made.stop()


def refuse(*_: object) -> None:
    """No socket tells of processes that begin."""
    raise OSError(1, "no sockets here")


def change(root: bytes, number: int) -> None:
    """Memory gets scarcer, processes grow and shrink, some end."""
    shrink(root + b"proc/meminfo", 100 - number // 2)
    pids = [name for name in posix.listdir(root + b"proc") if name.isdigit()]
    for name in pids:
        if (int(name) + number) % 3 == 0:
            grow(root + b"proc/" + name + b"/statm", int(name) * number % 61 - 20)
    if number % 8 == 7:
        posix.rename(root + b"proc/" + pids[number % len(pids)], root + b"proc/gone-%d" % number)


SCARCE = (b"MemFree:", b"MemAvailable:", b"Cached:")


def shrink(path: bytes, percent: int) -> None:
    """Leave so much of what is scarce."""
    lines = []
    for line in get(path).splitlines():
        name, number, *unit = line.split()
        value = int(number) * percent // 100 if name in SCARCE else int(number)
        lines.append(b" ".join([name, b"%d" % value, *unit]) + b"\n")
    put(path, b"".join(lines))


def grow(path: bytes, pages: int) -> None:
    """Change a process's RSS."""
    words = get(path).split()
    if len(words) > 1 and int(words[1]):
        words[1] = b"%d" % max(1, int(words[1]) + pages)
        put(path, b" ".join(words) + b"\n")


def get(path: bytes) -> bytes:
    """A file's bytes."""
    fd = posix.open(path, posix.O_RDONLY)
    data = posix.read(fd, 1 << 16)
    posix.close(fd)
    return data


def put(path: bytes, data: bytes) -> None:
    """Write a file anew."""
    fd = posix.open(path, posix.O_WRONLY | posix.O_TRUNC)
    posix.write(fd, data)
    posix.close(fd)


if sys.argv[1:2] == ["--differential"]:
    differential(sys.argv[2].encode() + b"/", sys.argv[3])
    sys.exit(0)
