"""A question to the running agent, by its control socket."""

from __future__ import annotations

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lastgasp.recorder.config import Config

ANSWER_LIMIT = 65536
TIMEOUT_S = 10.0


class NoAgent(Exception):
    """Nobody answers on the control socket; str() is the line to show."""


class NotAllowed(NoAgent):
    """There may be an agent, but not for us."""


def ask(config: Config, request: str) -> str:
    """One request to the running agent. Raises NoAgent."""
    path = config.control_socket
    if not path:
        raise NoAgent("the configuration has control_socket = none: the agent cannot be asked")
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.settimeout(TIMEOUT_S)
    answer = b""
    try:
        connection.connect(path)
        connection.sendall(request.encode("utf-8", "surrogateescape") + b"\n")
        while len(answer) < ANSWER_LIMIT:
            piece = connection.recv(4096)
            if not piece:
                break
            answer += piece
    except PermissionError:
        raise NotAllowed(f"{path}: permission denied: ask as the user that the agent runs as (root)") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise NoAgent(f"no agent answers on {path} ({reason}); start it with: lastgasp-agent run") from None
    finally:
        connection.close()
    return answer.decode("utf-8", "replace")
