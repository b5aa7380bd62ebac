"""SIGTERM and SIGHUP for commands that have something to give back, such as a device's console."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

SIGNALLED = 128  # and the signal's number: the exit status


def signalled(work: Callable[[], int]) -> int:
    """Have these signals end the work as Ctrl-C does; returns its exit status, or the signal's."""
    numbers: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        numbers.append(number)
        if len(numbers) == 1:  # the second one shall not end the giving back
            raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:  # else somebody wants it otherwise: nohup(1)
                before[number] = signal.signal(number, end)
    try:
        return work()
    except KeyboardInterrupt:
        if not numbers:
            raise
        return SIGNALLED + numbers[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
