"""Process events over netlink (drivers/connector/cn_proc.c, CONFIG_PROC_EVENTS).

6.1 wants CAP_NET_ADMIN, 6.18 lets anybody listen. Who asks from another than the first pid and user namespace, as
in a container, is told nothing, not even that.

A datagram is nlmsghdr (16 bytes), cn_msg (20), then proc_event: what, cpu, timestamp_ns and the event's own data.
All fields lie at the same offsets on 32 and 64 bit, in native byte order.
"""

import _struct

FORK = 1
EXEC = 2
EXIT = 0x80000000

FAMILY = 16  # AF_NETLINK
PROTOCOL = 11  # NETLINK_CONNECTOR
GROUP = 1  # CN_IDX_PROC

_EVENT = _struct.Struct("=IIQIIII")  # what, cpu, time, and the first four words of any event's own data
_HEADERS = 36


def listen_message(pid: int) -> bytes:
    """The request to be told of events: PROC_CN_MCAST_LISTEN."""
    operation = _struct.pack("=I", 1)
    message = _struct.pack("=IIIIHH", 1, 1, 0, 0, len(operation), 0) + operation
    return _struct.pack("=IHHII", 16 + len(message), 3, 0, 0, pid) + message


def parse(datagram: bytes) -> tuple[int, int, int, int] | None:
    """(what, thread id, process id, exit code as wait(2) gives it, or 0); None for what is no such event.

    Of a fork, the ids are the child's; a thread's process id is its parent's.
    """
    if len(datagram) < _HEADERS + _EVENT.size:
        return None
    what, _, _, first, second, third, fourth = _EVENT.unpack_from(datagram, _HEADERS)
    if what == EXIT:
        return what, first, second, third
    if what == EXEC:
        return what, first, second, 0
    if what == FORK:  # the parent comes first
        return what, third, fourth, 0
    return None
