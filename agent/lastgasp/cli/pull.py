"""``lastgasp pull``: recordings off devices: over SSH, a serial console, a socket, or out of a flash image."""

from __future__ import annotations

import argparse
import functools
import getpass
import json
import os
import shlex
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lastgasp.cli.pull_progress import Line
from lastgasp.cli.record import _time
from lastgasp.pull import PullError, session, store, target
from lastgasp.pull.console import Credentials
from lastgasp.pull.progress import Progress
from lastgasp.pull.session import Options, Result
from lastgasp.report import units
from lastgasp.report.visible import visible

if TYPE_CHECKING:
    from argparse import _SubParsersAction

FORMAT = 1
DONE, PARTLY = 0, 3
EXAMPLES = """\
examples:
  lastgasp pull root@192.0.2.7           over SSH, with your own configuration
  lastgasp pull /dev/ttyUSB0 --login root --last 2h
                                         over a console with a login prompt
  lastgasp pull unix:/tmp/qemu.sock      a console behind a socket (also
                                         tcp:HOST:PORT)
  lastgasp pull mtd3.bin                 out of a flash dump or a card in a reader
  lastgasp pull --hosts bench.txt        many devices at once
"""
STATUS = """\
exit status:
  0 all that is new is here; 1 nothing could be pulled; 2 wrong use;
  3 something is here, but not all: pull again; 130 interrupted (what came is kept)
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "pull",
        help="get recordings off devices: SSH, serial console, flash image",
        description="Get what is new on a device, and keep it with what was pulled before. A device needs nothing but"
        " a shell: with lastgasp-agent on it, it is faster. Nothing is written to the device. A console is left as it"
        " was found.",
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=target.FORMS)
    parser.add_argument("-o", dest="folder", metavar="DIR", type=Path, help="where recordings are kept, a folder a"
                        " device (default $XDG_DATA_HOME/lastgasp, ~/.local/share/lastgasp)")  # fmt: skip
    parser.add_argument("--last", type=_time, metavar="TIME", help="only the last so much of it: 30m, 2h")
    parser.add_argument("--ring", metavar="PATH", help="on the device; default: what /etc/lastgasp.conf there says")
    parser.add_argument("--baud", type=int, help="speed of a serial line (default 115200)")
    parser.add_argument("--login", metavar="NAME", help="who logs in where a console asks for it")
    parser.add_argument("--password-file", metavar="FILE", help="its first line is the password; without it, you are"
                        " asked")  # fmt: skip
    parser.add_argument("--interrupt", action="store_true", help="end what runs in the console's foreground (Ctrl-C)")
    parser.add_argument("--without-agent", action="store_true", help="read the ring with the device's own tools, even"
                        " if lastgasp-agent is there")  # fmt: skip
    parser.add_argument("--hosts", metavar="FILE", help="targets, one a line; # begins a comment")
    parser.add_argument("--jobs", type=int, default=8, metavar="N", help="of --hosts so many at once (default 8)")
    parser.add_argument("--json", action="store_true", help="what was pulled as JSON (explained in report/JSON.md)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Pull. Raises PullError, OSError."""
    if bool(options.targets) == bool(options.hosts):
        raise PullError("name a device, or a file with devices (--hosts); see lastgasp pull --help")
    if options.hosts or len(options.targets) > 1:
        from lastgasp.cli import pull_many

        return pull_many.run(options)
    (name,) = options.targets
    if target.is_image(name):
        from lastgasp.cli import pull_image

        return pull_image.run(options, name)
    with Line(sys.stderr, name) as line:
        try:
            result = one(options, name, line.tell)
        except KeyboardInterrupt:
            line.end()
            sys.stderr.write("lastgasp: interrupted; what came is kept, and the next pull goes on from there\n")
            raise
    sys.stdout.write(json.dumps(as_json([(name, result)]), indent=1) + "\n" if options.json else told(name, result))
    return PARTLY if result.progress.missing else DONE


def one(
    options: argparse.Namespace,
    name: str,
    tell: Callable[[str, Progress], None],
    halted: Callable[[], bool] | None = None,
) -> Result:
    """One device; with ``halted`` among many, when nobody answers questions. Raises PullError, OSError."""
    batch = halted is not None
    wire = target.wire(name, options.baud, batch)()
    wire.halted = halted or wire.halted
    credentials = Credentials(options.login, password(options, batch))
    wanted = Options(
        options.folder or store.default_folder(),
        credentials,
        options.ring,
        None if options.last is None else max(1, options.last // 1000),
        options.interrupt,
        options.without_agent,
    )
    return session.pull(wire, wanted, tell)


def password(options: argparse.Namespace, batch: bool) -> functools.partial[bytes]:
    """How to have the password when a device asks for it; once, for a console may ask twice."""
    known: list[bytes] = []
    return functools.partial(_password, options.password_file, options.login or "", batch, known)


def _password(path: str | None, login: str, batch: bool, known: list[bytes]) -> bytes:
    """Raises PullError, OSError."""
    if not known:
        if path is not None:
            with open(path, "rb") as file:
                if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and os.fstat(file.fileno()).st_mode & 0o077:
                    sys.stderr.write(f"lastgasp: note: others can read {visible(path)}; chmod 600 it\n")
                known.append(file.readline().rstrip(b"\r\n"))
        elif batch or not sys.stdin.isatty():
            raise PullError(f"the device asks for the password of {login}: give it in --password-file")
        else:
            known.append(getpass.getpass(f"password of {login} on the device: ").encode())
    return known[0]


def told(name: str, result: Result) -> str:
    """What was pulled, and what to type next."""
    progress = result.progress
    device = visible(result.identity.host) or "a device without a name"
    if not progress.blocks:
        head = f"Nothing is new on {device} ({visible(name)})."
        if not result.files:
            head = f"{device} ({visible(name)}) has recorded nothing yet: its ring is blank."
    else:
        speed = progress.done_bytes / result.seconds if result.seconds else 0
        head = (
            f"Pulled {units.count(progress.blocks, 'new block')} ({units.size(progress.done_bytes)}) of {device} in"
            f" {units.duration(result.seconds * 1000)}, {units.size(speed)}/s."
        )
    lines = [head]
    if progress.again or result.breaks:
        lines.append(
            f"The line was bad: {units.count(progress.again, 'piece')} asked for again"
            + (f", {units.count(result.breaks, 'time')} broken off and gone on" if result.breaks else "")
            + "; every block is checked."
        )
    if not result.with_agent:
        lines.append("There is no lastgasp-agent that sends: the ring was read with the device's own tools.")
    if progress.missing:
        lines.append(f"Not all: {units.count(progress.missing, 'block')} could not be had; pull again.")
    lines += [f"  {visible(str(path))}" for path in result.new]
    if len(result.files) > 1:
        lines.append(
            f"note: this device has had {len(result.files)} rings: it made a new one, or two devices say that they are"
            " this one"
        )
    last = max(result.new or result.files, key=lambda path: path.stat().st_mtime, default=None)
    if last is not None:
        lines.append(f"Next: lastgasp report {shlex.quote(visible(str(last)))}")
    return "\n".join(lines) + "\n"


def as_json(results: list[tuple[str, Result]]) -> dict[str, object]:
    """One object for all."""
    devices = []
    for name, result in results:
        identity = result.identity
        devices.append(
            {
                "target": visible(name),
                "host": visible(identity.host),
                "folder": str(result.folder),
                "files": [str(path) for path in result.files],
                "new_blocks": result.progress.blocks,
                "new_bytes": result.progress.done_bytes,
                "missing_blocks": result.progress.missing,
                "asked_again": result.progress.again,
                "received_bytes": result.received,
                "seconds": round(result.seconds, 3),
                "with_agent": result.with_agent,
            }
        )
    return {"lastgasp_pull": FORMAT, "devices": devices}
