"""Layers and initial values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml.nn import initializers
from unifiedml.nn.initializers import fans
from unifiedml.testing import assert_close

RNG = np.random.default_rng(0)


# --- Dense -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_is_its_formula(backend: str, dtype: str, use_bias: bool) -> None:
    layer = um.Dense(
        4,
        use_bias=use_bias,
        dtype=dtype,
        bias_initializer=initializers.uniform(-1.0, 1.0),
    )
    x = um.asarray(RNG.standard_normal((2, 3, 5))).astype(dtype)
    y = layer(x)
    kernel = layer.kernel.numpy().astype("float64")
    assert kernel.shape == (5, 4)
    a = x.numpy().astype("float64")
    bias = layer.bias.numpy().astype("float64") if use_bias else np.zeros(4)
    assert (layer.bias is not None) == use_bias
    assert_close(
        y,
        a @ kernel + bias,
        family="network",
        scale=np.max(np.abs(a) @ np.abs(kernel) + np.abs(bias)),
        pair=False,
        dtype=dtype,
    )


def test_dense_applies_its_activation(backend: str) -> None:
    layer = um.Dense(8, "relu", input_size=2)
    x = um.asarray(RNG.standard_normal((5, 2)).astype("float32"))
    np.testing.assert_array_equal(
        layer(x).numpy(), np.maximum((x @ layer.kernel + layer.bias).numpy(), 0)
    )
    assert layer(um.zeros((0, 2))).shape == (0, 8)
    assert layer(um.ones(2)).shape == (8,)


def test_flatten_and_activation(backend: str) -> None:
    assert um.Flatten()(um.zeros((3, 2, 2))).shape == (3, 4)
    assert um.Flatten()(um.zeros(3)).shape == (3, 1)
    assert um.Flatten()(um.zeros((0, 2, 5))).shape == (0, 10)
    x = um.asarray([-1.0, 2.0])
    assert um.nn.Activation("linear")(x).tolist() == [-1.0, 2.0]
    assert um.nn.Activation(um.relu)(x).tolist() == [0.0, 2.0]


# --- Dropout -----------------------------------------------------------------------


def dropped(rate: float, *, seed: int = 0, calls: int = 1, **where: Any) -> Any:
    um.random.seed(seed)
    model = um.Sequential(*[um.Dropout(rate)] * where.get("at", 1))
    return [model.layers[-1](um.ones((50, 40))).numpy() for _ in range(calls)]


def test_masks_are_equal_bits_on_all_backends() -> None:
    masks = []
    for name in um.available_backends():
        with um.use_backend(name):
            masks.append(dropped(0.3, calls=3))
    for other in masks[1:]:
        np.testing.assert_array_equal(masks[0], other)


def test_masks_depend_on_seed_path_and_draw(backend: str) -> None:
    first, second = dropped(0.3, calls=2)
    assert (first != second).any()
    np.testing.assert_array_equal(first, dropped(0.3)[0])
    assert (first != dropped(0.3, seed=1)[0]).any()
    um.random.seed(0)
    model = um.Sequential(um.Dropout(0.3), um.Dropout(0.3))
    x = um.ones((50, 40))
    assert (model.layers[0](x).numpy() != model.layers[1](x).numpy()).any()
    assert model.layers[0].draws.item() == 1


def test_masks_keep_the_mean_and_drop_at_the_rate(backend: str) -> None:
    rate, n = 0.3, 40 * 50 * 40
    y = np.concatenate(dropped(rate, calls=40))
    scale = um.random.keep_scale(rate)
    assert set(np.unique(y)) == {np.float32(0), np.float32(scale)}
    # Six standard deviations of a binomial fraction.
    assert abs((y == 0).mean() - rate) < 6 * math.sqrt(rate * (1 - rate) / n)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dropout_ends_and_special_values(backend: str, dtype: str) -> None:
    x = um.asarray([math.inf, -math.inf, math.nan, 1.0] * 20).astype(dtype)
    np.testing.assert_array_equal(um.Dropout(1)(x).numpy(), np.zeros(80))
    assert um.Dropout(0)(x) is x
    assert um.Dropout(0.5).eval()(x) is x
    y = um.Dropout(0.5)(x)
    assert y.dtype.name == dtype
    values = y.numpy().astype("float64")
    kept = values != 0
    assert 0 < kept.sum() < 80
    np.testing.assert_array_equal(
        values[kept], (np.asarray([math.inf, -math.inf, math.nan, 2.0] * 20))[kept]
    )


def test_dropout_gradient_is_the_mask(backend: str) -> None:
    layer = um.Dropout(0.5)
    x = um.asarray(RNG.standard_normal((10, 10)))
    value, gradient = um.value_and_grad(lambda x: um.sum(layer(x)))(x)
    layer.draws.assign(0)
    np.testing.assert_array_equal(
        gradient.numpy(), layer(um.ones((10, 10), dtype="float64")).numpy()
    )
    assert layer.draws.item() == 2 - 1
    assert math.isfinite(float(value))


def test_state_holds_the_draws(backend: str) -> None:
    one, two = um.Dropout(0.5), um.Dropout(0.5)
    x = um.ones(100)
    one(x)
    two.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(x).numpy(), two(x).numpy())


# --- initial values ----------------------------------------------------------------

VARIANCES: dict[str, Any] = {
    "glorot_uniform": lambda i, o: 2 / (i + o),
    "glorot_normal": lambda i, o: 2 / (i + o),
    "he_uniform": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i,
    "lecun_uniform": lambda i, o: 1 / i,
    "lecun_normal": lambda i, o: 1 / i,
}


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize("shape", [(60, 200), (3, 5, 10, 60)])
def test_initial_values_have_the_moments_of_their_paper(
    backend: str, name: str, shape: tuple[int, ...]
) -> None:
    draw = initializers.get(name)
    x = draw(shape, dtype=um.float64, key=um.random.key(3)).numpy()
    window = math.prod(shape[:-2])
    variance = VARIANCES[name](window * shape[-2], window * shape[-1])
    # Of n draws, the mean has the variance v/n and the mean square about (k − 1)·v²/n,
    # with the kurtosis k of 9/5 (uniform) or 3 (normal). Six standard deviations.
    kurtosis = 9 / 5 if "uniform" in name else 3
    assert abs(x.mean()) < 6 * math.sqrt(variance / x.size)
    assert abs((x**2).mean() - variance) < 6 * variance * math.sqrt(
        (kurtosis - 1) / x.size
    )
    if "uniform" in name:
        assert np.abs(x).max() < math.sqrt(3 * variance)


def test_fans() -> None:
    assert fans((3, 4)) == (3, 4)
    assert fans((2, 5, 3, 4)) == (30, 40)
    assert fans((7,)) == (7, 7)
    assert fans(()) == (1, 1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    "initializer",
    [*VARIANCES, "zeros", "ones", initializers.constant(0.3),
     initializers.uniform(-2.0, 1.0), initializers.normal(1.0, 0.1)],
)  # fmt: skip
def test_initial_values_are_equal_bits(dtype: str, initializer: Any) -> None:
    drawn = []
    for name in um.available_backends():
        with um.use_backend(name):
            layer = um.Dense(
                7, input_size=5, kernel_initializer=initializer, dtype=dtype
            )
            drawn.append(layer.kernel.numpy())
    for other in drawn[1:]:
        np.testing.assert_array_equal(drawn[0], other, strict=True)


def test_fixed_initial_values(backend: str) -> None:
    layer = um.Dense(2, input_size=2, kernel_initializer="ones")
    assert layer.kernel.tolist() == [[1.0, 1.0]] * 2
    assert layer.bias.tolist() == [0.0, 0.0]
    layer = um.Dense(2, input_size=1, kernel_initializer=initializers.constant(3.0))
    assert layer.kernel.tolist() == [[3.0, 3.0]]


def test_sequential_is_a_list_of_layers(backend: str) -> None:
    model = um.Sequential([um.Flatten(), um.relu])
    model.append(um.Dense(2, input_size=4))
    assert len(model) == 3
    assert model[1] is um.relu
    assert list(model) == model.layers
    assert [name for name, _ in model.named_modules()] == ["", "layers.0", "layers.2"]
    assert model(um.ones((3, 2, 2))).shape == (3, 2)
    x = um.ones(3)
    assert um.Sequential()(x) is x


def test_the_gradient_of_a_thin_transposed_convolution(backend: str) -> None:
    # A kernel of one channel and one filter in float64 has had none on PyTorch.
    x = um.reshape(um.arange(12, dtype="float64"), (2, 2, 3, 1))
    kernel = um.ones((2, 1, 2, 1), dtype="float64")

    def loss(kernel: um.Tensor) -> um.Tensor:
        return um.sum(um.conv_transpose(x, kernel, strides=2, padding="same"))

    total = um.sum(x)
    assert um.grad(loss)(kernel)[0, 0, :, 0].tolist() == [total.item()] * 2


@pytest.mark.parametrize("layer", ["LayerNorm", "GroupNorm"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_large_mean_costs_no_digits(backend: str, layer: str, dtype: str) -> None:
    """In float32 the mean of 10,000 is rounded to 0.0005: more than is lost here."""
    random = np.random.default_rng(11)
    mean = 1e4 if dtype == "float32" else 1e10
    x = (random.standard_normal((4, 16)) + mean).astype(dtype)
    cotangent = random.standard_normal((4, 16)).astype(dtype)
    made = um.nn.LayerNorm(dtype=dtype)
    if layer == "GroupNorm":
        made = um.nn.GroupNorm(1, dtype=dtype)
    made(um.asarray(x))
    y, pullback = um.vjp(made, um.asarray(x))
    # Exact: the deviations of numbers that lie so close are numbers, too.
    wide = x.astype(np.longdouble)
    centred = wide - wide.mean(1, keepdims=True)
    root = np.sqrt((centred**2).mean(1, keepdims=True) + made.epsilon)
    z = centred / root
    inner = cotangent - cotangent.mean(1, keepdims=True)
    slope = (inner - z * (cotangent * z).mean(1, keepdims=True)) / root
    for found, exact in ((y, z), (pullback(um.asarray(cotangent))[0], slope)):
        assert_close(
            found,
            exact.astype("float64"),
            family="network",
            scale=np.max,
            length=16,
            pair=False,
            dtype=dtype,
        )


@pytest.mark.parametrize("wrong", [-1, 3])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_an_embedding_refuses_what_it_has_no_vector_for(
    backend: str, wrong: int, dtype: str
) -> None:
    layer = um.nn.Embedding(3, 2)
    x, bad = (um.tensor([[0, one]], dtype=dtype) for one in (2, wrong))
    for run in (layer, um.jit(layer)):
        assert run(x).shape == (1, 2, 2)
        with pytest.raises(IndexError, match=f"{wrong}"):
            run(bad)
    assert layer(um.zeros((0,), dtype=dtype)).shape == (0, 2)
