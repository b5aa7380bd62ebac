"""Process events over netlink (drivers/connector/cn_proc.c, CONFIG_PROC_EVENTS): needs CAP_NET_ADMIN.

A datagram is nlmsghdr (16 bytes), cn_msg (20), then proc_event: what, cpu, timestamp_ns and the event's own data.
"""

import _struct

FORK = 1
EXEC = 2
EXIT = 0x80000000

FAMILY = 16  # AF_NETLINK
PROTOCOL = 11  # NETLINK_CONNECTOR
GROUP = 1  # CN_IDX_PROC

_EVENT = _struct.Struct("=IIQ")
_PIDS = _struct.Struct("=iiI")
_HEADERS = 36


def listen_message(pid: int) -> bytes:
    """The request to be told of events: PROC_CN_MCAST_LISTEN."""
    operation = _struct.pack("=I", 1)
    message = _struct.pack("=IIIIHH", 1, 1, 0, 0, len(operation), 0) + operation
    return _struct.pack("=IHHII", 16 + len(message), 3, 0, 0, pid) + message


def parse(datagram: bytes) -> tuple[int, int, int, int] | None:
    """(what, thread id, process id, exit code as wait(2) gives it, or 0); None for what is no process event."""
    if len(datagram) < _HEADERS + _EVENT.size + _PIDS.size:
        return None
    what, _, _ = _EVENT.unpack_from(datagram, _HEADERS)
    first, second, third = _PIDS.unpack_from(datagram, _HEADERS + _EVENT.size)
    if what == EXIT:
        return what, first, second, third
    if what in (FORK, EXEC):
        return what, first, second, 0
    return None
