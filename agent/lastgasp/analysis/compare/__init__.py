"""How two firmware versions differ in memory: what each program and the machine needed, and what of it is noise."""
