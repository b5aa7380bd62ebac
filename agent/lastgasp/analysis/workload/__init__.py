"""What the device did: counters of work done, spans between marks, and which of them growth follows."""
