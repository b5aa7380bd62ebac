"""Which device this is, and what it has to work with: asked of its shell, one checked line each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from lastgasp.pull import PullError
from lastgasp.pull.console.incoming import Reply
from lastgasp.pull.console.shell import Shell

DEFAULT_RING = "/var/lib/lastgasp/ring"
TRIES = 4
LONGEST = 160  # letters of a value
LOCAL = 2  # the bit of a MAC's first byte that says so
PLACEHOLDERS = {
    "to be filled by o.e.m.", "default string", "not specified", "none", "unknown", "uninitialized", "n/a", "0",
    "system serial number", "0123456789", "123456789", "0000000000000000", "0000000000", "00000000",
}  # fmt: skip
BETWEEN = b"\x1f"
FILES = {
    "host": "/proc/sys/kernel/hostname",
    "machine": "/etc/machine-id",
    "serial": "/proc/device-tree/serial-number",
    "board": "/sys/class/dmi/id/product_serial",
    "model": "/proc/device-tree/model",
    "boot": "/proc/sys/kernel/random/boot_id",
}
PLACES = " ".join(f"/{place}/lastgasp-agent" for place in ("usr/sbin", "usr/bin", "usr/local/bin", "opt/lastgasp"))
# By the shell itself where it can: a process costs a slow device 30 ms and more.
ASK = (
    'u=$(printf "\\037")',
    "f(){ v=;read -r v <$1;w=$w$u$v;}",
    "w=",
    f"for i in {' '.join(FILES.values())};do f $i 2>/dev/null;done",
    "for i in /sys/class/net/*/address;do v=;read -r v 2>/dev/null <$i"
    ";case $v in ''|00:00:00:00:00:00)v=;;*)break;;esac;done",
    "w=$w$u$v",
    "v=$(command -v lastgasp-agent)",
    f'for i in {PLACES};do [ -n "$v" ]||[ ! -x $i ]||v=$i;done',
    "w=$w$u$v",
    "v=",
    'while IFS="=$IFS" read -r a b;do [ "$a" != ring_path ]||v=$b;done 2>/dev/null </etc/lastgasp.conf',
    "w=$w$u$v",
    "v=",
    'for i in dd gzip base64 uuencode hexdump od;do command -v $i >/dev/null&&v="$v $i";done',
    'y about "$w$u$v"',
)
NAMES = (*FILES, "mac", "agent", "ring", "tools")


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

        A serial number or a MAC that its maker gave it is enough, beside the machine-id, which clones of an image may
        share; a device may be given another host name then. Where there is neither, the name and any MAC count.
        """
        known = [self.serial, self.machine, self.mac if _given(self.mac) else ""]
        if not self.serial and not known[2]:
            known += [self.host, self.mac if not self.machine else ""]
        return hashlib.sha256("\0".join(known).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _given(mac: str) -> bool:
    """Did a maker give it? The others have a bit set (IEEE 802), and some boards make up a new one at each boot."""
    first = mac.partition(":")[0]
    return len(first) == 2 and set(first) <= set("0123456789abcdefABCDEF") and not int(first, 16) & LOCAL


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
    for _ in range(TRIES):
        for event in shell.run(";".join(ASK)):
            if isinstance(event, Reply):
                kind, *values = event.text.split(BETWEEN)
                if kind == b"about " and len(values) == len(NAMES):
                    return _about(dict(zip(NAMES, map(_text, values), strict=True)), ring)
    raise PullError(f"{shell.wire.name}: too noisy to tell which device this is")


def _text(value: bytes) -> str:
    """What a maker left for others to fill in is nothing."""
    text = value[:LONGEST].decode("utf-8", "replace").strip(" \t\r\0")
    return "" if text.lower() in PLACEHOLDERS else text


def _about(found: dict[str, str], ring: str | None) -> About:
    identity = Identity(
        found["host"], found["machine"], found["serial"] or found["board"], found["mac"], found["model"]
    )
    path = ring or found["ring"] or DEFAULT_RING
    return About(identity, found["agent"], path, frozenset(found["tools"].split()), found["boot"])
