"""``lastgasp``: the command on the laptop, one module for each of its commands (``pulling``: those over a wire)."""
