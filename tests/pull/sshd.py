"""A real OpenSSH server on loopback for a test, and the ssh(1) that finds it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
PATIENCE_S = 30.0


def missing() -> str | None:
    """Why there is no server to test with; None: there is one."""
    found = os.access(SSHD, os.X_OK) and shutil.which("ssh") and shutil.which("ssh-keygen")
    return None if found else "no OpenSSH; on Debian: apt-get install openssh-server openssh-client"


class Sshd:
    """A server for the user who runs the tests; ``bin`` goes first in PATH of who connects."""

    def __init__(self, folder: Path, remote_path: Path) -> None:
        """``remote_path``: a folder whose programs the remote shell finds first."""
        self.folder = folder
        self.log = folder / "log"
        for name in ("host", "user"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(command, check=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        host_key = (folder / "host.pub").read_text().split()[:2]
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} {' '.join(host_key)}\n")
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
            f"PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n"
            f"SetEnv PATH={remote_path}:/usr/bin:/bin\n"
        )
        (folder / "ssh_config").write_text(
            f"Host *\n IdentityFile {folder}/user\n UserKnownHostsFile {folder}/known\n IdentitiesOnly yes\n"
        )
        self.bin = folder / "bin"
        self.bin.mkdir()
        ssh = self.bin / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
        ssh.chmod(0o755)
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # sshd insists on it
        command = [SSHD, "-D", "-f", str(folder / "sshd_config"), "-E", str(self.log)]
        self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self._await()

    def _await(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > until or self._server.poll() is not None:
                    said = self.log.read_text() if self.log.exists() else ""
                    raise AssertionError(f"sshd does not start: {said}") from None
                time.sleep(0.05)

    def close(self) -> None:
        """End it."""
        self._server.terminate()
        self._server.wait(PATIENCE_S)


def agent_in(folder: Path) -> None:
    """A ``lastgasp-agent`` in this folder, as a device has one."""
    folder.mkdir(exist_ok=True)
    source = Path(__file__).parents[2] / "agent"
    program = f"import sys; sys.path.insert(0, {str(source)!r}); from lastgasp.recorder.main import main; main_ = main"
    script = folder / "lastgasp-agent"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S -E -c "{program}; sys.exit(main_())" "$@"\n')
    script.chmod(0o755)
