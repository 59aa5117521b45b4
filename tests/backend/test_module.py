"""Module: what belongs to a model, its names, its state, its initial values."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import unifiedml as um


class Block(um.Module):
    def __init__(self, size: int) -> None:
        self.inner = um.Dense(size, input_size=size)
        self.scale = um.Parameter(um.ones(size))
        self.seen = um.nn.Buffer(0, dtype="int64")

    def forward(self, x: um.Tensor) -> um.Tensor:
        return self.inner(x) * self.scale


class Nest(um.Module):
    """Modules and parameters wherever they may stand; no ``super().__init__()``."""

    def __init__(self) -> None:
        self._hidden = um.Dense(3, input_size=3)
        self.listed = [Block(3), (um.Dense(3, input_size=3),)]
        self.named = {"first": um.Dense(3, input_size=3), "free": um.Parameter(2.0)}
        self.again = self._hidden
        self.frozen = um.Parameter(1.0, trainable=False)
        self.number = 5

    def forward(self, x: um.Tensor) -> um.Tensor:
        x = self.listed[1][0](self.listed[0](self._hidden(x)))
        return self.again(self.named["first"](x)) * self.named["free"] * self.frozen


NAMES = [
    "frozen",
    "_hidden.kernel",
    "_hidden.bias",
    "listed.0.scale",
    "listed.0.inner.kernel",
    "listed.0.inner.bias",
    "listed.1.0.kernel",
    "listed.1.0.bias",
    "named.first.kernel",
    "named.first.bias",
]


def values(model: um.Module) -> dict[str, list[Any]]:
    return {name: one.tolist() for name, one in model.state_dict().items()}


def test_everything_in_the_attributes_is_found_once(backend: str) -> None:
    model = Nest()
    names = [name for name, _ in model.named_parameters()]
    assert sorted(names) == sorted([*NAMES, "named.free"])
    assert len(model.parameters()) == len(names)
    assert [name for name, _ in model.named_modules()] == [
        "", "_hidden", "listed.0", "listed.0.inner", "listed.1.0", "named.first",
    ]  # fmt: skip
    assert [name for name, _ in model.named_buffers()] == ["listed.0.seen"]
    assert "frozen" not in model.trainable_parameters()
    assert sorted(model.state_dict()) == sorted([*names, "listed.0.seen"])


def test_a_shared_parameter_is_one(backend: str) -> None:
    model = um.Module()
    model.a = um.Dense(2, input_size=2)
    model.b = um.Dense(2, input_size=2)
    model.b.kernel = model.a.kernel
    assert [n for n, _ in model.named_parameters()] == ["a.kernel", "a.bias", "b.bias"]


def test_what_is_appended_later_belongs_to_the_model(backend: str) -> None:
    model = um.Module()
    model.blocks = []
    model.blocks.append(Block(2))
    model.blocks.append(Block(2))
    assert "blocks.1.inner.kernel" in dict(model.named_parameters())
    one, two = (block.inner.kernel.numpy() for block in model.blocks)
    assert (one != two).any()


class Appended(um.Module):
    def __init__(self) -> None:
        self.layers = []
        self.layers.append(um.Dense(4, input_size=4))
        self.layers.append(um.Dense(4))
        self.layers.append(um.Dropout(0.5))
        self.layers.append(um.Dropout(0.5))

    def __call__(self, x: um.Tensor) -> um.Tensor:
        for layer in self.layers[:2]:
            x = layer(x)
        self.masks = tuple(layer(um.ones(64)).numpy() for layer in self.layers[2:])
        return x


def test_late_layers_draw_by_their_path_when_called_first(backend: str) -> None:
    called, listed = Appended(), Appended()
    called(um.ones((1, 4)))
    listed(um.ones((1, 4)))
    first, second = (layer.kernel.numpy() for layer in called.layers[:2])
    assert (first != second).any()
    assert (called.masks[0] != called.masks[1]).any()
    assert values(called) == values(listed)
    assert values(um.Sequential(*Appended().layers[:1]))["layers.0.kernel"] == (
        first.tolist()
    )


def test_a_layer_appended_after_a_call_draws_by_its_path(backend: str) -> None:
    late = um.Dense(4, input_size=4)
    model = um.Sequential(um.Dense(4, input_size=4))
    model(um.ones((1, 4)))
    model.layers.append(late)
    model(um.ones((1, 4)))
    whole = um.Sequential([um.Dense(4, input_size=4) for _ in range(2)])
    assert values(model) == values(whole)


def test_initial_values_depend_on_seed_and_path_alone(backend: str) -> None:
    def forwards() -> um.Module:
        model = um.Module()
        model.a = um.Dense(3, input_size=4)
        model.b = um.Dense(3, input_size=4)
        return model

    def backwards() -> um.Module:
        b = um.Dense(3, input_size=4)
        um.random.normal((5,))
        model = um.Module()
        model.a = um.Dense(3, input_size=4)
        model.b = b
        _ = b.kernel.numpy()  # read first
        return model

    um.random.seed(7)
    one, two = forwards(), backwards()
    um.random.seed(8)
    other = forwards()
    assert values(one) == values(two)  # drawn now, under the seed of construction
    assert values(one) != values(other)
    assert values(one)["a.kernel"] != values(one)["b.kernel"]


def test_a_shared_module_draws_by_its_name_whatever_was_made_first(
    backend: str,
) -> None:
    shared = um.Dense(3, input_size=3)
    inner = um.Module()
    inner.layer = shared
    model = um.Module()
    model.head = shared
    model.inner = inner
    plain = um.Module()
    plain.head = um.Dense(3, input_size=3)
    assert values(model) == values(plain)


def test_initial_values_are_the_same_bits_on_all_backends() -> None:
    drawn = []
    for name in um.available_backends():
        with um.use_backend(name):
            drawn.append(Nest().state_dict())
    for other in drawn[1:]:
        for name, value in drawn[0].items():
            np.testing.assert_array_equal(value, other[name], strict=True)


def test_a_lazy_layer_keeps_the_seed_of_its_construction(backend: str) -> None:
    um.random.seed(1)
    lazy, sized = um.Sequential(um.Dense(2)), um.Sequential(um.Dense(2, input_size=3))
    um.random.seed(2)
    lazy(um.ones((1, 3)))
    assert values(lazy) == values(sized)


def test_threads_that_read_first_read_the_same(backend: str) -> None:
    model = um.Sequential(um.Dense(64), um.Dense(64, input_size=64))
    x = um.ones((1, 32))
    with ThreadPoolExecutor(8) as pool:

        def call(_: int) -> Any:
            with um.use_backend(backend):
                return model(x).numpy()

        results = list(pool.map(call, range(8)))
    for result in results:
        np.testing.assert_array_equal(result, model(x).numpy())
    assert len(model.parameters()) == 4


def test_shape_and_dtype_are_known_before_a_value_is_drawn(backend: str) -> None:
    kernel = um.Dense(2, input_size=3).kernel
    assert kernel.shape == (3, 2)
    assert kernel.dtype is um.float32
    assert kernel.device == "cpu"
    assert not kernel.is_made
    assert "not drawn" in repr(kernel)
    kernel.assign(um.ones((3, 2)))
    assert kernel.tolist() == [[1.0, 1.0]] * 3


def test_sizes_unknown_yet_are_an_error_that_says_so(backend: str) -> None:
    model = um.Sequential(um.Dense(2))
    for call in (model.parameters, model.state_dict, lambda: model.to("cpu")):
        with pytest.raises(ValueError, match=r"layer layers\.0 .* call the model"):
            call()
    assert "unknown yet" in model.summary()


@pytest.mark.parametrize("value", [1.0, np.ones(3), [1.0]])
def test_plain_values_over_a_parameter_are_refused(backend: str, value: Any) -> None:
    block = Block(3)
    for one in (value, um.asarray(value)):
        with pytest.raises(TypeError, match=r"self\.scale\.assign"):
            block.scale = one
    block.scale = um.Parameter(um.zeros(3))
    block.scale += 1.0
    assert block.scale.tolist() == [1.0] * 3
    assert isinstance(block.scale, um.Parameter)


def test_trainable_can_change(backend: str) -> None:
    w = um.Parameter(um.ones(2), trainable=False)
    w.trainable = True
    um.sum(w * 3.0).backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3.0, 3.0]
    w.trainable = False
    assert not (w * 2.0).requires_grad


def test_modes_reach_all_modules(backend: str) -> None:
    model = um.Sequential(um.Sequential(um.Dropout(0.5)), um.Dense(1))
    assert all(module.training for module in model.modules())
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model.train()
    assert all(module.training for module in model.modules())


def test_names_that_collide_are_refused(backend: str) -> None:
    model = um.Module()
    model.d = {1: um.Parameter(1.0), "1": um.Parameter(2.0)}
    with pytest.raises(ValueError, match=r"name 'd\.1'"):
        model.state_dict()


# --- state -------------------------------------------------------------------------


def test_state_goes_across_backends(backend: str) -> None:
    with um.use_backend("torch"):
        saved = Nest()
    model = Nest()
    model.load_state_dict({k: v + 1 for k, v in saved.state_dict().items()})
    assert model.frozen.backend == backend
    assert values(model) == {
        name: (value + 1).tolist() for name, value in saved.state_dict().items()
    }
    model.load_state_dict({k: um.asarray(v) for k, v in saved.state_dict().items()})
    assert values(model) == values(saved)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda s: s.pop("scale"), KeyError, "missing scale"),
        (lambda s: s.update(extra=1), KeyError, "unknown extra"),
        (lambda s: s.update(seen=np.zeros(2)), ValueError, r"seen has shape \(\)"),
        (lambda s: s.update(seen=np.float32(0.5)), TypeError, "seen is int64"),
        (lambda s: s.update(seen="x"), TypeError, "seen"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(
    backend: str, change: Any, error: type[Exception], match: str
) -> None:
    model = Block(2)
    before = values(model)
    state = {name: value + 1 for name, value in model.state_dict().items()}
    change(state)
    with pytest.raises(error, match=match):
        model.load_state_dict(state)
    assert values(model) == before


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_are_equal_and_apart(backend: str, copied: Any) -> None:
    half = um.nn.initializers.constant(0.5)
    model = um.Sequential(
        Nest(), um.Dense(2, "gelu", bias_initializer=half), um.Dropout(0.5)
    )
    model.compile("adam", "mean_squared_error", ["accuracy"])
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    model.train_on_batch(x, y)
    other = copied(model)
    assert values(other) == values(model)
    assert other.layers[0].again is other.layers[0]._hidden
    # It goes on as the original would: dropout, Adam's moments, all of it.
    assert other.train_on_batch(x, y) == model.train_on_batch(x, y)
    assert values(other) == values(model)
    other.layers[0].frozen.assign(9.0)
    assert model.layers[0].frozen.item() == 1.0


def test_pickle_refuses_lambdas() -> None:
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(um.Sequential(lambda x: x))


def test_models_move_between_backends(backend: str) -> None:
    model = um.Sequential(um.Dense(2, input_size=3), um.Dense(1))
    x = np.ones((2, 3), "float32")
    before = model(um.asarray(x)).numpy()
    for name in [*um.available_backends(), backend]:
        assert model.to_backend(name) is model
        with um.use_backend(name):
            y = model(um.asarray(x))
        assert y.backend == name
        um.testing.assert_close(
            y, before, family="network", scale=np.max(np.abs(before)), length=2
        )
    assert model.to("cpu").layers[0].kernel.device == "cpu"


# --- for people --------------------------------------------------------------------


def test_summary_and_repr(backend: str) -> None:
    shared = um.Dense(4, input_size=4)
    model = um.Sequential(um.Flatten(), shared, shared, um.Dropout(0.5), um.Dense(2))
    assert model.summary((3, 2, 2)) == (
        "layer     kind     returns  parameters\n"
        "--------  -------  -------  ----------\n"
        "layers.0  Flatten   (3, 4)           0\n"
        "layers.1  Dense     (3, 4)          20\n"
        "layers.3  Dropout   (3, 4)           0\n"
        "layers.4  Dense     (3, 2)          10\n"
        "total                               30"
    )
    assert model.training
    assert model.layers[3].draws.item() == 0
    assert repr(um.Sequential(um.Dense(2), um.Dropout(0.1))) == (
        "Sequential(\n  layers.0: Dense(2)\n  layers.1: Dropout(0.1)\n)"
    )


def test_summary_shows_a_model_with_its_own_call(backend: str) -> None:
    assert "(2, 4)" in Appended().summary((2, 4))


def test_a_module_without_forward_says_so(backend: str) -> None:
    with pytest.raises(TypeError, match="defines no forward"):
        um.Module()(um.ones(1))


def test_a_child_that_knows_its_parent_does_not_hang(backend: str) -> None:
    model, child = um.Module(), Block(2)
    child.parent = model
    model.child = child
    assert len(model.parameters()) == 3
    assert child.inner.kernel.shape == child.inner.kernel.numpy().shape
