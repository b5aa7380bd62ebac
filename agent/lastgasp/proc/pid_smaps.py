"""/proc/PID/smaps (fs/proc/task_mmu.c), summed by mapping while it streams by.

The kernel holds the target's mmap lock while it fills one read's buffer, so the caller reads little at a time
and may stop in between; ``Summary`` takes the pieces as they come.
"""

COLUMNS = (b"size", b"rss", b"pss", b"anonymous", b"private_dirty", b"swap")
_FIELDS = {
    b"Size:": 0,
    b"Rss:": 1,
    b"Pss:": 2,
    b"Anonymous:": 3,
    b"Private_Dirty:": 4,
    b"Swap:": 5,
}
_FIRST = -(1 << 64)
NAME_LIMIT = 160  # of longer ones the middle is left out: a file's own name, at the end, tells most


class Summary:
    """Sums of COLUMNS (kB) by mapping name.

    Memory: a name of at most NAME_LIMIT and six numbers for each.

    A file's mappings add up under its path, as the kernel writes it: a newline is "\\012", nothing else is escaped.
    So does its .bss, the nameless memory right behind its data. What is mapped behind a library by chance looks the
    same and may merge with its .bss, so no library gets more than its own size; the program, which comes first and
    has no neighbours, gets all. (Where brk is not randomised, kernels such as 6.1 call a program's .bss "[heap]".)

    Other nameless memory is "[anon]"; names that the kernel gives in brackets stay.
    """

    __slots__ = ("_base", "_end", "_file", "_rest", "_sums", "mappings", "totals")

    def __init__(self) -> None:
        self.totals: dict[bytes, list[int]] = {}
        self.mappings = 0  # areas seen
        self._rest = b""
        self._sums: list[int] = [0] * 6
        self._end = -1  # where the area before ended
        self._file = b""  # the file that it was a private mapping of
        self._base = 0  # where that file's first mapping began

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the file, cut anywhere."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            words = line.split(None, 5)
            if not words:
                continue
            field = _FIELDS.get(words[0])
            if field is not None:
                # No address space has 15 digits of kB, nor a number of areas that could sum up to 64 bits.
                if len(words) > 1 and words[1].isdigit() and len(words[1]) < 15:
                    self._sums[field] += int(words[1])
            elif not words[0].endswith(b":"):
                self._begin(words)

    def _begin(self, words: list[bytes]) -> None:
        """An area's first line: "start-end perms offset device inode name"."""
        first, _, last = words[0].partition(b"-")
        try:
            start, end, access = int(first, 16), int(last, 16), words[1]
        except (ValueError, IndexError):
            self._sums = [0] * 6  # not the area before it
            return
        name = words[5].rstrip() if len(words) > 5 else b""
        if name:
            if len(name) > NAME_LIMIT:
                name = name[:40] + b"..." + name[43 - NAME_LIMIT :]
            if name != self._file:
                self._base = start if self.mappings else _FIRST
            self._file = name if name[:1] == b"/" and access[3:] == b"p" else b""
        else:
            name = b"[anon]"
            if self._file and start == self._end and access[:2] == b"rw" and end - start <= start - self._base:
                name = self._file
            self._file = b""  # only the first nameless area behind a file is its .bss
        self._end = end
        self.mappings += 1
        sums = self.totals.get(name)
        if sums is None:
            sums = self.totals[name] = [0] * 6
        self._sums = sums
