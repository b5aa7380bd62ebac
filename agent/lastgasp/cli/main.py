"""``lastgasp``: which command, and what becomes of errors.

A command module has ``add(commands)``, which declares its options and sets ``run``; ``run(options)`` returns the exit
status and raises only OSError and what is in ERRORS. No traceback reaches a user.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import traceback

from lastgasp import __version__
from lastgasp.cli import (
    advise,
    check,
    diff,
    export,
    fleet,
    leaks,
    oom,
    page_file,
    record,
    report,
    top,
    what_if,
)
from lastgasp.cli.package_lists import OwnershipError
from lastgasp.cli.pulling import live, ls, prune, pull
from lastgasp.cli.this_machine import LiveError
from lastgasp.pull import PullError, PullUsage
from lastgasp.recorder.ring_file import RingError
from lastgasp.report.export.target import ExportError
from lastgasp.report.screen import WIDTH
from lastgasp.report.visible import visible
from lastgasp.timeline.load import LoadError

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
ERRORS = (
    LoadError,
    ExportError,
    OwnershipError,
    PullError,
    RingError,
    record.RecordError,
    top.TopError,
    LiveError,
    page_file.PageError,
)
STATUS = """\
exit status:
  0 done; 1 it could not be done, or the input is no good; 2 wrong use;
  130 interrupted
"""
EXAMPLES = """\
examples:
  lastgasp record --for 60s              record this machine for a minute
  lastgasp report lastgasp-*.lgr         who leaks, how fast, since when
  dmesg | lastgasp oom -                 why the kernel killed, and whom
  ssh device lastgasp-agent dump | lastgasp report -
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    if sys.stdout is None:
        return complain("standard output is closed")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except PullUsage as error:
        complain(str(error))
        return WRONG_USE
    except ERRORS as error:
        return complain(str(error))
    except OSError as error:
        return complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}:{place.lineno}"
        return complain(f"this is a bug in lastgasp {__version__}, please report it: {error!r} at {where}")


def complain(text: str) -> int:
    """One line on standard error."""
    if sys.stderr is not None:
        sys.stderr.write(f"lastgasp: {visible(text)}\n")
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lastgasp",
        description="Read what was recorded of memory: who leaks, who was killed, and why.",
        epilog=f"{EXAMPLES}\n{STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"lastgasp {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (
        report,
        leaks,
        oom,
        what_if,
        advise,
        check,
        diff,
        export,
        fleet,
        top,
        live,
        pull,
        ls,
        prune,
        record,
    ):
        added = command.add(commands)
        added.epilog = f"{command.EXAMPLES}\n{getattr(command, 'STATUS', STATUS)}"
        added.description = textwrap.fill(added.description or "", WIDTH - 2)
        added.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


if __name__ == "__main__":
    sys.exit(main())
