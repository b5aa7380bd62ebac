"""A device that boots: a boot loader that counts down and stops at any key, then a kernel, then a shell.

Run as a program on a terminal: ``bootloader.py LOG [boot] SHELL…``. It begins with the shell, or with ``boot`` with the
boot loader; whenever the shell ends, it starts anew. What the boot loader heard goes to LOG.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import termios
import time
import tty

COUNTDOWN_S, KERNEL_S = 2.0, 1.0


def boot(log: str) -> None:
    """Up to the shell; where it is stopped, for ever."""
    before = termios.tcgetattr(0)
    tty.setraw(0, termios.TCSANOW)
    os.write(1, b"\r\n[   99.100000] reboot: Restarting system\r\n")
    time.sleep(0.5)
    termios.tcflush(0, termios.TCIFLUSH)  # a UART begins anew, too
    os.write(1, b"\r\nU-Boot 2024.01\r\n\r\nDRAM:  128 MiB\r\nHit any key to stop autoboot:  2 ")
    if select.select([0], [], [], COUNTDOWN_S)[0]:
        with open(log, "ab") as file:
            file.write(b"stopped by " + repr(os.read(0, 100)).encode() + b"\n")
        os.write(1, b"\r\n=> ")
        while True:
            os.read(0, 100)
    os.write(1, b"0\r\nStarting kernel ...\r\n\r\n[    0.000000] Linux version 6.1.0\r\n")
    time.sleep(KERNEL_S)
    termios.tcsetattr(0, termios.TCSANOW, before)


def main() -> None:
    """For ever."""
    log, *command = sys.argv[1:]
    boots = command[0] == "boot"
    command = command[boots:]
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    while True:
        if boots:
            boot(log)
        with open(log, "ab") as file:
            file.write(b"runs\n")
        subprocess.run(command, preexec_fn=lambda: signal.signal(signal.SIGTTOU, signal.SIG_DFL), check=False)
        os.tcsetpgrp(0, os.getpgrp())
        boots = True


if __name__ == "__main__":
    main()
