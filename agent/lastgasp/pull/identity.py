"""Which device this is, and what it has to work with: asked of its shell, one checked line each."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass

from lastgasp.pull import PullError
from lastgasp.pull.console.incoming import Reply
from lastgasp.pull.console.shell import Shell

DEFAULT_RING = "/var/lib/lastgasp/ring"
TRIES = 4
PLACES = " ".join(f"/{place}/lastgasp-agent" for place in ("usr/sbin", "usr/bin", "usr/local/bin", "opt/lastgasp"))
# A line each, cut where it gets long, empty where there is none.
ASK = (
    'f(){ y $1 "$(head -n 1 "$2" 2>/dev/null|tr -d "\\000\\r"|cut -c 1-160)";}',
    "f host /proc/sys/kernel/hostname",
    "f machine /etc/machine-id",
    "f serial /proc/device-tree/serial-number",
    "f board /sys/class/dmi/id/product_serial",
    "f model /proc/device-tree/model",
    'y mac "$(cat /sys/class/net/[!l]*/address 2>/dev/null|grep -v 00:00:00:00:00:00|head -n 1)"',
    "f boot /proc/sys/kernel/random/boot_id",
    f'y agent "$(command -v lastgasp-agent||ls {PLACES} 2>/dev/null|head -n 1)"',
    'y ring "$(sed -n "s/^[ ]*ring_path[ ]*=[ ]*//p" /etc/lastgasp.conf 2>/dev/null|tail -n 1)"',
    'y tools "$(for i in dd gzip base64 uuencode hexdump od;do command -v $i >/dev/null&&echo $i;done|tr "\\n" " ")"',
)
NAMES = ("host", "machine", "serial", "board", "model", "mac", "boot", "agent", "ring", "tools")


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells devices apart: as they say themselves, "" where they do not."""

    host: str
    machine: str = ""  # /etc/machine-id: the same on all devices whose image holds it
    serial: str = ""  # the board's, by the device tree or DMI
    mac: str = ""
    model: str = ""

    @property
    def key(self) -> str:
        """Eight hexadecimal digits of what tells this device from others, and stays.

        The MAC counts only where there is nothing else: some boards make up a new one at each boot.
        """
        known = [self.host, self.machine, self.serial]
        known += [self.mac] if not self.machine and not self.serial else []
        return hashlib.sha256("\0".join(known).encode("utf-8", "surrogateescape")).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class About:
    """A device at the other end of a wire."""

    identity: Identity
    agent: str  # path of lastgasp-agent, "" if there is none
    ring: str  # path
    tools: frozenset[str]
    boot: str  # boot id


def about(shell: Shell, ring: str | None) -> About:
    """Ask; ``ring`` is where the user says that it is. Raises ShellError, WireError, PullError."""
    found: dict[str, str] = {}
    for _ in range(TRIES):
        for event in shell.run(";".join(ASK)):
            if isinstance(event, Reply):
                name, _, value = event.text.decode("utf-8", "replace").partition(" ")
                if name in NAMES:
                    found[name] = value.strip()
        if found.keys() >= set(NAMES):
            break
    else:
        raise PullError(f"{shell.wire.name}: too noisy to tell which device this is")
    identity = Identity(
        found["host"], found["machine"], found["serial"] or found["board"], found["mac"], found["model"]
    )
    path = ring or found["ring"] or DEFAULT_RING
    return About(identity, found["agent"], path, frozenset(found["tools"].split()), found["boot"])


def quoted(text: str) -> str:
    """For a command line on the device."""
    return shlex.quote(text)
