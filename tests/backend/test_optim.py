"""Optimizers against the formulas of their papers, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import unifiedml as um
from unifiedml.testing import assert_close

Array = npt.NDArray[Any]
STEPS = 10
RNG = np.random.default_rng(2)
START = [RNG.standard_normal((3, 2)), RNG.standard_normal(4)]
# Of very different sizes: where epsilon stands makes a difference.
GRADS = [
    [RNG.standard_normal(w.shape) * 10.0 ** RNG.integers(-9, 1, w.shape) for w in START]
    for _ in range(STEPS)
]

Rule = Callable[[Array, list[Array], float], Array]


def sgd(
    w: Array,
    gs: list[Array],
    η: float = 0.01,
    momentum: float = 0,
    nesterov: bool = False,
    weight_decay: float = 0,
) -> Array:
    velocity = np.zeros_like(w)
    for g in gs:
        g = g + weight_decay * w
        velocity = momentum * velocity + g
        w = w - η * (g + momentum * velocity if nesterov else velocity)
    return w


def adam(
    w: Array,
    gs: list[Array],
    η: float = 0.001,
    β1: float = 0.9,
    β2: float = 0.999,
    ε: float = 1e-8,
    weight_decay: float = 0,
    decoupled: float = 0,
) -> Array:
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gs, start=1):
        g = g + weight_decay * w
        m = β1 * m + (1 - β1) * g
        v = β2 * v + (1 - β2) * g**2
        m_hat, v_hat = m / (1 - β1**t), v / (1 - β2**t)
        w = w - η * decoupled * w
        w = w - η * m_hat / (np.sqrt(v_hat) + ε)
    return w


CASES: dict[str, tuple[Callable[..., um.optim.Optimizer], Any, Any]] = {
    "sgd": (
        lambda p: um.SGD(p, learning_rate=0.1),
        lambda w, g: sgd(w, g, 0.1),
        lambda p: torch.optim.SGD(p, lr=0.1),
    ),
    "momentum": (
        lambda p: um.SGD(p, momentum=0.9),
        lambda w, g: sgd(w, g, momentum=0.9),
        lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    ),
    "nesterov": (
        lambda p: um.SGD(p, momentum=0.8, nesterov=True, weight_decay=0.1),
        lambda w, g: sgd(w, g, momentum=0.8, nesterov=True, weight_decay=0.1),
        lambda p: torch.optim.SGD(
            p, lr=0.01, momentum=0.8, nesterov=True, weight_decay=0.1
        ),
    ),
    "adam": (um.Adam, adam, lambda p: torch.optim.Adam(p, lr=0.001)),
    "adam options": (
        lambda p: um.Adam(
            p, learning_rate=0.1, beta_1=0.8, beta_2=0.9, epsilon=1e-3, weight_decay=0.1
        ),
        lambda w, g: adam(w, g, 0.1, 0.8, 0.9, 1e-3, 0.1),
        lambda p: torch.optim.Adam(
            p, lr=0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1
        ),
    ),
    "adamw": (
        lambda p: um.AdamW(p, learning_rate=0.1, weight_decay=0.2),
        lambda w, g: adam(w, g, 0.1, decoupled=0.2),
        lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.2),
    ),
    "adamw defaults": (
        um.AdamW,
        lambda w, g: adam(w, g, decoupled=0.01),
        lambda p: torch.optim.AdamW(p, lr=0.001),
    ),
}


def parameters(dtype: str = "float64") -> list[um.Parameter]:
    return [um.Parameter(w, dtype=dtype) for w in START]


def run(case: str, dtype: str = "float64") -> list[um.Parameter]:
    made = parameters(dtype)
    optimizer = CASES[case][0](made)
    for grads in GRADS:
        optimizer.step([um.asarray(g, dtype=dtype) for g in grads])
    assert optimizer.iterations == STEPS
    return made


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("programs", [-9, 8])
def test_ten_steps_are_the_papers(
    backend: str,
    case: str,
    dtype: str,
    programs: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Op by op, and as programs that steps are outside of `um.jit`, too."""
    monkeypatch.setattr("unifiedml.optim._base._PROGRAMS", programs)
    for place, parameter in enumerate(run(case, dtype)):
        gs = [grads[place].astype(dtype).astype("float64") for grads in GRADS]
        expected = CASES[case][1](START[place].astype(dtype).astype("float64"), gs)
        assert_close(
            parameter,
            expected,
            family="optimizer",
            scale=np.maximum(1, np.abs(expected)),
            length=STEPS,
            pair=False,
            dtype=dtype,
        )
        assert np.abs(expected - START[place]).max() > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_ten_steps_are_those_of_torch(case: str) -> None:
    native = [torch.nn.Parameter(torch.from_numpy(w.copy())) for w in START]
    optimizer = CASES[case][2](native)
    for grads in GRADS:
        for parameter, g in zip(native, grads, strict=True):
            parameter.grad = torch.from_numpy(g.copy())
        optimizer.step()
    with um.use_backend("torch"):
        ours = run(case)
    for mine, theirs in zip(ours, native, strict=True):
        assert_close(
            mine,
            theirs.detach().numpy(),
            family="optimizer",
            scale=np.maximum(1, np.abs(mine.numpy())),
            length=STEPS,
        )


@pytest.mark.parametrize("case", CASES)
def test_sixteen_bits_step_in_float32(backend: str, case: str) -> None:
    made = [um.Parameter([1.0, 2.0], dtype="bfloat16")]
    optimizer = CASES[case][0](made)
    # In bfloat16 the root of v would be 0, and epsilon in float16.
    optimizer.step([um.asarray([0.0, 1.0], dtype="bfloat16")])
    assert made[0].dtype is um.bfloat16
    assert np.isfinite(made[0].numpy().astype("float32")).all()


@pytest.mark.parametrize("case", ["momentum", "adam"])
def test_none_skips_parameter_and_state(backend: str, case: str) -> None:
    made = parameters()
    optimizer = CASES[case][0](made)
    for number, (first, second) in enumerate(GRADS):
        optimizer.step([um.asarray(first), um.asarray(second) if number > 4 else None])
        if number == 4:
            np.testing.assert_array_equal(made[1].numpy(), START[1])
    expected = CASES[case][1](START[1], [g for _, g in GRADS[5:]])
    assert_close(
        made[1], expected, family="optimizer",
        scale=np.maximum(1, np.abs(expected)), length=STEPS, pair=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "wrap",
    [
        lambda a, b: [a, b],
        lambda a, b: (a, [b]),
        lambda a, b: {"x": a, "y": {"z": b}},
        lambda a, b: [{"deep": (a,)}, b],
    ],
)
def test_gradients_in_any_structure(backend: str, wrap: Any) -> None:
    made, same = parameters(), parameters()
    first = [um.asarray(g) for g in GRADS[0]]
    um.SGD(made).step(wrap(*first))
    um.SGD(same).step(first)
    for one, other in zip(made, same, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_both_styles_take_the_same_steps(backend: str) -> None:
    def model() -> um.Module:
        return um.Sequential(um.Dense(4, "tanh", input_size=3), um.Dense(1))

    x, y = um.asarray(np.eye(3, dtype="float32")), um.ones((3, 1))

    def objective(m: um.Module) -> um.Tensor:
        return um.losses.mean_squared_error(y, m(x))

    functional, imperative = model(), model()
    functional(x), imperative(x)
    one = um.Adam(functional.parameters())
    two = um.Adam(imperative.parameters())
    for _ in range(5):
        one.step(um.grad(objective)(functional))
        two.zero_grad()
        assert two.parameters[0].grad is None
        objective(imperative).backward()
        two.step()
    for name, value in functional.state_dict().items():
        other = imperative.state_dict()[name]
        assert_close(
            value, other, family="optimizer", length=5, scale=np.maximum(1, abs(value))
        )


def test_a_learning_rate_may_change(backend: str) -> None:
    w = um.Parameter([0.0], dtype="float64")
    optimizer = um.SGD([w], learning_rate=1.0, momentum=0.5)
    g = [um.asarray([1.0], dtype="float64")]
    optimizer.step(g)
    optimizer.learning_rate = 0.5
    optimizer.step(g)
    assert w.tolist() == [-1.0 - 0.5 * 1.5]  # the rate stands outside of the buffer
    with pytest.raises(ValueError, match="learning_rate is not negative"):
        optimizer.learning_rate = math.nan
    with pytest.raises(TypeError, match="learning_rate is a number"):
        optimizer.learning_rate = "0.1"  # type: ignore[assignment]


@pytest.mark.parametrize("case", CASES)
def test_state_goes_on_bit_for_bit(backend: str, case: str) -> None:
    made = parameters()
    first = CASES[case][0](made)
    for grads in GRADS[:5]:
        first.step([um.asarray(g) for g in grads])
    again = [um.Parameter(w.numpy()) for w in made]
    second = CASES[case][0](again)
    second.load_state_dict(first.state_dict())
    for grads in GRADS[5:]:
        second.step([um.asarray(g) for g in grads])
    assert second.iterations == STEPS
    for one, other in zip(again, run(case), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_state_that_does_not_fit_changes_nothing(backend: str) -> None:
    optimizer = um.Adam(parameters())
    optimizer.step([um.asarray(g) for g in GRADS[0]])
    before = optimizer.state_dict()
    other = um.SGD(parameters(), momentum=0.5, learning_rate=0.5)
    other.step([um.asarray(g) for g in GRADS[0]])
    wide = um.Adam([um.Parameter(um.ones(9)) for _ in range(2)])
    wide.step([um.ones(9)] * 2)
    for state, match in (
        (other.state_dict(), "not one of Adam"),
        (wide.state_dict(), r"shape \(9,\)"),
        (um.Adam([]).state_dict(), "0 parameters"),
    ):
        with pytest.raises(ValueError, match=match):
            optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert after["learning_rate"] == before["learning_rate"]
    assert repr(after["parameters"]) == repr(before["parameters"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_state_of_another_data_type_is_converted(backend: str, dtype: str) -> None:
    """A kernel of TensorFlow used to end the process, and PyTorch to raise."""
    state = {"m": np.full(2, 0.1), "v": np.full(2, 0.01)}
    states = [state, {name: one.astype("float32") for name, one in state.items()}]
    found = []
    for one in states:
        w = um.Parameter([1.0, 2.0], dtype=dtype)
        optimizer = um.Adam([w], learning_rate=0.5)
        saved = {"iterations": 3, "learning_rate": 0.5}
        optimizer.load_state_dict({**saved, "parameters": [{"steps": 3, **one}]})
        optimizer.step([um.ones(2, dtype=dtype)])
        after = optimizer.state_dict()["parameters"][0]
        assert [after[name].dtype.name for name in "mv"] == ["float32"] * 2
        found.append([w.tolist(), after["m"].tolist(), after["v"].tolist()])
    assert found[0] == found[1]
    wrong = {"steps": 3, "m": np.ones(2, "complex64"), "v": np.ones(2)}
    with pytest.raises(TypeError, match="cannot convert complex64 to float32"):
        optimizer.load_state_dict({**saved, "iterations": 9, "parameters": [wrong]})
    assert optimizer.iterations == 4


def test_state_follows_its_parameters_to_another_backend(backend: str) -> None:
    made = parameters()
    optimizer = um.Adam(made)
    for number, grads in enumerate(GRADS):
        name = um.available_backends()[number % 2]
        model = um.Module()
        model.parts = made
        model.to_backend(name)
        with um.use_backend(name):
            optimizer.step([um.asarray(g) for g in grads])
    for place, parameter in enumerate(made):
        expected = adam(START[place], [g[place] for g in GRADS])
        assert_close(
            parameter, expected, family="optimizer", length=STEPS, pair=False,
            scale=np.maximum(1, np.abs(expected)),
        )  # fmt: skip


def test_what_is_not_trainable_stays(backend: str) -> None:
    made = parameters()
    frozen = um.Parameter([1.0], trainable=False)
    optimizer = um.SGD([frozen, *made], learning_rate=1.0)
    optimizer.step([um.asarray(g) for g in GRADS[0]])
    assert frozen.tolist() == [1.0]
    made[0].trainable = False
    before = made[0].numpy()
    optimizer.step([um.asarray(GRADS[0][1])])
    np.testing.assert_array_equal(made[0].numpy(), before)
    np.testing.assert_array_equal(made[1].numpy(), START[1] - GRADS[0][1] - GRADS[0][1])


def test_binding_again_keeps_the_state_of_what_is_known(backend: str) -> None:
    made = parameters()
    optimizer = um.SGD(made, momentum=0.5, learning_rate=1.0)
    g = um.asarray(np.ones(4))
    optimizer.step([None, g])
    optimizer.bind([made[1]])
    optimizer.step([g])
    np.testing.assert_array_equal(made[1].numpy(), START[1] - 1 - 1.5)


def test_a_step_keeps_gradients_and_makes_no_history(backend: str) -> None:
    w = um.Parameter([1.0])
    um.sum(w * 2.0).backward()
    um.SGD([w], learning_rate=0.5).step()
    assert w.tolist() == [0.0]
    assert w.grad is not None
    assert w.grad.tolist() == [2.0]
    um.sum(w * 2.0).backward()
    assert w.grad.tolist() == [4.0]


def test_errors_change_nothing(backend: str) -> None:
    made = parameters()
    other = next(name for name in um.available_backends() if name != backend)
    good, bad = um.asarray(GRADS[0][0]), um.asarray(GRADS[0][1])
    with um.use_backend(other):
        foreign = um.asarray(GRADS[0][1])
    optimizer = um.SGD(made)
    for grads, error, match in (
        ([good], ValueError, "1 gradients for 2 parameters"),
        ([good, good], ValueError, r"gradient 1 has shape \(3, 2\)"),
        ([good, GRADS[0][1]], TypeError, "gradient 1 is a ndarray"),
        ([good, foreign], um.BackendMismatchError, f"{backend!r}.*{other!r}"),
        ([good, bad.astype("float32")], TypeError, "gradient 1 is float32"),
        (None, RuntimeError, "no gradients"),
    ):
        with pytest.raises(error, match=match):
            optimizer.step(grads)
    assert optimizer.iterations == 0
    np.testing.assert_array_equal(made[0].numpy(), START[0])
    for wrong, error, match in (
        (0.1, TypeError, r"SGD\(learning_rate=0\.1\)"),
        ([um.ones(1)], TypeError, "model.parameters"),
        (um.Module(), TypeError, "model.parameters"),
        ([made[0], made[0]], ValueError, "twice"),
    ):
        with pytest.raises(error, match=match):
            um.SGD(wrong)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="no parameters"):
        um.SGD().step([])


@pytest.mark.parametrize(
    "make",
    [
        lambda: um.SGD(learning_rate=-1),
        lambda: um.SGD(momentum=1.0),
        lambda: um.SGD(nesterov=True),
        lambda: um.SGD(weight_decay=math.inf),
        lambda: um.Adam(beta_1=1.0),
        lambda: um.Adam(beta_2=-0.1),
        lambda: um.Adam(epsilon=0.0),
        lambda: um.optim.get("adagrade"),
    ],
)
def test_options_out_of_range(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="not|needs|no optimizer"):
        make()


def test_names() -> None:
    assert isinstance(um.optim.get("AdamW"), um.AdamW)
    assert um.optim.get("sgd").learning_rate == 0.01
    with pytest.raises(TypeError, match="an optimizer is one"):
        um.optim.get(um.Adam)  # type: ignore[arg-type]
