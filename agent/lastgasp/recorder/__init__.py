"""The agent on the device: what is looked at, when, and how it stays out of everybody's way.

``main`` is the command, ``agent`` the one loop; ``system``, ``processes``, ``mappings`` and ``groups`` read the
kernel through ``proc`` and hand rows to ``ring``; ``pressure``, ``wear`` and ``alerts`` decide; ``kernel_log``
and ``births`` listen; ``control`` answers; ``protect`` keeps the agent itself alive. ``client`` does the other
commands, and asks the running agent by ``ask``.

Imports are memory here: nothing but built-in modules and ``zlib``, ``select``, ``_socket``, ``_struct``.
"""

import sys


def complain(text: str, status: int) -> int:
    """One line to standard error; gives the exit status back."""
    try:
        sys.stderr.write(f"lastgasp-agent: {text}\n")
    except (AttributeError, OSError):  # closed before we were started, or nobody reads it any more
        pass
    return status
