"""Layers against PyTorch's and Keras's own, with the same weights.

`torch.nn` and Keras are judges that share no code with ours. Their layers get our
parameters, put into their layout by operations of their framework, so that gradients
come back in ours. All in float64: what differs then is no rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.func import functional_call

import unifiedml as um
from unifiedml.testing import assert_close

nn = um.nn
Call = Callable[..., Any]
Weights = Mapping[str, Any]


@dataclass
class Case:
    """A layer, and the same of others.

    Attributes:
        make: Returns ours.
        shapes: The shapes of its inputs.
        torch: The same by `torch.nn`, a function of parameters and inputs.
        keras: The same by Keras.
        options: Arguments of the calls by name, for ours.
        top: Inputs are integers below this.
    """

    make: Callable[[], um.Module]
    shapes: list[tuple[int, ...]]
    torch: Call | None = None
    keras: Call | None = None
    options: Mapping[str, Any] | None = None
    top: int | None = None


# --- how theirs are called ------------------------------------------------------------


def of_torch(module: torch.nn.Module, weights: Mapping[str, Any], *inputs: Any) -> Any:
    given = {name: x for name, x in weights.items() if x is not None}
    return functional_call(module.double(), given, inputs)


def of_keras(layer: Any, weights: list[Any], *inputs: Any, **options: Any) -> Any:
    if not layer.built:
        layer.build(*(x.shape for x in inputs))
    kept = [one.value for one in layer.non_trainable_variables]
    assert len(layer.trainable_variables) == len(weights)
    return layer.stateless_call(weights, kept, *inputs, **options)[0]


def first(x: Any) -> Any:
    """Put the channels where PyTorch has them."""
    return x.movedim(-1, 1)


def last(x: Any) -> Any:
    return x.movedim(1, -1)


# --- convolutions and pools -----------------------------------------------------------


def convolution(rank: int, **options: Any) -> Case:
    """Return a convolution with strides, or dilated, or grouped."""
    groups = options.get("groups", 1)
    strides, rate = options.get("strides", 1), options.get("dilation_rate", 1)
    padding = options.get("padding", "valid")
    module = [torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d][rank - 1]
    layer = [keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D][rank - 1]
    ours = [nn.Conv1D, nn.Conv2D, nn.Conv3D][rank - 1]

    def on_torch(p: Weights, x: Any) -> Any:
        kernel = p["kernel"].movedim(-1, 0).movedim(-1, 1)
        made = module(4, 6, 3, strides, padding, rate, groups)
        return last(of_torch(made, {"weight": kernel, "bias": p["bias"]}, first(x)))

    def on_keras(p: Weights, x: Any) -> Any:
        made = layer(6, 3, **options, dtype="float64")
        return of_keras(made, [p["kernel"], p["bias"]], x)

    return Case(
        lambda: ours(6, 3, **options, dtype="float64"),
        [(2, *(9, 8, 7)[:rank], 4)],
        # PyTorch has "same" for strides of 1 only; Keras's groups need a GPU.
        on_torch if padding == "valid" or strides == 1 else None,
        on_keras if groups == 1 else None,
    )


def transposed(rank: int, strides: int) -> Case:
    module = [
        torch.nn.ConvTranspose1d,
        torch.nn.ConvTranspose2d,
        torch.nn.ConvTranspose3d,
    ][rank - 1]
    layer = [
        keras.layers.Conv1DTranspose,
        keras.layers.Conv2DTranspose,
        keras.layers.Conv3DTranspose,
    ][rank - 1]
    ours = [nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose][rank - 1]

    def on_torch(p: Weights, x: Any) -> Any:
        kernel = p["kernel"].movedim((-1, -2), (0, 1))
        made = module(4, 6, 3, strides)
        return last(of_torch(made, {"weight": kernel, "bias": p["bias"]}, first(x)))

    def on_keras(p: Weights, x: Any) -> Any:
        made = layer(6, 3, strides, dtype="float64")
        return of_keras(made, [p["kernel"], p["bias"]], x)

    return Case(
        lambda: ours(6, 3, strides, dtype="float64"),
        [(2, *(5, 4, 3)[:rank], 4)],
        on_torch,
        on_keras,
    )


def depthwise() -> Case:
    module = torch.nn.Conv2d(4, 8, 3, groups=4)
    layer = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, dtype="float64")

    def on_torch(p: Weights, x: Any) -> Any:
        kernel = p["kernel"].reshape(3, 3, 1, 8).permute(3, 2, 0, 1)
        return last(of_torch(module, {"weight": kernel, "bias": p["bias"]}, first(x)))

    def on_keras(p: Weights, x: Any) -> Any:
        kernel = tf.reshape(p["kernel"], (3, 3, 4, 2))
        return of_keras(layer, [kernel, p["bias"]], x)

    return Case(
        lambda: nn.DepthwiseConv2D(3, depth_multiplier=2, dtype="float64"),
        [(2, 6, 5, 4)],
        on_torch,
        on_keras,
    )


def pool(kind: str, rank: int, padding: str) -> Case:
    ours = getattr(nn, f"{kind}Pool{rank}D")
    name = f"{kind}Pool{rank}d".replace("Average", "Avg")
    module = getattr(torch.nn, name)(2, 2)
    layer = getattr(keras.layers, f"{kind}Pooling{rank}D")(
        2, 2, padding, dtype="float64"
    )
    return Case(
        lambda: ours(2, 2, padding),
        [(2, *(7, 5, 5)[:rank], 3)],
        # PyTorch divides by the whole window where it pads, and pads elsewhere.
        (lambda p, x: last(module(first(x)))) if padding == "valid" else None,
        # TensorFlow's kernels over three axes have no float64 on the CPU.
        (lambda p, x: layer(x)) if rank < 3 else None,
    )


# --- normalisation --------------------------------------------------------------------


def scaled(p: Weights) -> dict[str, Any]:
    return {"weight": p["gamma"], "bias": p.get("beta")}


def normalization(name: str) -> Case:
    epsilon = 1e-3
    options: dict[str, Any] = {"epsilon": epsilon, "dtype": "float64"}
    layers = keras.layers
    ours, module, layer = {
        "LayerNorm": (
            lambda: nn.LayerNorm(**options),
            torch.nn.LayerNorm(6, epsilon),
            layers.LayerNormalization(**options),
        ),
        "RMSNorm": (
            lambda: nn.RMSNorm(**options),
            torch.nn.RMSNorm(6, epsilon),
            layers.RMSNormalization(**options),
        ),
        "GroupNorm": (
            lambda: nn.GroupNorm(2, **options),
            torch.nn.GroupNorm(2, 6, epsilon),
            layers.GroupNormalization(2, **options),
        ),
        "BatchNorm": (
            lambda: nn.BatchNorm(**options),
            torch.nn.BatchNorm2d(6, epsilon),
            layers.BatchNormalization(**options),
        ),
    }[name]
    moved = name in ("GroupNorm", "BatchNorm")
    training = {"training": True} if name == "BatchNorm" else {}

    def on_torch(p: Weights, x: Any) -> Any:
        y = of_torch(module, scaled(p), first(x) if moved else x)
        return last(y) if moved else y

    def on_keras(p: Weights, x: Any) -> Any:
        weights = [p[key] for key in ("gamma", "beta") if key in p]
        return of_keras(layer, weights, x, **training)

    return Case(ours, [(4, 5, 3, 6)], on_torch, on_keras)


# --- layers of matrices ---------------------------------------------------------------


def dense() -> Case:
    layer = keras.layers.Dense(3, dtype="float64")
    module = torch.nn.Linear(5, 3)
    return Case(
        lambda: nn.Dense(3, dtype="float64"),
        [(2, 4, 5)],
        lambda p, x: of_torch(module, {"weight": p["kernel"].T, "bias": p["bias"]}, x),
        lambda p, x: of_keras(layer, [p["kernel"], p["bias"]], x),
    )


def embedding() -> Case:
    layer = keras.layers.Embedding(7, 3, dtype="float64")
    module = torch.nn.Embedding(7, 3)
    return Case(
        lambda: nn.Embedding(7, 3, dtype="float64"),
        [(2, 9)],
        lambda p, x: of_torch(module, {"weight": p["embeddings"]}, x),
        lambda p, x: of_keras(layer, [p["embeddings"]], x),
        top=7,
    )


MASK = np.random.default_rng(5).random((3, 6)) < 0.6
MASK[:, 0] = True


def attention(how: str) -> Case:
    module = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    layer = keras.layers.MultiHeadAttention(2, 4, dtype="float64")
    causal = how == "causal"
    masked = MASK if how == "masked" else None
    parts = ("query", "key", "value")

    def on_torch(p: Weights, x: Any, y: Any) -> Any:
        weights = {
            "in_proj_weight": torch.cat([p[f"{one}_kernel"].T for one in parts]),
            "in_proj_bias": torch.cat([p[f"{one}_bias"] for one in parts]),
            "out_proj.weight": p["output_kernel"].T,
            "out_proj.bias": p["output_bias"],
        }
        left_out = None if masked is None else torch.tensor(~masked)
        if causal:
            left_out = ~torch.ones(x.shape[1], y.shape[1], dtype=torch.bool).tril()
        return functional_call(
            module.double(), weights, (x, y, y), {"attn_mask": left_out}
        )[0]

    def on_keras(p: Weights, x: Any, y: Any) -> Any:
        weights = []
        for one in parts:
            weights.append(tf.reshape(p[f"{one}_kernel"], (8, 2, 4)))
            weights.append(tf.reshape(p[f"{one}_bias"], (2, 4)))
        weights += [tf.reshape(p["output_kernel"], (2, 4, 8)), p["output_bias"]]
        mask = None if masked is None else tf.constant(masked[None])
        return of_keras(
            layer, weights, x, y, attention_mask=mask, use_causal_mask=causal
        )

    options: dict[str, Any] = {"use_causal_mask": causal}
    if masked is not None:
        options["attention_mask"] = masked[None]
    return Case(
        lambda: nn.MultiHeadAttention(2, 4, dtype="float64"),
        [(2, 3, 8), (2, 6, 8)],
        on_torch,
        on_keras,
        options,
    )


# --- recurrent layers -----------------------------------------------------------------


def recurrent(name: str, sequences: bool, backwards: bool) -> Case:
    gates = {"LSTM": 4, "GRU": 3}[name]
    module = getattr(torch.nn, name)(5, 4, batch_first=True)
    layer = getattr(keras.layers, name)(
        4, return_sequences=sequences, go_backwards=backwards, dtype="float64"
    )
    # PyTorch's GRU has its reset gate first.
    order = [0, 1, 2, 3] if name == "LSTM" else [1, 0, 2]

    def sorted_(x: Any) -> Any:
        parts = x.unflatten(-1, (gates, 4))
        return parts[..., order, :].flatten(-2)

    def on_torch(p: Weights, x: Any) -> Any:
        bias = p["bias"]
        two = (bias, torch.zeros_like(bias)) if name == "LSTM" else bias.unbind()
        weights = {
            "weight_ih_l0": sorted_(p["kernel"]).T,
            "weight_hh_l0": sorted_(p["recurrent_kernel"]).T,
            "bias_ih_l0": sorted_(two[0]),
            "bias_hh_l0": sorted_(two[1]),
        }
        y = of_torch(module, weights, x.flip(1) if backwards else x)[0]
        return y if sequences else y[:, -1]

    def on_keras(p: Weights, x: Any) -> Any:
        return of_keras(layer, [p["kernel"], p["recurrent_kernel"], p["bias"]], x)

    def make() -> um.Module:
        options = {"return_sequences": sequences, "go_backwards": backwards}
        made: um.Module = getattr(nn, name)(4, **options, dtype="float64")
        return made

    return Case(make, [(3, 6, 5)], on_torch, on_keras)


CASES = {
    "Dense": dense(),
    "Embedding": embedding(),
    **{
        f"Conv{rank}D {options}": convolution(rank, **options)
        for rank in (1, 2, 3)
        for options in (
            {},
            {"strides": 2},
            {"padding": "same"},
            {"padding": "same", "strides": 2},
            {"dilation_rate": 2},
            {"groups": 2},
        )
    },
    **{
        f"Conv{rank}DTranspose strides={strides}": transposed(rank, strides)
        for rank in (1, 2, 3)
        for strides in (1, 2)
    },
    "DepthwiseConv2D": depthwise(),
    **{
        f"{kind}Pool{rank}D {padding}": pool(kind, rank, padding)
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
        for padding in ("valid", "same")
        if (rank, padding) != (3, "same")  # nobody could judge it
    },
    **{
        name: normalization(name)
        for name in ("LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm")
    },
    **{
        f"MultiHeadAttention {how}": attention(how)
        for how in ("plain", "masked", "causal")
    },
    **{
        f"{name} sequences={sequences} backwards={backwards}": recurrent(
            name, sequences, backwards
        )
        for name in ("LSTM", "GRU")
        for sequences in (False, True)
        for backwards in (False, True)
    },
}


# --- the comparison -------------------------------------------------------------------


def drawn(case: Case) -> tuple[dict[str, Any], list[Any], um.Module]:
    """Return random parameters, inputs, and a layer that has the parameters."""
    random = np.random.default_rng(1)
    inputs: list[Any] = [random.standard_normal(shape) for shape in case.shapes]
    if case.top is not None:
        inputs = [random.integers(0, case.top, shape) for shape in case.shapes]
    layer = case.make()
    layer(*map(um.asarray, inputs), **(case.options or {}))
    weights = {
        name: random.standard_normal(one.shape)
        for name, one in layer.named_parameters()
    }
    layer.load_state_dict({**layer.state_dict(), **weights})
    return weights, inputs, layer


def found_by_torch(
    call: Call, weights: dict[str, Any], inputs: list[Any], cotangent: Any
) -> list[Any]:
    p = {name: torch.tensor(x, requires_grad=True) for name, x in weights.items()}
    xs = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    y = call(p, *xs)
    leaves = [*p.values(), *(x for x in xs if x.requires_grad)]
    gradients = torch.autograd.grad(y, leaves, torch.tensor(cotangent))
    return [one.numpy(force=True) for one in (y, *gradients)]


def found_by_keras(
    call: Call, weights: dict[str, Any], inputs: list[Any], cotangent: Any
) -> list[Any]:
    p = {name: tf.constant(x) for name, x in weights.items()}
    xs = [tf.constant(x) for x in inputs]
    leaves = [*p.values(), *(x for x in xs if x.dtype.is_floating)]
    with tf.GradientTape() as tape:
        tape.watch(leaves)
        y = call(p, *xs)
    gradients = tape.gradient(y, leaves, tf.constant(cotangent))
    return [tf.convert_to_tensor(one).numpy() for one in (y, *gradients)]


@pytest.mark.parametrize("name", CASES)
def test_a_layer_is_that_of_others(backend: str, name: str) -> None:
    case = CASES[name]
    weights, inputs, layer = drawn(case)
    layer.train()
    xs = [um.asarray(x) for x in inputs]
    places = [n for n, x in enumerate(inputs) if x.dtype.kind == "f"]

    def called(layer: um.Module, *given: um.Tensor) -> um.Tensor:
        full = list(xs)
        for place, x in zip(places, given, strict=True):
            full[place] = x
        result: um.Tensor = layer(*full, **(case.options or {}))
        return result

    y, pullback = um.vjp(called, layer, *(xs[n] for n in places))
    cotangent = np.random.default_rng(2).standard_normal(y.shape)
    by_name, *by_input = pullback(um.asarray(cotangent))
    ours = [y, *(by_name[name] for name in weights), *by_input]
    judges = [
        judge(call, weights, inputs, cotangent)
        for judge, call in ((found_by_torch, case.torch), (found_by_keras, case.keras))
        if call is not None
    ]
    assert judges
    for theirs in judges:
        # Sums that cancel, such as the gradient of the keys' bias, which is 0.
        largest = max(float(np.max(np.abs(one))) for one in theirs)
        for actual, expected in zip(ours, theirs, strict=True):
            size = max(inputs[0].size, expected.size)
            assert_close(actual, expected, family="network", scale=largest, length=size)
