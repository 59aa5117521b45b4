"""The entrants that are written by hand in TensorFlow: `tf.function`, fused kernels.

Models are Keras layers, as TensorFlow's own guide for training loops has it; the update
is TensorFlow's fused kernel for Adam, which is faster than Keras's optimizer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import tensorflow as tf

from benchmarks.tasks import (
    GROWTH,
    OPERATIONS,
    TASKS,
    Size,
    batch,
    examples,
    operands,
    rows,
    sentences,
)
from benchmarks.with_keras import dense, model

Run = Callable[[], Any]
Step = Callable[[Any, Any], Any]

cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits


def training(made: Any, x: Any, mode: str, shapes: Any = None) -> Step:
    """Return a training step: ``"function"`` or ``"compiled"``, by XLA.

    Args:
        made: The model.
        x: Inputs, from which it learns its sizes.
        mode: Who makes the step.
        shapes: Those of the arguments, None for a size that changes; by default each
            shape is traced.
    """
    made(x)
    variables = [one.value for one in made.trainable_variables]
    slots = [
        (tf.Variable(tf.zeros_like(one)), tf.Variable(tf.zeros_like(one)))
        for one in variables
    ]
    powers = tf.Variable(0.9), tf.Variable(0.999)

    @tf.function(jit_compile=mode == "compiled", input_signature=shapes)
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = made(x, training=True)
            loss = tf.reduce_mean(cross_entropy(labels=y, logits=logits))
        gradients = tape.gradient(loss, variables)
        for one, (m, v), gradient in zip(variables, slots, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=one.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=1e-3,
                beta1=0.9,
                beta2=0.999,
                epsilon=1e-8,
                grad=tf.convert_to_tensor(gradient),
            )
        powers[0].assign(powers[0] * 0.9)
        powers[1].assign(powers[1] * 0.999)
        return loss

    return step


def stepping(made: Any, x: Any, y: Any, mode: str) -> Run:
    """Return a training step on one batch."""
    step = training(made, x, mode)
    return lambda: step(x, y)


def lengths(task: str) -> dict[str, Run]:
    """Return training steps on batches of all lengths."""
    batches = [tuple(map(tf.constant, one)) for one in sentences(task)]
    x, y = batches[0]
    shapes = tf.TensorSpec((None, None), x.dtype), tf.TensorSpec((None,), y.dtype)
    step = training(model(task), x, "function", shapes)
    return {"": lambda: [step(x, y) for x, y in batches][-1]}


def step(task: str, mode: str) -> dict[str, Run]:
    """Return a training step on one batch."""
    x, y = map(tf.constant, batch(task))
    return {"": stepping(model(task), x, y, mode)}


def growing(what: str) -> dict[str, Run]:
    """Return training steps of MLPs that grow."""

    def stepping_at(size: Size) -> Run:
        x, y = map(tf.constant, examples(size))
        return stepping(dense([size.width] * size.depth), x, y, "function")

    sys.setrecursionlimit(100_000)  # Keras calls its layers inside each other
    return {name: stepping_at(size) for name, size in GROWTH[what].items()}


def predict(task: str, count: int, size: int) -> dict[str, Run]:
    """Return the model's results for many rows, in batches."""
    x, _ = rows(TASKS[task], count)
    made = model(task)
    forward = tf.function(
        lambda x: tf.nn.softmax(made(x, training=False)), reduce_retracing=True
    )

    def run() -> Any:
        found = [forward(x[at : at + size]) for at in range(0, count, size)]
        return tf.concat(found, 0).numpy()[0, 0]

    return {"": run}


def derivatives(task: str) -> dict[str, Run]:
    """Return gradient and Hessian-vector product of a loss."""
    x, y = map(tf.constant, batch(task))
    made = model(task)
    made(x)
    variables = [one.value for one in made.trainable_variables]
    along = [tf.ones_like(one) for one in variables]

    def loss(x: Any, y: Any) -> Any:
        logits = made(x, training=False)
        return tf.reduce_mean(cross_entropy(labels=y, logits=logits))

    @tf.function
    def gradient(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(x, y)
        return tape.gradient(value, variables)

    @tf.function
    def product(x: Any, y: Any) -> Any:
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                value = loss(x, y)
            found = inner.gradient(value, variables)
        return outer.gradient(found, variables, along)

    return {
        "gradient": lambda: gradient(x, y)[0],
        "Hessian-vector product": lambda: product(x, y)[0],
    }


def operations(size: int) -> dict[str, Run]:
    """Return eager operations."""
    x, y, index = (tf.constant(value) for value in operands(size).values())
    positive = x > 1.0
    calls: dict[str, Run] = {
        "add": lambda: tf.add(x, y),
        "multiply": lambda: tf.multiply(x, y),
        "divide": lambda: tf.divide(x, y),
        "maximum": lambda: tf.maximum(x, y),
        "exp": lambda: tf.exp(x),
        "log": lambda: tf.math.log(x),
        "tanh": lambda: tf.tanh(x),
        "relu": lambda: tf.nn.relu(x),
        "sigmoid": lambda: tf.sigmoid(x),
        "softmax": lambda: tf.nn.softmax(x),
        "sum": lambda: tf.reduce_sum(x, 0),
        "mean": lambda: tf.reduce_mean(x, 0),
        "max": lambda: tf.reduce_max(x, 0),
        "matmul": lambda: tf.matmul(x, y),
        "reshape": lambda: tf.reshape(x, (-1,)),
        "permute_dims": lambda: tf.transpose(x, (1, 0)),
        "concat": lambda: tf.concat([x, y], 0),
        "where": lambda: tf.where(positive, x, y),
        "take": lambda: tf.gather(x, index),
        "astype": lambda: tf.cast(x, tf.float64),
    }
    return {name: calls[name] for name in OPERATIONS}
