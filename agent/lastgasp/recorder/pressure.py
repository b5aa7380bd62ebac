"""Is memory short? Decides when to look more closely; pure, told the time by its caller."""

HOLD_MS = 30_000  # pressure lasts at least this long after its last sign
AHEAD = 2  # ticks: with vm.panic_on_oom what is not on flash before the last of the memory goes is lost


class Pressure:
    """Pressure is on when MemAvailable is under a share of RAM, tasks wait for memory, or the kernel says so.

    Also when MemAvailable would be under that share two ticks from now, if it went on as since the last one: on 128 MB
    a leak of 6 MB a second goes from 10 % to a panic within one tick of a second (measured on ARM, Linux 6.1).
    """

    __slots__ = ("_available_kb", "_stall_at_ms", "_stall_us", "_until_ms", "available", "on", "stall", "stall_share")

    def __init__(self, available: int, stall: int) -> None:
        """Both in thousandths: of MemTotal, and of elapsed time."""
        self.available = available
        self.stall = stall
        self.on = False
        self.stall_share = 0  # thousandths of the time since the last tick that some task waited for memory
        self._until_ms = -1
        self._available_kb = -1
        self._stall_us = -1
        self._stall_at_ms = 0

    def sign(self, now_ms: int) -> None:
        """Something says that memory is short: a PSI trigger, an OOM report."""
        self.on = True
        self._until_ms = now_ms + HOLD_MS

    def tick(self, now_ms: int, total_kb: int | None, available_kb: int | None, stalled_us: int | None) -> bool:
        """Judge the values of one tick; None is unknown. Returns ``on``."""
        if total_kb and available_kb is not None:
            fallen_kb = self._available_kb - available_kb
            ahead_kb = available_kb - AHEAD * fallen_kb if fallen_kb > 0 else available_kb
            if self.available and ahead_kb * 1000 < total_kb * self.available:
                self.sign(now_ms)
            self._available_kb = available_kb
        self.stall_share = 0
        if stalled_us is not None:
            passed_us = (now_ms - self._stall_at_ms) * 1000
            if self._stall_us >= 0 and passed_us > 0:
                self.stall_share = (stalled_us - self._stall_us) * 1000 // passed_us
                if stalled_us > self._stall_us and self.stall_share >= self.stall:
                    self.sign(now_ms)
            self._stall_us = stalled_us
            self._stall_at_ms = now_ms
        if self.on and now_ms >= self._until_ms:
            self.on = False
        return self.on
