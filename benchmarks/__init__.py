"""Races against hand-written PyTorch and TensorFlow, and against Keras.

``python -m benchmarks`` (``make bench``) runs them all, and writes the page
``docs/benchmarks.md`` and its pictures. Every entrant has a process of its own, with as
many threads as the others; they take turns, so that what else the machine does meets
all of them.
"""
