"""The agent on the device: what is looked at, when, and how it stays out of everybody's way.

``main`` is the command, ``agent`` the one loop; ``system``, ``processes``, ``mappings`` and ``groups`` read the
kernel through ``proc`` and hand rows to ``ring``; ``pressure``, ``wear`` and ``alerts`` decide; ``kernel_log``
and ``births`` listen; ``control`` answers; ``protect`` keeps the agent itself alive.

Imports are memory here: nothing but built-in modules and ``zlib``, ``select``, ``_socket``, ``_struct``.
"""
