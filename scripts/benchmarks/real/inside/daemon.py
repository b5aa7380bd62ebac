"""A daemon in Python on the loopback interface: SCRIPT PORT; what it does is in its name. One line is one request.

leaky-api.py    remembers every request in a list that nobody ever empties
cached-api.py   remembers the latest 3,000
cycles-api.py   makes objects that refer to one another and has them collected once a minute
"""

import collections
import gc
import os
import selectors
import socket
import sys
import time

COLLECT_S = 60


class Node:
    """One of two that hold each other."""

    def __init__(self, line: bytes) -> None:
        self.other: Node | None = None
        self.body = line * 200


def main() -> None:
    """Serve for ever."""
    behaviour = os.path.basename(sys.argv[0]).partition("-")[0]
    entrance = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    selector = selectors.DefaultSelector()
    selector.register(entrance, selectors.EVENT_READ)
    history: list[dict[str, object]] = []
    cache: collections.OrderedDict[bytes, bytes] = collections.OrderedDict()
    if behaviour == "cycles":
        gc.disable()
    collected = time.monotonic()
    number = 0
    while True:
        for key, _ in selector.select():
            if key.fileobj is entrance:
                selector.register(entrance.accept()[0], selectors.EVENT_READ)
                continue
            peer = key.fileobj
            assert isinstance(peer, socket.socket)
            line = peer.recv(256)
            if not line:
                selector.unregister(peer)
                peer.close()
                continue
            number += 1
            if behaviour == "leaky":
                history.append({"number": number, "line": line * 40, "at": time.time(), "headers": {"n": str(number)}})
            elif behaviour == "cached":
                cache[b"%d" % number] = line * 100
                if len(cache) > 3000:
                    cache.popitem(last=False)
            else:
                one, other = Node(line), Node(line)
                one.other, other.other = other, one
                if time.monotonic() - collected > COLLECT_S:
                    gc.collect()
                    collected = time.monotonic()
            peer.sendall(b"ok\n")


if __name__ == "__main__":
    main()
