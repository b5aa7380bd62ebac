"""What stands before a console's shell: a banner, ``login:``, a password that is not echoed; and again after logout.

Run as the console's first program: ``getty.py USER PASSWORD WRONG_S SHELL...``. A wrong login is told after WRONG_S.
"""

import os
import signal
import subprocess
import sys
import termios
import time

LAST = "Last login: Mon Nov 23 12:00:01 UTC 2026 on ttyAMA0\n"
MOTD = "\nWelcome to Board OS 2.1 (kirkstone) # not for sale > $ %\n  0 failed logins; run: 'upgrade' now!\n\n"


def ask(prompt: str) -> str:
    """One line; "" at the end of input."""
    os.write(1, prompt.encode())
    return os.read(0, 4096).split(b"\n")[0].decode("utf-8", "replace")


def main(user: str, password: str, wrong_s: float, shell: list[str]) -> None:
    """For ever."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, lambda *_: None)
    sane = termios.tcgetattr(0)
    while True:
        termios.tcsetattr(0, termios.TCSAFLUSH, sane)
        os.write(1, b"\r\nBoard OS 2.1 board-17 ttyAMA0\n\n")
        name = ""
        while not name:
            name = ask("board-17 login: ")
        hidden = list(sane)
        hidden[3] &= ~termios.ECHO
        termios.tcsetattr(0, termios.TCSAFLUSH, hidden)
        given = ask("Password: ")
        termios.tcsetattr(0, termios.TCSAFLUSH, sane)
        os.write(1, b"\n")
        if (name, given) != (user, password):
            time.sleep(wrong_s)
            os.write(1, b"Login incorrect\n")
            continue
        os.write(1, (LAST + MOTD).encode())
        subprocess.run(shell, check=False, preexec_fn=reset)
        os.tcsetpgrp(0, os.getpgrp())
        with open("logouts", "a") as file:
            file.write(f"{termios.tcgetattr(0) == sane}\n")


def reset() -> None:
    """Signals as a login shell finds them."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTOU):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:])
