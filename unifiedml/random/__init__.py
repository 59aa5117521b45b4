"""Random numbers: one stream, the same on every backend, device and in every mode.

What is drawn depends on a `Key`, the number of the draw and the place of the element,
never on the backend or on what was drawn before. There are two ways to draw:

    um.random.seed(0)
    um.random.normal((3,))  # a draw of the run's own key; the next call is the next

    key = um.random.key(0, "augmentation")
    um.random.normal((3,), key=key, draw=5)  # the same numbers whenever it is called

The state of a run is ``(seed, step)``, where ``step`` counts the calls without a key.
A program that never calls `seed` has seed 0, so it too gives the same numbers in every
run. Layers draw with keys of their own (`layer_key`), so that what happens elsewhere
in a program cannot shift them.

Numbers are made on the host from the stream of `unifiedml._philox`. Where ``draw`` is
a tensor, such as the step counter of a compiled program, they are made by operations
on tensors, of the same bits, and no new draw needs a new trace.
"""

from __future__ import annotations

from unifiedml.random._keys import Key as Key
from unifiedml.random._keys import fold_in as fold_in
from unifiedml.random._keys import get_state as get_state
from unifiedml.random._keys import key as key
from unifiedml.random._keys import layer_key as layer_key
from unifiedml.random._keys import seed as seed
from unifiedml.random._keys import set_state as set_state
from unifiedml.random._keys import split as split
from unifiedml.random._samplers import bernoulli as bernoulli
from unifiedml.random._samplers import bits as bits
from unifiedml.random._samplers import keep_mask as keep_mask
from unifiedml.random._samplers import keep_scale as keep_scale
from unifiedml.random._samplers import normal as normal
from unifiedml.random._samplers import permutation as permutation
from unifiedml.random._samplers import randint as randint
from unifiedml.random._samplers import symmetric_uniform as symmetric_uniform
from unifiedml.random._samplers import truncated_normal as truncated_normal
from unifiedml.random._samplers import uniform as uniform

__all__ = [
    "Key",
    "bernoulli",
    "bits",
    "fold_in",
    "get_state",
    "keep_mask",
    "keep_scale",
    "key",
    "layer_key",
    "normal",
    "permutation",
    "randint",
    "seed",
    "set_state",
    "split",
    "symmetric_uniform",
    "truncated_normal",
    "uniform",
]
