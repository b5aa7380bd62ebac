"""Start processes that give a /proc tree something to show, and keep them until SIGTERM.

    python3 -I -S scene.py FILE

FILE gets two lines once everything stands: the pids to capture (these processes, the init, some kernel
threads), and those among them whose mappings are worth their length. Runs as root in a guest of the bed,
or on any Linux: it ends what it started and takes its control group away.
"""

import _thread
import mmap
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

KERNEL_THREADS = ("kthreadd", "ksoftirqd/0", "kworker/0:0H", "kworker/u", "kswapd0", "oom_reaper", "jbd2/")
GROW_BYTES = 64 << 10
GROW_UNTIL_BYTES = 4 << 20
LIMITED_BYTES = 6 << 20
MEBIBYTE = 1 << 20
NOBODY = 65534

started: list[int] = []
kept: list[object] = []
"""What a process holds on to for the rest of its life."""


def write(path: str, text: str) -> None:
    """Write one value into a file of the kernel."""
    with open(path, "w") as file:
        file.write(text)


def wait() -> None:
    """Do nothing until the end."""
    while True:
        time.sleep(3600)


def start(name: bytes, body: Callable[[], None]) -> int:
    """Fork a process with this comm that runs `body`; return its pid."""
    pid = os.fork()
    if pid:
        started.append(pid)
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with open("/proc/self/comm", "wb") as comm:
            comm.write(name)
        body()
        os._exit(0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def fill(size: int) -> bytearray:
    """Return memory that is really there, and that compresses as a program's does: to a third or so."""
    return bytearray((os.urandom(1200) + bytes(2896)) * (size // 4096))


def grow() -> None:
    """Hold one descriptor and one mapping of every kind; send packets; grow to a few megabytes."""
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.socket()
    client.connect(server.getsockname())
    peer, _ = server.accept()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    poll = select.epoll()
    poll.register(receiver, select.EPOLLIN)
    odd = os.open("/run/odd name\n\\.log", os.O_CREAT | os.O_RDWR)
    gone = os.open("/run/gone.log", os.O_CREAT | os.O_RDWR)
    os.unlink("/run/gone.log")
    memory = os.memfd_create("frames")
    for descriptor in (odd, gone, memory):
        os.ftruncate(descriptor, 8192)
        mapping = mmap.mmap(descriptor, 8192)
        mapping[:] = b"x" * 8192
        kept.append(mapping)
    shared = mmap.mmap(-1, 1 << 16)
    shared[:] = b"y" * (1 << 16)
    kept.extend([shared, os.pipe(), os.eventfd(0), os.open("/dev/null", os.O_RDWR), client, peer, poll])
    grown = 0
    while True:
        client.send(b"z" * 1000)
        peer.recv(1000)
        sender.sendto(b"ping", receiver.getsockname())
        receiver.recv(100)
        os.write(odd, b"a line\n")
        if grown < GROW_UNTIL_BYTES:
            kept.append(fill(GROW_BYTES))
            grown += GROW_BYTES
        time.sleep(0.02)


def make_groups() -> list[str]:
    """Make a memory control group with a limit and one inside it; return them, the inner one last."""
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        outer, limits = "/sys/fs/cgroup/scene", {"memory.max": 16 * MEBIBYTE, "memory.high": 3 * MEBIBYTE}
    elif os.path.exists("/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        outer, limits = "/sys/fs/cgroup/memory/scene", {"memory.limit_in_bytes": 16 * MEBIBYTE}
    else:
        return []
    os.mkdir(outer)
    for name, value in limits.items():
        write(f"{outer}/{name}", str(value))
    if os.path.exists(f"{outer}/cgroup.subtree_control"):
        write(f"{outer}/cgroup.subtree_control", "+memory")
    os.mkdir(f"{outer}/inner")
    return [outer, f"{outer}/inner"]


def limited(group: str) -> None:
    """Use more memory than the group may hold before its pages go to swap."""
    write(f"{group}/cgroup.procs", str(os.getpid()))
    write("/proc/self/oom_score_adj", "500")
    kept.append(fill(LIMITED_BYTES))
    wait()


def threads() -> None:
    """Run four threads, out of the OOM killer's reach where that is allowed."""
    try:
        write("/proc/self/oom_score_adj", "-1000")
    except PermissionError:  # a container's root may lack CAP_SYS_RESOURCE
        pass
    for _ in range(3):
        _thread.start_new_thread(wait, ())
    wait()


def nobody() -> None:
    """Run without rights."""
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    wait()


def deleted() -> None:
    """Run a program that is no longer there."""
    target = "/run/gone program"
    with open("/bin/busybox" if os.path.exists("/bin/busybox") else "/bin/sleep", "rb") as source:
        program = source.read()
    with open(os.open(target, os.O_CREAT | os.O_WRONLY, 0o755), "wb") as file:
        file.write(program)
    remover = os.fork()
    if not remover:
        time.sleep(0.5)
        os.unlink(target)
        os._exit(0)
    os.execv(target, ["sleep", "3600"])


def stop() -> None:
    """Be stopped."""
    os.kill(os.getpid(), signal.SIGSTOP)


def shell(*arguments: bytes) -> Callable[[], None]:
    """Return a body that becomes a shell with these arguments, which waits for a sleep."""
    return lambda: os.execv("/bin/sh", [b"sh", b"-c", b"sleep 3600; :", *arguments])


def processes() -> dict[int, tuple[str, int]]:
    """Return (comm, parent) of every process."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                head, _, tail = file.read().rpartition(b") ")
        except OSError:
            continue
        found[int(pid)] = head.partition(b"(")[2].decode("utf8", "replace"), int(tail.split()[1])
    return found


def interesting() -> list[int]:
    """Return the init, some kernel threads, this process and all below it."""
    running = processes()
    pids = {1, os.getpid()}
    for prefix in KERNEL_THREADS:
        named = sorted(pid for pid, (comm, _) in running.items() if comm.startswith(prefix))
        pids.update(named[:1])
    while more := {pid for pid, (_, parent) in running.items() if parent in pids - {1, 2}} - pids:
        pids |= more
    return sorted(pids)


def end(number: int, frame: FrameType | None) -> None:
    """Turn SIGTERM into an orderly end."""
    raise SystemExit


def main(answer: str) -> None:
    """Start the processes, say which they are, wait, and clean up."""
    signal.signal(signal.SIGTERM, end)
    groups = make_groups()
    try:
        grower = start(b"grower", grow)
        start(b"a) R 1 (b", wait)
        start(b"\x1b[31m\nb\\c\xff", wait)
        if groups:
            start(b"limited", lambda: limited(groups[-1]))
        start(b"threads", threads)
        start(b"nobody", nobody)
        start(b"deleted", deleted)
        start(b"stopped", stop)
        zombie = start(b"zombie", lambda: None)
        first = start(b"shell", shell())
        start(b"shell", shell(b"two\nlines", b"\xff\x1b[2J", b""))
        time.sleep(4)
        for pid in started:
            if pid != zombie and os.waitpid(pid, os.WNOHANG)[0]:
                started.remove(pid)
                raise SystemExit(f"scene: {pid} did not stay")
        kernel = [pid for pid, (comm, _) in processes().items() if comm == "kswapd0"]
        lists = [interesting(), [grower, zombie, first, *kernel]]
        write(answer + ".new", "".join(",".join(map(str, pids)) + "\n" for pids in lists))
        os.rename(answer + ".new", answer)
        wait()
    finally:
        for pid, (_, parent) in processes().items():
            if pid in started or parent in started:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:  # it ended when the one above it did
                    pass
        for pid in started:
            os.waitpid(pid, 0)
        for group in reversed(groups):
            os.rmdir(group)
        for path in ("/run/odd name\n\\.log", "/run/gone program"):
            if os.path.exists(path):
                os.unlink(path)


if __name__ == "__main__":
    main(sys.argv[1])
