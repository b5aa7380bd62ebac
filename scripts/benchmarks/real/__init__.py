"""Real programs with known behaviour, recorded by the real agent, and what the analysis makes of them.

One module per idea, and each knows only those above it in this list:

- labels:    what is true of each program: the tables beside the recordings in tests/recordings/{real,oom}
- cast:      which programs there are, and how each is started
- director:  starts the agent and then them, in namespaces of their own
- stage:     builds what they need, makes the namespaces, brings the ring home
- shapes:    which leaks are found, and who is accused wrongly
- kills:     when memory really ran out, and what the forecast had said at half-time
"""
