"""compile, fit, evaluate, predict, train_on_batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import unifiedml as um
from unifiedml.testing import assert_close

Array = npt.NDArray[Any]
RNG = np.random.default_rng(3)
X = RNG.standard_normal((70, 4, 2)).astype("float32")
LABELS = (X.sum((1, 2)) > 0).astype("int64") + (X[:, 0, 0] > 1)
TARGETS = X.reshape(70, 8)[:, :1] * 2.0
CROSS_ENTROPY = partial(um.losses.sparse_categorical_crossentropy, from_logits=True)


def classifier(
    optimizer: Any = "adam", rate: float = 0.2, run_eagerly: bool = False
) -> um.Sequential:
    um.random.seed(0)
    model = um.Sequential(
        um.Flatten(), um.Dense(16, "tanh"), um.Dropout(rate), um.Dense(3)
    )
    model.compile(optimizer, CROSS_ENTROPY, ["accuracy"], run_eagerly=run_eagerly)
    return model


def regressor(optimizer: Any = "sgd", dtype: str = "float32") -> um.Sequential:
    um.random.seed(0)
    model = um.Sequential(um.Flatten(), um.Dense(1, dtype=dtype))
    model.compile(optimizer, "mean_squared_error")
    return model


def same(one: um.Module, other: um.Module) -> None:
    for name, value in one.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[name], err_msg=name)


# --- what fit does -----------------------------------------------------------------


def test_fit_learns(backend: str) -> None:
    model = classifier(um.Adam(learning_rate=0.02))
    history = model.fit(X, LABELS, epochs=30, verbose=False)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["accuracy"][-1] > 0.85
    assert history.epochs == 30
    assert len(history.steps) == 30 * 3
    assert not model.training
    assert math.isclose(
        history["loss"][0], np.average(history.steps[:3], weights=[32, 32, 6])
    )


def test_runs_agree_across_backends() -> None:
    curves = []
    for name in um.available_backends():
        with um.use_backend(name):
            curves.append(
                classifier().fit(X, LABELS, epochs=4, batch_size=16, verbose=False)
            )
    for other in curves[1:]:
        assert len(other.steps) == 20
        assert_close(
            np.asarray(other.steps, "float32"),
            np.asarray(curves[0].steps, "float32"),
            family="network",
            scale=np.maximum(1, np.abs(curves[0].steps)),
            length=20,
        )
        assert other["accuracy"] == curves[0]["accuracy"]


def test_the_order_is_the_seeds_and_the_epochs_and_y_goes_along() -> None:
    orders = []
    for name in um.available_backends():
        with um.use_backend(name):
            seen = Spy()
            model = regressor()
            model.compile("sgd", seen, run_eagerly=True)  # it looks at values
            model.fit(
                X, np.arange(70.0)[:, None], epochs=2, batch_size=32, verbose=False
            )
            orders.append(np.concatenate([y[:, 0] for y in seen.seen]))
    for order in orders:
        np.testing.assert_array_equal(order, orders[0])
        assert sorted(order[:70]) == sorted(order[70:]) == list(range(70))
        assert (order[:70] != order[70:]).any()
        assert (order[:70] != np.arange(70)).any()


class Spy:
    """A loss that remembers the targets."""

    def __init__(self) -> None:
        self.seen: list[Array] = []

    def __call__(self, y_true: Any, y_pred: um.Tensor, **options: Any) -> um.Tensor:
        self.seen.append(y_true.numpy())
        return um.mean(um.square(y_pred)) * 0.0


def test_shuffled_rows_stay_together(backend: str) -> None:
    class Check(um.Module):
        def __init__(self) -> None:
            self.w = um.Parameter(1.0)

        def forward(self, x: um.Tensor) -> um.Tensor:
            return x * self.w

    def loss(y: Any, pred: um.Tensor, *, sample_weight: Any) -> um.Tensor:
        np.testing.assert_array_equal(y.numpy()[:, 0], sample_weight.numpy())
        rows = pred.numpy() / model.w.numpy()
        # A product and a quotient by the same number: two roundings.
        assert_close(rows, y.numpy(), family="arithmetic", pair=True)
        return um.mean(pred)

    model = Check()
    model.compile("sgd", loss, run_eagerly=True)  # the loss looks at values
    rows = np.arange(1.0, 20.0, dtype="float32")
    model.fit(rows[:, None], rows[:, None], sample_weight=rows, verbose=False)
    model.fit(
        um.asarray(rows[:, None]), um.asarray(rows[:, None]),
        sample_weight=um.asarray(rows), verbose=False, batch_size=5,
    )  # fmt: skip


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_a_loop_by_hand_takes_the_same_steps(backend: str, run_eagerly: bool) -> None:
    fitted, by_hand = classifier(run_eagerly=run_eagerly), classifier()
    fitted.fit(X, LABELS, epochs=2, shuffle=False, verbose=False)
    by_hand.eval()(um.asarray(X[:1]))
    by_hand.train()
    optimizer = um.Adam(by_hand.parameters())

    def objective(model: um.Module, x: um.Tensor, y: um.Tensor) -> um.Tensor:
        return CROSS_ENTROPY(y, model(x))

    def step(x: um.Tensor, y: um.Tensor) -> None:
        _, gradients = um.value_and_grad(objective)(by_hand, x, y)
        optimizer.step(gradients)

    if not run_eagerly:
        step = um.jit(step)
    for _ in range(2):
        for start in range(0, 70, 32):
            x = um.asarray(X[start : start + 32])
            y = um.asarray(LABELS[start : start + 32])
            step(x, y)
    same(fitted, by_hand)


def test_a_resumed_run_is_the_run(backend: str) -> None:
    """Ten epochs are five, saved, loaded elsewhere, and five more, bit for bit."""
    whole = classifier()
    whole.fit(X, LABELS, epochs=10, batch_size=40, verbose=False)
    first = classifier()
    first.fit(X, LABELS, epochs=5, batch_size=40, verbose=False)
    assert first._trainer is not None
    saved = first.state_dict(), first._trainer.optimizer.state_dict()

    um.random.seed(0)
    second = classifier()
    second(um.asarray(X[:1]))  # a fresh process would have other initial values
    optimizer = um.Adam(second.parameters())
    second.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    second.compile(optimizer, CROSS_ENTROPY)
    second.fit(X, LABELS, initial_epoch=5, epochs=10, batch_size=40, verbose=False)
    assert second.layers[2].draws.item() == 20
    same(second, whole)


def test_fitting_twice_keeps_the_optimizers_state(backend: str) -> None:
    once, twice = classifier(), classifier()
    once.fit(X, LABELS, epochs=4, verbose=False)
    twice.fit(X, LABELS, epochs=2, verbose=False)
    twice.fit(X, LABELS, epochs=4, initial_epoch=2, verbose=False)
    same(once, twice)


# --- data --------------------------------------------------------------------------


class Batches:
    def __init__(self, *arrays: Any) -> None:
        self.arrays = arrays

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for start in range(0, 70, 32):
            yield tuple(a[start : start + 32] for a in self.arrays)


@pytest.mark.parametrize(
    "given",
    [
        lambda: (um.asarray(X), um.asarray(LABELS)),
        lambda: (X.tolist(), LABELS.tolist()),
        lambda: (X.astype("float64"), LABELS.astype("int32")),
        lambda: (Batches(X, LABELS), None),
        lambda: ([list(batch) for batch in Batches(X, LABELS)], None),
        lambda: ([(x.tolist(), y.tolist()) for x, y in Batches(X, LABELS)], None),
        lambda: (Batches(X, LABELS, np.ones(70)), None),
    ],
)
def test_kinds_of_data(backend: str, given: Any) -> None:
    expected, model = classifier(), classifier()
    expected.fit(X, LABELS, epochs=2, shuffle=False, verbose=False)
    x, y = given()
    model.fit(x, y, epochs=2, shuffle=False, verbose=False)
    same(model, expected)
    one, other = model.evaluate(x, y), expected.evaluate(X, LABELS)
    assert one == other
    np.testing.assert_array_equal(model.predict(x), expected.predict(X))


def test_several_inputs(backend: str) -> None:
    class Two(um.Module):
        def __init__(self) -> None:
            self.dense = um.Dense(1)

        def forward(self, inputs: dict[str, um.Tensor]) -> um.Tensor:
            return self.dense(um.concat([inputs["a"], inputs["b"]], axis=1))

    model = Two()
    model.compile("sgd", "mean_squared_error")
    data = {"a": X[:, 0], "b": X[:, 1].tolist()}
    first = model.fit(data, TARGETS, epochs=3, verbose=False)
    assert first["loss"][-1] < first["loss"][0]
    assert model.predict(data).shape == (70, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_arrays_are_converted_to_the_models_dtype(backend: str, dtype: str) -> None:
    seen = []

    class Look(um.Module):
        def __init__(self) -> None:
            self.dense = um.Dense(1, dtype=dtype)

        def forward(self, x: tuple[um.Tensor, um.Tensor]) -> um.Tensor:
            seen.append((x[0].dtype.name, x[1].dtype.name))
            return self.dense(x[0])

    model = Look()
    model.compile("sgd", "mean_squared_error")
    model.fit(
        (X[:, 0].astype("float64"), np.arange(70)), TARGETS.astype("float64"),
        verbose=False,
    )  # fmt: skip
    assert set(seen) == {(dtype, "int64")}
    assert model.dense.kernel.dtype.name == dtype
    assert model.predict((X[:, 0], np.arange(70))).dtype.name == dtype


def test_models_compute_where_they_are_whatever_is_current(backend: str) -> None:
    model = regressor()
    model(um.asarray(X[:1]))
    for name in um.available_backends():
        with um.use_backend(name):
            model.fit(X, TARGETS, verbose=False)
            assert model.predict(X).shape == (70, 1)
    assert model.layers[1].kernel.backend == backend


def test_models_in_float64_agree_to_its_precision() -> None:
    found = []
    for name in um.available_backends():
        with um.use_backend(name):
            model = regressor("adam", "float64")
            found.append(model.fit(X, TARGETS, epochs=4, verbose=False).steps)
    for other in found[1:]:
        assert_close(
            np.asarray(other), np.asarray(found[0]), family="network", length=12
        )


# --- evaluate, predict -------------------------------------------------------------


def test_evaluate_weighs_a_short_last_batch(backend: str) -> None:
    model = classifier()
    weight = RNG.uniform(0, 2, 70).astype("float32")
    for given in (None, weight):
        whole = model.evaluate(X, LABELS, batch_size=70, sample_weight=given)
        parts = model.evaluate(X, LABELS, batch_size=32, sample_weight=given)
        assert whole.keys() == parts.keys() == {"loss", "accuracy"}
        assert_close(
            np.float32(parts["loss"]), np.float32(whole["loss"]),
            family="accumulation", length=70, scale=10 * whole["loss"],
        )  # fmt: skip
        assert_close(
            np.float64(parts["accuracy"]), np.float64(whole["accuracy"]),
            family="accumulation", length=70, scale=1,
        )  # fmt: skip
    assert model.training


def test_predict_is_evaluation_mode_and_numpy(backend: str) -> None:
    model = um.Sequential(um.Flatten(), um.Dense(3), um.Dropout(0.9))
    found = model.predict(X, batch_size=32)  # not compiled
    assert type(found) is np.ndarray
    assert found.shape == (70, 3)
    assert (found != 0).all()
    assert model.training
    assert model.layers[2].draws.item() == 0


def test_train_on_batch(backend: str) -> None:
    model, fitted = classifier(), classifier()
    logs = model.train_on_batch(X.tolist(), LABELS.tolist())
    history = fitted.fit(X, LABELS, batch_size=70, shuffle=False, verbose=False)
    same(model, fitted)
    assert logs == {"loss": history["loss"][0], "accuracy": history["accuracy"][0]}
    assert model.training


# --- validation, weights, callbacks ------------------------------------------------


def test_validation_split_is_the_last_examples(backend: str) -> None:
    split, given = classifier(), classifier()
    options = {"epochs": 2, "verbose": False}
    a = split.fit(X, LABELS, validation_split=0.2, **options)
    b = given.fit(X[:56], LABELS[:56], validation_data=(X[56:], LABELS[56:]), **options)
    assert dict(a) == dict(b)
    assert set(a) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert a["val_loss"][-1] == split.evaluate(X[56:], LABELS[56:])["loss"]
    same(split, given)


def test_class_weights_multiply_the_loss_and_no_metric(backend: str) -> None:
    by_class, by_sample, plain = classifier(), classifier(), classifier()
    weight = np.asarray([0.0, 2.0, 1.0])
    options = {"verbose": False, "epochs": 2}
    a = by_class.fit(X, LABELS, class_weight={0: 0.0, 1: 2.0}, **options)
    b = by_sample.fit(X, LABELS, sample_weight=weight[LABELS], **options)
    assert a["loss"] == b["loss"]
    same(by_class, by_sample)
    assert a["accuracy"] != b["accuracy"]
    both = classifier().fit(
        X, LABELS[:, None], class_weight={0: 0.0, 1: 1.0},
        sample_weight=np.where(LABELS == 1, 2.0, 1.0), **options,
    )  # fmt: skip
    assert both["loss"] == a["loss"]
    c = plain.fit(X, LABELS, class_weight={}, **options)
    assert c["loss"] == classifier().fit(X, LABELS, **options)["loss"]


def test_callbacks_are_called_in_order_and_can_stop(backend: str) -> None:
    calls: list[Any] = []

    class Recorder(um.train.Callback):
        def on_train_begin(self) -> None:
            calls.append("begin")

        def on_train_end(self) -> None:
            calls.append(("end", self.model.training))

        def on_epoch_begin(self, epoch: int) -> None:
            calls.append(("epoch", epoch))

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            calls.append(("done", epoch, sorted(logs)))
            self.stop_training = epoch == 1

        def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            calls.append((batch, sorted(logs), self.model.training))

    model = regressor()
    history = model.fit(
        X, TARGETS, epochs=9, batch_size=64, verbose=False, callbacks=[Recorder()]
    )
    steps = [(0, ["loss"], True), (1, ["loss"], True)]
    assert calls == [
        "begin",
        ("epoch", 0), *steps, ("done", 0, ["loss"]),
        ("epoch", 1), *steps, ("done", 1, ["loss"]),
        ("end", False),
    ]  # fmt: skip
    assert history.epochs == 2


def test_freezing_midway_keeps_the_other_moments(backend: str) -> None:
    class Freeze(um.train.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            kernel = self.model.layers[1].kernel
            kernel.trainable = False
            frozen.append(kernel.numpy())

    frozen: list[Array] = []
    model = classifier()
    model.fit(X, LABELS, epochs=3, verbose=False, callbacks=[Freeze()])
    np.testing.assert_array_equal(frozen[0], frozen[2])
    assert model._trainer is not None
    state = model._trainer.optimizer.state_dict()
    assert [one["steps"] for one in state["parameters"]] == [3, 9, 9, 9]


def test_an_optimizer_with_parameters_trains_only_those(backend: str) -> None:
    model = classifier()
    model(um.asarray(X[:1]))
    before = model.state_dict()
    model.compile(um.Adam(model.layers[3].parameters()), CROSS_ENTROPY)
    model.fit(X, LABELS, verbose=False)
    after = model.state_dict()
    for name in before:
        changed = (before[name] != after[name]).any()
        assert changed == (name.startswith("layers.3") or name == "layers.2.draws")


def test_the_bar_is_on_stderr(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    model.fit(X, LABELS, epochs=2)
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("epoch 1/2", "epoch 2/2", "3/3", "loss", "accuracy"):
        assert text in err
    model.fit(X, LABELS, verbose=False)
    model.evaluate(X, LABELS)
    model.predict(X)
    assert capsys.readouterr() == ("", "")
    model.evaluate(X, LABELS, verbose=True)
    assert "evaluate" in capsys.readouterr().err


def test_history_prints_its_last_numbers() -> None:
    history = um.train.History()
    history.append({"loss": 1.0, "accuracy": 0.5})
    history.append({"loss": 0.25, "accuracy": 0.75})
    assert repr(history) == "History(2 epochs; last: loss=0.25, accuracy=0.75)"
    assert (
        history.history
        == dict(history)
        == {
            "loss": [1.0, 0.25],
            "accuracy": [0.5, 0.75],
        }
    )


def test_weights_decay_with_steps_that_are_taken(backend: str) -> None:
    """In a program the kernel of Adam decays them, unless the loss is not finite."""
    states = []
    for eagerly in (True, False):
        um.random.seed(0)
        model = um.Sequential(um.Flatten(), um.Dense(1))
        optimizer = um.AdamW(learning_rate=0.1, weight_decay=0.5)
        model.compile(optimizer, "mean_squared_error", run_eagerly=eagerly)
        for _ in range(3):
            model.train_on_batch(X, TARGETS)
        states.append(model.state_dict())
        with pytest.raises(um.train.NonFiniteLossError):
            model.train_on_batch(X, np.full_like(TARGETS, np.nan))
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, states[-1][name])
        model.train_on_batch(X, TARGETS)
        states[-1] = model.state_dict()
    for name, value in states[0].items():
        assert_close(states[1][name], value, family="optimizer", length=4 * X.shape[0])
