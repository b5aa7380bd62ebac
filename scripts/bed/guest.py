"""A running QEMU and the shell inside it, over the guest's serial line or over one of its own.

A guest whose serial line nobody reads stops altogether, so a thread reads it all the time. Every wait has
an end, and then BedError shows the last lines of the console.
"""

import base64
import binascii
import ctypes
import gzip
import hashlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from .errors import BedError, require
from .monitor import Monitor
from .targets import Board

BOOT_TIMEOUT_S = 180
LINE_LIMIT = 4000
"""Bytes: the guest's line discipline cuts longer input lines."""
PATTERN_LIMIT = 200
"""Bytes: no match that expect() waits for is longer."""
TAIL_LINES = 15
SHELL_LINE = "hvc0"
"""The kernel's name for the line that the shell has where the serial line is left to others."""
PULL_TRIES = 3


@dataclass(frozen=True, slots=True)
class Disk:
    """A raw image as a disk of the guest, which finds it by `serial`; all that is written may be logged (block_log)."""

    image: Path
    serial: str
    log: Path | None = None


def arguments(
    board: Board, image: Path, initramfs: Path, mem: str, disks: list[Disk], iops: int | None, append: str
) -> list[str]:
    """Return QEMU's command line, but for the serial line.

    `iops` limits the reads and writes per second of all disks together: they stand for one flash chip.
    """
    command = [require(board.qemu, board.qemu_package), *board.machine, "-m", mem]
    command += ["-nodefaults", "-display", "none"]
    command += ["-kernel", str(image), "-initrd", str(initramfs)]
    # psi=1: kernels may have pressure information built in, but off. Tests of ciphers take seconds under emulation,
    # and on a busy host 5.10 hung in them for minutes.
    options = f"console={board.console} loglevel=4 panic=-1 psi=1 cryptomgr.notests {append}"
    command += ["-append", options.strip()]
    for disk in disks:
        limit = f",throttling.iops-total={iops},throttling.group=flash" if iops else ""
        path = str(disk.image).replace(",", ",,")
        if disk.log:
            log = str(disk.log).replace(",", ",,")
            options = f"driver=blklogwrites,node-name={disk.serial},file.driver=file,file.filename={path}"
            command += ["-blockdev", f"{options},log.driver=file,log.filename={log},log-sector-size=512"]
        else:
            command += ["-drive", f"if=none,id={disk.serial},format=raw,file={path}{limit}"]
        command += ["-device", f"{board.disk_device},drive={disk.serial},serial={disk.serial}"]
    return command


def _end_with_parent() -> None:
    """Have the kernel end this process with the one that started it: a killed bed leaves no guest."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Guest:
    """A guest from its start to its end; use it in a `with` statement.

    `boot_s` is the time from the start of QEMU to the shell.
    """

    def __init__(
        self, command: list[str], echo: IO[bytes] | None = None, wire: socket.socket | str | None = None
    ) -> None:
        """Start QEMU; what the shell's line says is also written to `echo` as it comes.

        With `wire` the serial line goes there, to a socket or to what QEMU's -serial calls by this name, and the shell
        has a line of its own (SHELL_LINE).
        """
        self._started = time.monotonic()
        self.boot_s = 0.0
        self._line, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the guest
        mine, monitors = socket.socketpair()
        self.monitor = Monitor(mine)
        fds = [theirs.fileno(), monitors.fileno()]
        lines = ["-chardev", f"socket,id=line,fd={theirs.fileno()}"]
        lines += ["-chardev", f"socket,id=monitor,fd={monitors.fileno()}", "-mon", "chardev=monitor,mode=control"]
        if wire is None:
            lines += ["-serial", "chardev:line"]
        else:
            lines += ["-device", "virtio-serial-device", "-device", "virtconsole,chardev=line"]
            if isinstance(wire, str):
                lines += ["-serial", wire]
            else:
                fds.append(wire.fileno())
                lines += ["-chardev", f"socket,id=wire,fd={wire.fileno()}", "-serial", "chardev:wire"]
        self._qemu = subprocess.Popen(
            [*command, *lines],
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            pass_fds=fds,
            preexec_fn=_end_with_parent,
        )
        theirs.close()
        monitors.close()
        if isinstance(wire, socket.socket):
            wire.close()  # QEMU has it now, and the other end is to see when QEMU ends
        self._echo = echo
        self._seen = bytearray()
        self._taken = 0
        self._ended = False
        self._news = threading.Condition()
        self._number = 0
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Guest":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drain(self) -> None:
        while data := self._receive():
            with self._news:
                self._seen += data
                self._news.notify_all()
            if self._echo:
                self._echo.write(data)
                self._echo.flush()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _receive(self) -> bytes:
        try:
            return self._line.recv(1 << 16)
        except OSError:
            return b""

    def expect(
        self, pattern: bytes, timeout_s: float, show: Callable[[bytes], None] | None = None
    ) -> tuple[bytes, re.Match[bytes]]:
        """Wait until the console shows `pattern`; return what came since the last match, and the match.

        `show` is given what comes before it, in whole lines, as it comes. Raises BedError when the time is
        over or the guest ends.
        """
        compiled = re.compile(pattern)
        deadline = time.monotonic() + timeout_s
        start = shown = self._taken
        size = 0
        while True:
            with self._news:
                left = deadline - time.monotonic()
                if len(self._seen) == size and not self._ended:
                    self._news.wait(max(left, 0))
                # Only what is new, or a megabyte in pieces of a few bytes takes minutes to search.
                match = compiled.search(self._seen, max(start, size - PATTERN_LIMIT))
                size = len(self._seen)
                end = match.start() if match else self._seen.rfind(b"\n", shown) + 1
                before, ready = bytes(self._seen[start:end]) if match else b"", bytes(self._seen[shown:end])
                ended = self._ended
            if show and ready:
                show(ready)
                shown = end
            if match:
                self._taken = match.end()
                return before, match
            if ended or left <= 0:
                raise BedError(self._why("it ended" if ended else f"no answer for {timeout_s:.0f} s"))

    def _why(self, reason: str) -> str:
        """Return the reason with what the console said last; a panic is the reason behind others."""
        lines = self.said_by_qemu().splitlines()
        lines += bytes(self._seen).decode("utf8", "replace").splitlines()
        panics = [line for line in lines if "Kernel panic" in line]
        return "\n    ".join([f"guest: {reason}; the last it said:", *lines[-TAIL_LINES:], *panics[:1]])

    def boot(self, timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Wait for the shell: after the start, and again after each reset."""
        _, match = self.expect(rb"BED-(READY|TRUNCATED|NO-DISK)[^\n]*\n", timeout_s)
        if match[1] == b"TRUNCATED":
            raise BedError("too little memory for the initramfs: give the guest more, or a disk as its root")
        if match[1] == b"NO-DISK":
            raise BedError(self._why("it cannot mount its disk"))
        self.boot_s = time.monotonic() - self._started

    def go_on(self, timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Have a guest whose state was saved answer again."""
        deadline = time.monotonic() + timeout_s
        while self.monitor.ask("query-status")["status"] in ("inmigrate", "prelaunch"):
            if time.monotonic() > deadline:
                raise BedError(self._why("its saved state is not taken"))
            time.sleep(0.05)
        self.monitor.ask("cont")
        self.check("true", timeout_s)
        self.boot_s = time.monotonic() - self._started

    def run(self, command: str, timeout_s: float = 60, show: Callable[[bytes], None] | None = None) -> tuple[int, str]:
        """Run shell commands in the guest; return the exit status and what they printed.

        They get no input, and unlike the console's own shell the OOM killer may choose them. `show` is given
        the output as it comes. Raises BedError when they do not end in time.
        """
        if max(map(len, command.encode().split(b"\n"))) > LINE_LIMIT:
            raise BedError(f"a line for the guest is longer than {LINE_LIMIT} bytes")
        self._number += 1
        # The quotes keep the shell's own line from looking like its answer, should it ever be echoed.
        self._send(f"(echo 0 > /proc/self/oom_score_adj\n{command}\n) < /dev/null\n")
        self._send(f"echo BED-'END {self._number}' $?\n")
        output, match = self.expect(rb"BED-END %d (\d+)\n" % self._number, timeout_s, show)
        return int(match[1]), output.decode("utf8", "replace")

    def check(self, command: str, timeout_s: float = 60) -> str:
        """Run shell commands that have to succeed; return what they printed."""
        status, output = self.run(command, timeout_s)
        if status:
            raise BedError(f"in the guest, exit status {status}: {command}\n    {output.strip()}")
        return output

    def pull(self, path: str, timeout_s: float = 120) -> bytes:
        """Return a file of the guest, proved by its SHA-256: a kernel message may fall into any line."""
        command = f"sha256sum < {path} | cut -c 1-64; gzip -c {path} | base64"
        for _ in range(PULL_TRIES):
            digest, *lines = self.check(command, timeout_s).splitlines()
            try:
                data = gzip.decompress(base64.b64decode("".join(lines), validate=True))
            except (binascii.Error, OSError, EOFError, zlib.error):
                continue
            if hashlib.sha256(data).hexdigest() == digest:
                return data
        raise BedError(f"{path} came garbled over the serial line {PULL_TRIES} times")

    def said_by_qemu(self) -> str:
        """What QEMU itself has printed: with `-serial pty`, where that is."""
        self._errors.seek(0)
        return self._errors.read().decode("utf8", "replace")

    def freeze(self) -> None:
        """Stop QEMU as it stands: the guest says nothing more, and hears nothing."""
        self._qemu.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let QEMU go on."""
        self._qemu.send_signal(signal.SIGCONT)

    def reset(self, command: str) -> None:
        """Run a shell command that resets the machine, and wait for its shell; wants a guest that may reset."""
        self._send(f"{command}\n")
        self.boot()

    def power_off(self, timeout_s: float = 20) -> None:
        """Write the disks back and switch the guest off; a guest that does not obey is ended."""
        self._send("sync; poweroff -f\n")
        try:
            self._qemu.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise BedError(self._why("it does not switch off")) from None
        finally:
            self.close()

    def close(self) -> None:
        """End QEMU at once, as a power cut would."""
        self._qemu.kill()
        self._qemu.wait()
        self._reader.join()
        self._line.close()
        self.monitor.close()
        self._errors.close()

    def _send(self, text: str) -> None:
        try:
            self._line.sendall(text.encode())
        except OSError:
            raise BedError(self._why("it ended")) from None
