"""A simulated LLM inference server that looks like vLLM to its clients.

A real HTTP server in a process of its own, on the standard library alone. Its speed follows a
roofline model of a virtual accelerator (`hardware`, `roofline`), its memory and its failures
follow vLLM's (`memory`, `startup`). While serving, one simulated second is one wall-clock
second; only the start is shortened (`--start-scale`). Same seed, same behaviour, up to the
declared noise.
"""
