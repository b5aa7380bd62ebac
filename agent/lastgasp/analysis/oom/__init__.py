"""Why a kill happened: cause, memory at the kill, what went before, and what several kills have in common."""
