"""What ``scripts/bench`` measures: the agent beside its peers, one module per question.

How a run goes: ``bench`` builds one bytecode tree per interpreter and finds the peers; every measurement then is
a process of its own (``one``), in a PID namespace of its own where it may, so that it sees the workload and
nothing else, and nothing that it started outlives it. It hands back ``figure.Row``s; ``table`` prints them.

* ``recording``, ``memory``, ``growth``, ``syscalls``, ``flash``, ``decode``, ``modules``: the measurements
* ``device`` (our agent), ``peers`` (the others), ``workload``: what is started for them
* ``children``, ``procfs``, ``ring_use``, ``strace``: tools
* ``inside/``: what runs in the agent's own interpreter
"""
