"""What runs in the agent's interpreter, beside the agent: bytecode in its tree (see ``device.build``).

Like the agent, none of it imports more than it must: what is measured is memory.
"""
