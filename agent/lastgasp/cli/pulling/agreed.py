"""A question before something is deleted."""

from __future__ import annotations

import sys

from lastgasp.pull import PullError


def agreed(question: str) -> bool:
    """Did a person say yes? Raises PullError where there is none."""
    if not sys.stdin.isatty():
        raise PullError(f"{question.strip()} Nobody is there to answer; say --yes")
    sys.stderr.write(f"{question} yes/no: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
