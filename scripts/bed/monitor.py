"""QEMU's monitor, spoken in QMP: what is done to a guest from outside.

One line of JSON each way: https://www.qemu.org/docs/master/interop/qmp-spec.html. Events are passed over.
"""

import json
import socket
import time
from pathlib import Path
from typing import Any

from .errors import BedError

TIMEOUT_S = 60
STATES = {"completed", "failed", "cancelled"}


class Monitor:
    """The laptop's end of the monitor's line."""

    def __init__(self, line: socket.socket) -> None:
        line.settimeout(TIMEOUT_S)
        self._line = line
        self._file = line.makefile("rb")
        self._ready = False

    def ask(self, command: str, **arguments: Any) -> Any:
        """Run one command; return its answer. Raises BedError when QEMU refuses it or has ended."""
        if not self._ready:
            self._ready = True
            self._read()  # the greeting
            self.ask("qmp_capabilities")
        words = {"execute": command, "arguments": arguments} if arguments else {"execute": command}
        try:
            self._line.sendall(json.dumps(words).encode() + b"\n")
            while "return" not in (answer := self._read()):
                if "error" in answer:
                    raise BedError(f"QEMU: {command}: {answer['error']['desc']}")
        except OSError as error:
            raise BedError(f"QEMU: {command}: {error}") from None
        return answer["return"]

    def _read(self) -> dict[str, Any]:
        line = self._file.readline()
        if not line:
            raise BedError("QEMU has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def save(self, state: Path) -> None:
        """Stop the guest and write its state to a file; its disks belong to the state, and are to be kept with it."""
        self.ask("stop")
        self.ask("migrate", uri=f"exec:cat > '{state}'")
        while (found := self.ask("query-migrate").get("status")) not in STATES:
            time.sleep(0.1)
        if found != "completed":
            raise BedError(f"QEMU: the guest's state could not be saved: {found}")

    def close(self) -> None:
        """End the talk."""
        self._file.close()
        self._line.close()
