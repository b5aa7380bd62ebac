"""The connector of process events: its layouts, and what a real kernel says through it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lastgasp.proc import connector

# What include/uapi/linux has to say, checked by the compiler alone, so it can be that of another machine.
LAYOUT = """
#include <stddef.h>
#include <linux/netlink.h>
#include <linux/connector.h>
#include <linux/cn_proc.h>
#define IS(what, value) _Static_assert((what) == (value), #what)
IS(NETLINK_CONNECTOR, {protocol});
IS(CN_IDX_PROC, {group});
IS(CN_VAL_PROC, 1);
IS(NLMSG_DONE, 3);
IS(PROC_CN_MCAST_LISTEN, 1);
IS(PROC_EVENT_FORK, {fork}u);
IS(PROC_EVENT_EXEC, {exec}u);
IS(PROC_EVENT_EXIT, {exit}u);
IS(sizeof(struct nlmsghdr), 16);
IS(offsetof(struct nlmsghdr, nlmsg_type), 4);
IS(offsetof(struct nlmsghdr, nlmsg_pid), 12);
IS(sizeof(struct cn_msg), 20);
IS(offsetof(struct cn_msg, id.val), 4);
IS(offsetof(struct cn_msg, len), 16);
IS(offsetof(struct proc_event, what), 0);
IS(sizeof(((struct proc_event *)0)->what), 4);
IS(offsetof(struct proc_event, cpu), 4);
IS(offsetof(struct proc_event, timestamp_ns), 8);
IS(offsetof(struct proc_event, event_data.fork.child_pid), 24);
IS(offsetof(struct proc_event, event_data.fork.child_tgid), 28);
IS(offsetof(struct proc_event, event_data.exec.process_pid), 16);
IS(offsetof(struct proc_event, event_data.exec.process_tgid), 20);
IS(offsetof(struct proc_event, event_data.exit.process_pid), 16);
IS(offsetof(struct proc_event, event_data.exit.process_tgid), 20);
IS(offsetof(struct proc_event, event_data.exit.exit_code), 24);
IS(sizeof(struct proc_event) >= 32, 1);
"""
COMPILERS = (
    ("gcc",),
    ("gcc", "-m32"),
    ("arm-linux-gnueabihf-gcc",),
    ("aarch64-linux-gnu-gcc",),
    ("mips-linux-gnu-gcc",),  # big-endian
    ("powerpc-linux-gnu-gcc",),  # big-endian
)


def datagram(what: int, *data: int) -> bytes:
    """Return an event as a kernel of this byte order sends it: 40 bytes of proc_event behind the two headers."""
    event = struct.pack("=IIQ6I", what, 1, 123456789, *data, *[0] * (6 - len(data)))
    message = struct.pack("=IIIIHH", 1, 1, 5, 0, len(event), 0) + event
    return struct.pack("=IHHII", 16 + len(message), 3, 0, 0, 0) + message


class TestLayout:
    @pytest.mark.parametrize("command", COMPILERS, ids=" ".join)
    def test_it_is_the_kernels(self, command: tuple[str, ...]) -> None:
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        where = subprocess.run([command[0], "-print-multiarch"], capture_output=True, text=True, check=False).stdout
        include = f"-I/usr/include/{where.strip()}"  # that -m32 does not look into
        check = [*command, include, "-x", "c", "-fsyntax-only", "-"]
        if subprocess.run(
            check, input="#include <linux/cn_proc.h>\n", text=True, capture_output=True, check=False
        ).returncode:
            pytest.skip(f"{' '.join(command)} has no kernel headers")
        source = LAYOUT.format(
            protocol=connector.PROTOCOL,
            group=connector.GROUP,
            fork=connector.FORK,
            exec=connector.EXEC,
            exit=connector.EXIT,
        )
        done = subprocess.run(check, input=source, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

    def test_the_family_is_netlink(self) -> None:
        assert connector.FAMILY == socket.AF_NETLINK

    def test_the_request_to_listen(self) -> None:
        message = connector.listen_message(77)
        assert struct.unpack("=IHHII", message[:16]) == (40, 3, 0, 0, 77)
        assert struct.unpack("=IIIIHHI", message[16:]) == (1, 1, 0, 0, 4, 0, 1)


class TestParse:
    def test_an_exit_tells_the_code(self) -> None:
        assert connector.parse(datagram(connector.EXIT, 12, 10, 7 << 8, 17)) == (connector.EXIT, 12, 10, 7 << 8)

    def test_the_largest_exit_code_is_not_negative(self) -> None:
        event = connector.parse(datagram(connector.EXIT, 12, 10, 0xFFFFFFFF, 17))
        assert event == (connector.EXIT, 12, 10, 0xFFFFFFFF)

    def test_an_exec(self) -> None:
        assert connector.parse(datagram(connector.EXEC, 12, 10)) == (connector.EXEC, 12, 10, 0)

    def test_a_fork_is_about_the_child(self) -> None:
        assert connector.parse(datagram(connector.FORK, 1, 2, 12, 10)) == (connector.FORK, 12, 10, 0)

    @pytest.mark.parametrize("what", [0, 4, 0x40, 0x80, 0x100, 0x200, 0x20000000, 0x40000000, 3, 0xFFFFFFFF])
    def test_other_events_are_none(self, what: int) -> None:
        assert connector.parse(datagram(what, 12, 10, 1, 1)) is None

    def test_a_datagram_that_was_cut_short_is_none(self) -> None:
        whole = datagram(connector.EXIT, 12, 10, 7 << 8, 17)
        assert len(whole) == 76
        assert [size for size in range(76) if connector.parse(whole[:size])] == list(range(68, 76))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that the kernel has told that it talks to."""
    try:
        listening = socket.socket(connector.FAMILY, socket.SOCK_DGRAM, connector.PROTOCOL)
    except OSError as error:
        pytest.skip(f"no netlink connector here: {error}")
    with listening:
        listening.settimeout(2)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            listening.bind((0, connector.GROUP))
            listening.send(connector.listen_message(os.getpid()))
            listening.recv(256)  # the kernel's acknowledgement, or an event of somebody else
        except OSError as error:
            pytest.skip(f"the connector does not talk to us (it wants CAP_NET_ADMIN, and no container around): {error}")
        yield listening


def heard(listening: socket.socket, pid: int, thread: int | None = None) -> list[tuple[int, int, int, int]]:
    """Return the events of a process and its threads, up to its end, or to that of one thread."""
    last = (connector.EXIT, pid if thread is None else thread, pid)
    events: list[tuple[int, int, int, int]] = []
    until = time.monotonic() + 10
    while time.monotonic() < until and (not events or events[-1][:3] != last):
        event = connector.parse(listening.recv(256))
        if event is not None and event[2] == pid:
            events.append(event)
    return events


class TestRealKernel:
    def test_a_child_is_born_runs_a_program_and_exits_with_its_code(self, listener: socket.socket) -> None:
        child = subprocess.Popen(["/bin/sh", "-c", "exit 7"])
        child.wait()
        assert heard(listener, child.pid) == [
            (connector.FORK, child.pid, child.pid, 0),
            (connector.EXEC, child.pid, child.pid, 0),
            (connector.EXIT, child.pid, child.pid, 7 << 8),
        ]

    def test_a_child_that_a_signal_killed_tells_which(self, listener: socket.socket) -> None:
        child = subprocess.Popen(["/bin/sh", "-c", "kill -KILL $$"])
        child.wait()
        assert heard(listener, child.pid)[-1] == (connector.EXIT, child.pid, child.pid, signal.SIGKILL)

    def test_a_code_is_what_wait_tells(self, listener: socket.socket) -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(3)
        _, status = os.waitpid(pid, 0)
        assert heard(listener, pid)[-1][3] == status

    def test_a_thread_has_an_id_of_its_own_and_its_process_goes_on(self, listener: socket.socket) -> None:
        program = "import threading; t = threading.Thread(target=print); t.start(); t.join()"
        child = subprocess.Popen([sys.executable, "-I", "-S", "-c", program], stdout=subprocess.DEVNULL)
        child.wait()
        events = heard(listener, child.pid)
        assert events[-1] == (connector.EXIT, child.pid, child.pid, 0)
        threads = [event for event in events if event[1] != child.pid]
        if len(threads) == 1:  # join() returns before the kernel tells of the thread's end, and that can be the last
            threads += heard(listener, child.pid, threads[0][1])
        assert [event[0] for event in threads] == [connector.FORK, connector.EXIT]
