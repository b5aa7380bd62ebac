"""What the agent uses of the C module behind ``signal``; typeshed has no stub for it."""

from collections.abc import Callable
from types import FrameType

SIGALRM: int
SIGHUP: int
SIGINT: int
SIGTERM: int
SIGUSR1: int

def alarm(seconds: int, /) -> int: ...
def set_wakeup_fd(fd: int, *, warn_on_full_buffer: bool = True) -> int: ...
def signal(signalnum: int, handler: Callable[[int, FrameType | None], object]) -> object: ...
