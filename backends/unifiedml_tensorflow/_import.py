"""What must happen before TensorFlow is imported and first used."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import lru_cache
from inspect import unwrap
from typing import Any

# TensorFlow greets every process with a page of notes, and warns of operations that
# fail, which the frontend reports itself. XLA's maxima on the CPU would drop NaN.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# What stands last counts.
os.environ["XLA_FLAGS"] = " ".join(
    [os.environ.get("XLA_FLAGS", ""), "--xla_cpu_enable_fast_min_max=false"]
).strip()

# Triton's LLVM and TensorFlow's both register their options. If TensorFlow comes
# first, whatever imports torch._dynamo later aborts the process.
if importlib.util.find_spec("triton") and importlib.util.find_spec("torch"):
    importlib.import_module("torch._dynamo")

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context, record
from tensorflow.python.eager.execute import execute

# Without this, TensorFlow takes all memory of each GPU, also PyTorch's share.
for _gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(_gpu, True)
# TF32 keeps 10 of float32's 23 bits in matrix products.
tf.config.experimental.enable_tensor_float_32_execution(False)

Eager = type(tf.constant(0))


# The function behind a raw operation, which takes positional arguments.
kernel: Callable[[Any], Callable[..., Any]] = unwrap


@lru_cache(maxsize=4096)
def integers(
    values: int | tuple[int, ...] | tuple[tuple[int, int], ...], dtype: Any = None
) -> Any:
    """Return a shape, an axis or axes as a tensor, int32 if that holds them.

    Kernels take lists, too, but converting one costs more than most kernels.
    """
    if dtype is None:
        dtype = tf.int64 if np.any(np.abs(values) >= 2**31) else tf.int32
    # Kernels read it on the host. Made while a graph is traced, it outlives the graph.
    with tf.init_scope(), tf.device("CPU"):
        return tf.constant(values, dtype)


def is_unrecorded(x: Any) -> bool:
    """Tell whether nothing can ask for a derivative of a result."""
    return type(x) is Eager and not record.could_possibly_record()


__all__ = ["Eager", "context", "execute", "integers", "kernel", "record", "tf"]
