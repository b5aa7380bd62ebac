"""The clients of all servers, in one process: load.py KIND PORT RATE... (three words for each server).

KIND is how to ask: line (one of 16 to 40 bytes), burst (the same, in half minutes of much, little and nothing), http
(a file from nginx), once (a file, on a connection of its own), set and get (redis), new (redis: a key that was never
there), expire (the same, for two minutes), session (opens connections and keeps them). Requests come by chance, RATE of
them a second in the long run; the number of sessions goes up and down between nearly none and RATE in ten minutes.
"""

import collections
import heapq
import math
import random
import socket
import sys
import time

SESSION_PERIOD_S = 600


def connected(port: int) -> socket.socket:
    """A connection; the server may still be starting."""
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit(f"load: nobody listens on port {port}")


def redis(*words: bytes) -> bytes:
    """A command as redis reads it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Client:
    """The load on one server."""

    def __init__(self, kind: str, port: int, rate: float, chance: random.Random) -> None:
        self.kind, self.port, self.rate, self.chance = kind, port, rate, chance
        self.number = 0
        self.sessions: collections.deque[socket.socket] = collections.deque()
        self.peer = connected(port) if kind not in ("session", "once") else None
        self.began = self.until = time.monotonic()
        self.factor = 1.0

    def once(self) -> float:
        """One request; returns how long to wait for the next, in seconds."""
        self.number += 1
        if self.peer is None:
            return self._sessions() if self.kind == "session" else self._connection()
        self.peer.sendall(self._request())
        answer = self.peer.recv(65536)
        if self.kind == "burst":
            return self._burst()
        if self.kind == "http" and (not answer or b"Connection: close" in answer):
            self.peer.close()
            self.peer = connected(self.port)
        return self.chance.expovariate(self.rate)

    def _request(self) -> bytes:
        if self.kind in ("line", "burst"):
            return b"x" * self.chance.randint(16, 40)
        if self.kind in ("http", "once"):
            return b"GET /page%d.html HTTP/1.1\r\nHost: localhost\r\n\r\n" % self.chance.randint(1, 8)
        value = b"v" * self.chance.randint(300, 500)
        if self.kind == "expire":
            return redis(b"SETEX", b"key:%d" % self.number, b"120", value)
        if self.kind == "new":
            return redis(b"SET", b"key:%d" % self.number, value)
        key = b"key:%d" % self.chance.randint(1, 6000)
        return redis(b"SET", key, value) if self.kind == "set" else redis(b"GET", key)

    def _burst(self) -> float:
        now = time.monotonic()
        if now >= self.until:
            self.until = now + self.chance.uniform(15, 45)
            self.factor = self.chance.choice((0.0, 0.3, 1.0, 2.0))
        return self.chance.expovariate(self.rate * self.factor) if self.factor else self.until - now

    def _connection(self) -> float:
        with connected(self.port) as peer:
            peer.sendall(self._request())
            while peer.recv(65536):
                pass
        return self.chance.expovariate(self.rate)

    def _sessions(self) -> float:
        phase = 2 * math.pi * (time.monotonic() - self.began) / SESSION_PERIOD_S
        wanted = self.rate * (1.05 - math.cos(phase)) / 2.05 + self.chance.gauss(0, 1)
        if len(self.sessions) < wanted:
            self.sessions.append(connected(self.port))
        elif self.sessions:
            self.sessions.popleft().close()
        for peer in list(self.sessions)[-2:]:
            peer.sendall(b"hello")
            peer.recv(256)
        return 1.0


def main() -> None:
    """Ask for ever."""
    words = sys.argv[1:]
    chance = random.Random(4)
    clients = [Client(words[i], int(words[i + 1]), float(words[i + 2]), chance) for i in range(0, len(words), 3)]
    due = [(time.monotonic(), number) for number in range(len(clients))]
    heapq.heapify(due)
    while due:
        at, number = heapq.heappop(due)
        time.sleep(max(0.0, at - time.monotonic()))
        try:
            wait_s = clients[number].once()
        except OSError:  # the server was killed
            continue
        heapq.heappush(due, (max(at + wait_s, time.monotonic() - 1), number))


if __name__ == "__main__":
    main()
