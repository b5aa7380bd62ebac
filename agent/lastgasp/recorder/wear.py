"""How often may a block be written before it is full? Flash wears out; a day has a budget for that.

A bucket holds a quarter of the daily budget and is filled at the budget's rate: pressure of minutes is written
sample by sample (17 minutes of it at the defaults), pressure of days no more often than the budget allows. What the
ring tells of the time before is counted: a device that boots again and again has no budget for each boot.
Pure, told the time.
"""

DAY_MS = 86_400_000


class Wear:
    """Spends ``budget`` bytes a day on early writes of ``cost`` bytes each."""

    __slots__ = ("_at_ms", "_tokens", "budget", "cost", "most")

    def __init__(self, budget: int, cost: int, now_ms: int = 0, spent: int = 0, during_ms: int = 0) -> None:
        """``spent`` early writes are known of, in a time of ``during_ms``."""
        self.budget = budget
        self.cost = cost
        self.most = max(budget // 4, cost) if budget else 0
        self._tokens = min(self.most, max(0, self.most + during_ms * budget // DAY_MS - spent * cost))
        self._at_ms = now_ms

    def allows(self, now_ms: int) -> bool:
        """Spend one early write if the budget has it."""
        earned = (now_ms - self._at_ms) * self.budget // DAY_MS
        if earned > 0:
            self._tokens = min(self.most, self._tokens + earned)
            self._at_ms = now_ms
        if self._tokens < self.cost:
            return False
        self._tokens -= self.cost
        return True
