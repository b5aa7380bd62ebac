"""What a name on the command line means: a serial line, a socket, a flash image, or a host for ssh."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable

from lastgasp.pull import PullError, PullUsage
from lastgasp.pull.wires import Wire, stream
from lastgasp.pull.wires.ssh import Ssh
from lastgasp.pull.wires.tty import DEFAULT_BAUD, Tty

FORMS = "user@host[:port], /dev/tty…, unix:PATH, tcp:HOST:PORT, or a flash image"
HOST_PORT = re.compile(r"(?:\[(?P<literal>[^\[\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})")


def is_image(target: str) -> bool:
    """Is it a file with bytes from flash? Block devices are, too: a card in a reader."""
    try:
        mode = os.stat(target).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISBLK(mode)


def wire(
    target: str, baud: int | None, batch: bool = False, tell: Callable[[str], None] | None = None
) -> Callable[[], Wire]:
    """What opens the wire to it; ``batch`` and ``tell`` as for Ssh. Raises PullError: it makes no sense."""
    if target.startswith("unix:"):
        return lambda: stream.unix(target.removeprefix("unix:"))
    if target.startswith("tcp:"):
        found = HOST_PORT.fullmatch(target.removeprefix("tcp:"))
        if found is None or not 0 < int(found["port"]) < 65536:
            raise PullUsage(f"{target}: write tcp:HOST:PORT")
        name, port = found["literal"] or found["host"], int(found["port"])
        return lambda: stream.tcp(name, port)
    if _character_device(target):
        return lambda: Tty(target, baud or DEFAULT_BAUD)
    if "/" in target:
        what = "a folder" if os.path.isdir(target) else "not there" if not os.path.exists(target) else "nothing to read"
        raise PullError(f"{target}: is {what}; name {FORMS}")
    user, at, host = target.rpartition("@")
    found = HOST_PORT.fullmatch(host)
    given = int(found["port"]) if found else None
    if given is not None and not 0 < given < 65536:
        raise PullUsage(f"{target}: there is no port {given}")
    remote = (found["literal"] or found["host"]) if found else host.strip("[]")
    return lambda: Ssh(user + at + remote, given, batch, tell=tell)


def _character_device(path: str) -> bool:
    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except OSError:
        return path.startswith("/dev/")
