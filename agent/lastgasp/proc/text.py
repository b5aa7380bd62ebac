"""What the kernel's text files are made of: lines, words, numbers.

Only whole lines count: of a file that was cut short, the first digits of a number would be another number.
Numbers are within 62 bits: they fit the ring's signed 64-bit integers, and so does the difference of two.
"""

LIMIT = 1 << 62


def lines(raw: bytes) -> list[bytes]:
    """The whole lines. Names may hold any other white space, so only a newline ends one."""
    found = raw.split(b"\n")
    found.pop()
    return found


def words(raw: bytes) -> list[bytes]:
    """The words of the whole lines."""
    return raw[: raw.rfind(b"\n") + 1].split()


def number(word: bytes) -> int:
    """The value of a decimal number; raises ValueError for what no kernel prints.

    The kernel keeps most counters signed and prints them unsigned. One that fell below zero (nothing holds vm
    counters at 0 in kernels without SMP) comes as 2**64 minus a little, and is given back as the negative number
    it is. What a 32-bit kernel prints, 2**32 minus a little, cannot be told from a large number.
    """
    if not word.isdigit() or len(word) > 20:  # int() takes signs, blanks and underscores, and not 4301 digits
        raise ValueError
    value = int(word)
    if value < LIMIT:
        return value
    value -= 1 << 64
    if not -LIMIT < value < 0:
        raise ValueError
    return value


def maybe(word: bytes) -> int | None:
    """As ``number``, but None for what no kernel prints."""
    try:
        return number(word)
    except ValueError:
        return None
