"""``lastgasp pull``: recordings off devices: over SSH, a serial console, a socket, or out of a flash image."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lastgasp.cli.pulling import pull_image, pull_many, pull_one
from lastgasp.cli.record import milliseconds
from lastgasp.cli.signals import signalled
from lastgasp.pull import PullError, PullUsage, target

if TYPE_CHECKING:
    from argparse import _SubParsersAction

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
  3 something is here, but not all: pull again; 130 interrupted (what came is kept),
  129 or 143 by SIGHUP or SIGTERM
"""


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = commands.add_parser(
        "pull",
        help="get recordings off devices: SSH, serial console, flash image",
        description="Get what is new on a device, and keep it with what was pulled before. A device needs nothing but"
        " a shell: with lastgasp-agent on it, it is faster. Nothing is written to the device without --clear. A console"
        " is left as it was found.",
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=target.FORMS)
    parser.add_argument("-o", dest="folder", metavar="DIR", type=Path, help="where recordings are kept, a folder a"
                        " device (default $XDG_DATA_HOME/lastgasp, ~/.local/share/lastgasp)")  # fmt: skip
    parser.add_argument("--last", type=milliseconds, metavar="TIME", help="only the last so much of it: 30m, 2h")
    parser.add_argument("--ring", metavar="PATH", help="on the device; default: what /etc/lastgasp.conf there says")
    add_login(parser)
    parser.add_argument("--without-agent", action="store_true", help="read the ring with the device's own tools, even"
                        " if lastgasp-agent is there")  # fmt: skip
    parser.add_argument("--clear", action="store_true", help="then take what is here off the device's flash, after a"
                        " yes; costs its flash one write of the ring")  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--hosts", metavar="FILE", help="targets, one a line; # begins a comment")
    parser.add_argument("--jobs", type=int, default=8, metavar="N", help="of --hosts so many at once (default 8)")
    parser.add_argument("--json", action="store_true", help="what was pulled as JSON (explained in report/JSON.md)")
    parser.set_defaults(run=run)
    return parser


def add_login(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes to reach a shell."""
    parser.add_argument("--baud", type=int, help="speed of a serial line (default 115200)")
    parser.add_argument("--login", metavar="NAME", help="who logs in where a console asks for it")
    parser.add_argument("--password-file", metavar="FILE", help="its first line is the password; without it, you are"
                        " asked")  # fmt: skip
    parser.add_argument("--interrupt", action="store_true", help="end what runs in the console's foreground (Ctrl-C)")


def run(options: argparse.Namespace) -> int:
    """Pull. Raises PullError, OSError."""
    return signalled(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    """By what is named."""
    if bool(options.targets) == bool(options.hosts):
        raise PullUsage("name a device, or a file with devices (--hosts); see lastgasp pull --help")
    for what, given in [
        ("--ring", options.ring),
        ("--login", options.login),
        *((name, name) for name in options.targets),
    ]:
        pull_one.check(what, given)
    if options.clear and options.without_agent:
        raise PullUsage("--clear: only lastgasp-agent on a device can do that; leave out --without-agent")
    images = [name for name in options.targets if target.is_image(name)]
    if images and len(images) < len(options.targets):
        raise PullUsage(f"{images[0]}: is a flash image; name images and devices in commands of their own")
    if images:
        if options.clear or options.last is not None:
            raise PullUsage(f"{'--clear' if options.clear else '--last'}: is for devices; leave it out with an image")
        return pull_image.run(options, images)
    if options.hosts or len(options.targets) > 1:
        return pull_many.run(options)
    if options.clear and not options.yes and not sys.stdin.isatty():
        raise PullError("--clear: nobody is there to ask; say --yes, too")
    return pull_one.run(options, options.targets[0])
