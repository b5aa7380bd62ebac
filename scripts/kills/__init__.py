"""Real OOM kills on real kernels in the bed: what the kernel did, against what the model says and the agent recorded.

One module per idea, and each knows only those above it in this list:

- casts:      who is on a guest when memory runs out, as data, and what came of it (inside/cast.c plays it)
- scenarios:  the cases that must be told apart, each a cast with its guest and what must come of it
- population: random casts, from a seed
- judge:      whom the model names, from the report and from /proc a moment before, and whom the kernel killed
- stage:      a guest that plays casts
- record:     what the agent's ring holds of a kill
- play:       one scenario from boot to verdict
- many:       kills by the hundred, over all kernels
- command:    `qemu-bed oom`
"""
