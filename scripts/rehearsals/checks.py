"""One line for each thing that was checked or measured."""


class Checks:
    """Prints them as they come, each behind the name of what is rehearsed; remembers whether one failed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failed = 0

    def check(self, good: bool, text: str) -> None:
        """Something that has to be so."""
        self.failed += not good
        self._line("ok    " if good else "FAILED", text)

    def measured(self, text: str) -> None:
        """A figure; nothing is demanded of it."""
        self._line("figure", text)

    def _line(self, kind: str, text: str) -> None:
        print(f"{kind}  {self.name}: {text}", flush=True)
