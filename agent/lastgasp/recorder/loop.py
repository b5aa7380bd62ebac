"""poll() and who is told: the agent's only place to wait."""

import _signal
import posix
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Loop:
    """Descriptors with a handler each, and signals that arrive between two handlers."""

    __slots__ = ("_handlers", "_on_signal", "_poller", "_signals")

    def __init__(self) -> None:
        self._poller = select.poll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._signals: list[int] = []
        self._on_signal: Callable[[int], None] | None = None

    def watch(self, fd: int, handler: "Callable[[int], None]", events: int = select.POLLIN) -> None:
        """Call ``handler(fd)`` when something happens on ``fd``; a negative one is absent and ignored."""
        if fd >= 0:
            self._poller.register(fd, events)
            self._handlers[fd] = handler

    def unwatch(self, fd: int) -> None:
        """No more; to be called before the descriptor is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._poller.unregister(fd)

    def wait(self, timeout_ms: int) -> None:
        """Wait for something to happen, no longer than ``timeout_ms``, and have it handled."""
        for fd, _ in self._poller.poll(max(0, timeout_ms)):
            handler = self._handlers.get(fd)
            if handler is not None:
                handler(fd)

    def catch_signals(self, on_signal: "Callable[[int], None]") -> None:
        """Have SIGTERM, SIGINT, SIGHUP and SIGUSR1 told to ``on_signal``, from within ``wait``."""
        self._on_signal = on_signal
        reader, writer = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
        _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGUSR1):
            _signal.signal(number, self._note)
        self.watch(reader, self._drain)

    def _note(self, number: int, _: object) -> None:
        """Called by the interpreter anywhere: only remembers."""
        if number not in self._signals:
            self._signals.append(number)

    def _drain(self, fd: int) -> None:
        posix.read(fd, 64)
        while self._signals and self._on_signal is not None:
            self._on_signal(self._signals.pop())
