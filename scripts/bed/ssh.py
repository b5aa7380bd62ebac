"""A guest that dropbear lets in by key: the daemon without an sftp-server, as on a small device."""

import shlex
import socket
from dataclasses import dataclass
from pathlib import Path

from .errors import BedError, require
from .guest import Guest
from .tools import run

PROGRAMS = [("dropbear-bin", "usr/sbin/dropbear"), ("dropbear-bin", "usr/bin/dropbearkey")]
"""For Setup.programs."""
SSH_WRAPPER = """\
#!/bin/sh
exec {ssh} -F {config} "$@"
"""
CONFIG = """\
IdentityFile {key}
IdentitiesOnly yes
UserKnownHostsFile {known}
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
"""
PID = "/run/dropbear.pid"
START = """
mkdir -p /root/.ssh /etc/dropbear
echo {public} > /root/.ssh/authorized_keys
chown -R 0:0 /root
chmod 700 /root /root/.ssh
chmod 600 /root/.ssh/authorized_keys
ip addr add 10.0.2.15/24 dev eth0 2> /dev/null
ip link set eth0 up
dropbearkey -t ed25519 -f /etc/dropbear/host > /dev/null 2>&1
[ -e {pid} ] || /usr/sbin/dropbear -r /etc/dropbear/host -P {pid} -s -E -p 22 2> /run/dropbear.log
dropbearkey -y -f /etc/dropbear/host | grep ^ssh-
"""


@dataclass(frozen=True, slots=True)
class Door:
    """How to get in: `root@127.0.0.1`, this port, this key; `tools` is a folder with an ssh that knows all of it."""

    port: int
    key: Path
    known_hosts: Path
    tools: Path

    @property
    def target(self) -> str:
        """As lastgasp takes it."""
        return f"root@127.0.0.1:{self.port}"


def free_port() -> int:
    """Return a port of the loopback interface that nobody has, for Setup.ssh_port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_door(guest: Guest, port: int, folder: Path) -> Door:
    """Start dropbear in a guest that was set up with PROGRAMS and ssh_port; the files for ssh go to a folder."""
    ssh = require("ssh", "openssh-client")
    key, known, tools = folder / "key", folder / "known_hosts", folder / "tools"
    tools.mkdir(exist_ok=True)
    if not key.exists():
        run([require("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-C", "bed", "-f", str(key)])
    public = key.with_suffix(".pub").read_text().strip()
    said = guest.check(START.format(public=shlex.quote(public), pid=PID)).split()
    if said[:1] != ["ssh-ed25519"]:
        raise BedError(f"in the guest, dropbear has no key: {' '.join(said)}")
    known.write_text(f"[127.0.0.1]:{port} {said[0]} {said[1]}\n")
    config = folder / "ssh_config"
    config.write_text(CONFIG.format(key=key, known=known))
    wrapper = tools / "ssh"
    wrapper.write_text(SSH_WRAPPER.format(ssh=ssh, config=shlex.quote(str(config))))
    wrapper.chmod(0o755)
    return Door(port, key, known, tools)
