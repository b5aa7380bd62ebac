"""SQL for a sqlite3 that runs for ever: rows come and go, and a part of them is read again and again."""

import itertools
import random
import sys
import time

ROWS = 40_000
BATCH = 60


def main() -> None:
    """Write until nobody reads."""
    chance = random.Random(7)
    say = sys.stdout.write
    say("PRAGMA cache_size=-8000; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;\n")
    say("DROP TABLE IF EXISTS measured;\n")
    say("CREATE TABLE measured (number INTEGER PRIMARY KEY, sensor INTEGER, text TEXT);\n")
    for first in itertools.count(0, BATCH):
        texts = ["t" * chance.randint(200, 600) for _ in range(BATCH)]
        rows = (f"({first + i},{chance.randint(1, 99)},'{text}')" for i, text in enumerate(texts))
        say(f"INSERT INTO measured VALUES {','.join(rows)};\n")
        say(f"DELETE FROM measured WHERE number < {first - ROWS};\n")
        low = max(first - chance.randint(0, ROWS), 0)
        say(f"SELECT count(*), sum(length(text)) FROM measured WHERE number BETWEEN {low} AND {low + 500};\n")
        sys.stdout.flush()
        time.sleep(0.5)


if __name__ == "__main__":
    main()
