"""Who answers on the serial line of a guest that is set up `apart`, and the kernel that talks into it."""

import shlex
from dataclasses import dataclass

from .guest import Guest

PASSWORD = "a \"b$c 'd"
"""Root's, with all that a shell could take amiss."""
PASSWD = (
    b"root:$6$lastgasp$fkBotEbrlCITFsUYcUXaTxyJDfO8F07GR/Yo3C1L.FDfJwLwoWHRCXW.EW24bi3PptCoCgTg6GCB6VMWx8I32/"
    b":0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
)
"""etc/passwd with that password; the hash is that of `openssl passwd -6 -salt lastgasp`."""
BASH = ("bash", "bin/bash")
"""For Setup.programs."""
TTY = "/dev/ttyAMA0"
SANE = f"stty -F {TTY} sane"
# As an init would: whoever leaves is asked again.
ANSWERING = {
    "login": f"getty -L 115200 {TTY.removeprefix('/dev/')} vt100",
    "ash": f"setsid -c sh -l < {TTY} > {TTY} 2>&1",
    # As with init=/bin/sh, or a shell that a simple init starts: no job control, and it says so.
    "bare": "setsid sh < /dev/console > /dev/console 2>&1",
    "bash": f"setsid -c bash --login -i < {TTY} > {TTY} 2>&1",
}
SILENCE = f"""
[ ! -e /run/answer.pid ] || kill -9 $(cat /run/answer.pid)
for process in /proc/[0-9]*; do
    case $(readlink $process/fd/0) in
        {TTY} | /dev/console) [ $process = /proc/1 ] || kill -9 ${{process#/proc/}} ;;
    esac
done
true
"""
# What a shell starts by "&" has SIGINT ignored, and no shell can undo that; what an init starts has not.
UNDO_IGNORE = """
import os, _signal, sys
_signal.signal(_signal.SIGINT, _signal.SIG_DFL)
_signal.signal(_signal.SIGQUIT, _signal.SIG_DFL)
os.setsid()
os.execv("/bin/sh", ["sh", "-c", sys.argv[1]])
"""
FLOOD_PID = "/run/flood.pid"


@dataclass(frozen=True, slots=True)
class Flood:
    """Lines of the kernel in the middle of everything."""

    lines_a_second: float
    level: int  # 0 is KERN_EMERG, which no console log level keeps away
    text: str = "flood: a driver has something to say that nobody asked for, and says it again and again"


def answer(guest: Guest, who: str, log_level: int = 7) -> None:
    """Have ANSWERING[who] run on the serial line from now on; the kernel prints there below this level."""
    guest.check(SILENCE)
    guest.check(f"{SANE}; dmesg -n {log_level}")
    loop = f"echo $$ > /run/answer.pid; while :; do {ANSWERING[who]}; sleep 1; done"
    guest.check(f"python3 -I -S -c {shlex.quote(UNDO_IGNORE)} {shlex.quote(loop)} > /run/answer.log 2>&1 &")


def flood(guest: Guest, wanted: Flood) -> None:
    """Start it."""
    pause = f"usleep {round(1e6 / wanted.lines_a_second)}"
    loop = f"n=0; while :; do n=$((n + 1)); echo '<{wanted.level}>{wanted.text}' $n > /dev/kmsg; {pause}; done"
    guest.check(f"sh -c {shlex.quote(loop)} & echo $! > {FLOOD_PID}")


def calm(guest: Guest) -> None:
    """End it."""
    guest.check(f"kill $(cat {FLOOD_PID})")
