"""Bad input of models and training: one error, the same on every backend.

Each row is a name, what is done, the type of the error and what its message says.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.exceptions import AxisError

import unifiedml as um
from unifiedml import losses, nn

ones, zeros = um.ones, um.zeros
X, Y = np.ones((6, 3), "float32"), np.ones((6, 1), "float32")
LABELS = np.asarray([0, 1, 2, 0, 1, 2])


def other() -> um.Tensor:
    """Return a tensor that is not on the current backend."""
    here = um.get_backend()
    with um.use_backend(next(b for b in um.available_backends() if b != here)):
        return um.ones((2, 3))


def model(loss: Any = "mean_squared_error", **options: Any) -> um.Sequential:
    made = um.Sequential(um.Dense(1, input_size=3))
    made.compile("sgd", loss, **options)
    return made


def fit(x: Any = X, y: Any = Y, **options: Any) -> Any:
    return model().fit(x, y, **{"verbose": False, **options})


def sparse(labels: Any, shape: Any = (2, 3), **options: Any) -> um.Tensor:
    return losses.sparse_categorical_crossentropy(labels, ones(shape), **options)


def used_up() -> Any:
    return fit((batch for batch in [(X, Y)]), None, epochs=2)


def nan_inputs() -> Any:
    return fit(np.full((6, 3), math.nan))


def no_parameters() -> Any:
    made = um.Sequential(um.Flatten())
    made.compile("sgd", "mean_squared_error")
    return made.fit(Y, Y, verbose=False)


def foreign_optimizer() -> Any:
    made = um.Sequential(um.Dense(1, input_size=3))
    made.compile(um.SGD(model().parameters()), "mean_squared_error")
    return made.fit(X, Y, verbose=False)


LIMITS = "label 3 is out of range for 3 classes: labels are 0 to 2"
Row = tuple[str, Callable[[], object], type[Exception], str]
ROWS: list[Row] = [
    # operations
    ("matmul shapes", lambda: ones((2, 3)) @ ones((4, 5)), ValueError, r"\(2, 3\)"),
    ("matmul 0-d", lambda: ones(()) @ ones(2), ValueError, "matmul|dimension"),
    ("add shapes", lambda: ones((2, 3)) + ones(2), ValueError, r"\(2, 3\).*\(2,\)"),
    ("add backends", lambda: ones((2, 3)) + other(), um.BackendMismatchError, "torch"),
    ("where shapes", lambda: um.where(ones(2) > 0, ones(3), 0.0), ValueError,
     "broadcast"),
    ("reshape", lambda: um.reshape(ones(3), (2, 2)), ValueError, "reshape"),
    ("mean axis", lambda: um.mean(ones(3), axis=1), AxisError, "axis 1"),
    ("softmax 0-d", lambda: um.softmax(ones(())), ValueError, "dimension"),
    ("softmax ints", lambda: um.softmax(um.asarray([1])), TypeError, "int64"),
    ("relu of text", lambda: um.relu("x"), TypeError, "str"),
    ("concat shapes", lambda: um.concat([ones(2), ones((2, 2))]), ValueError, "join"),
    ("take range", lambda: um.take(ones(2), um.asarray([5])), IndexError, "5"),
    ("max of nothing", lambda: um.max(zeros(0)), ValueError, "max"),
    # layers
    ("dense size", lambda: um.Dense(2, input_size=3)(ones((1, 4))), ValueError,
     r"\(\.\.\., 3\), not \(1, 4\)"),
    ("dense 0-d", lambda: um.Dense(2)(ones(())), ValueError, r"\(\.\.\., features\)"),
    ("dense no features", lambda: um.Dense(2)(ones((2, 0))), ValueError, r"\(2, 0\)"),
    ("dense numpy", lambda: um.Dense(2)(X), TypeError, "ndarray: use um.asarray"),
    ("dense backend", lambda: um.Dense(2, input_size=3)(other()),
     um.BackendMismatchError, "to_backend"),
    ("dense complex dtype", lambda: um.Dense(2, dtype="complex64"), TypeError, "comp"),
    ("dense int dtype", lambda: um.Dense(2, dtype="int32"), TypeError, "int32"),
    ("dense units", lambda: um.Dense(0), ValueError, "units is a positive integer"),
    ("dense units 1.5", lambda: um.Dense(1.5), ValueError, "units"),  # type: ignore[arg-type]
    ("dense units True", lambda: um.Dense(True), ValueError, "units"),
    ("dense input_size", lambda: um.Dense(1, input_size=-1), ValueError, "input_size"),
    ("dense activation", lambda: um.Dense(1, "rely"), ValueError, "relu"),
    ("dense activation 3", lambda: um.Dense(1, 3), TypeError, "activation"),  # type: ignore[arg-type]
    ("dense initializer", lambda: um.Dense(1, kernel_initializer="he"), ValueError,
     "he_normal"),
    ("dense initializer 3", lambda: um.Dense(1, kernel_initializer=3), TypeError,  # type: ignore[arg-type]
     "initializer"),
    ("flatten 0-d", lambda: um.Flatten()(ones(())), ValueError, "counts the examples"),
    ("flatten numpy", lambda: um.Flatten()(X), TypeError, "ndarray"),  # type: ignore[arg-type]
    ("dropout rate", lambda: um.Dropout(1.5), ValueError, r"\[0, 1\], not 1\.5"),
    ("dropout nan", lambda: um.Dropout(math.nan), ValueError, "rate"),
    ("dropout ints", lambda: um.Dropout(0.5)(um.asarray([1])), TypeError, "int64"),
    ("dropout ints, eval", lambda: um.Dropout(0.5).eval()(um.asarray([1])), TypeError,
     "int64"),
    ("sequential of text", lambda: um.Sequential("relu"), TypeError, "function"),  # type: ignore[arg-type]
    # modules
    ("sizes unknown", lambda: um.Dense(2).parameters(), ValueError, "input size"),
    ("sizes unknown: grad", lambda: um.grad(lambda m: m(ones((1, 2))))(um.Dense(1)),
     ValueError, "input size"),
    ("no forward", lambda: um.Module()(1), TypeError, "no forward"),
    ("empty parameter", lambda: um.Parameter(), TypeError, "initializer"),
    ("assign shape", lambda: um.Parameter(ones(2)).assign(ones(3)), ValueError,
     "shape"),
    ("assign backend", lambda: um.Parameter(ones((2, 3))).assign(other()),
     um.BackendMismatchError, "to_backend"),
    ("to device", lambda: model().to("gpu:7"), ValueError, "gpu:7"),
    ("to backend", lambda: model().to_backend("jax9"), um.BackendNotFoundError, "jax9"),
    # losses
    ("label too large", lambda: sparse([0, 3]), IndexError, LIMITS),
    ("label too large, logits", lambda: sparse([0, 3], from_logits=True), IndexError,
     LIMITS),
    ("label -100", lambda: sparse([-100, 0]), IndexError, "label -100 is out of"),
    ("label -100, logits", lambda: sparse([-100, 0], from_logits=True), IndexError,
     "label -100 is out of range"),
    ("labels NaN", lambda: sparse([math.nan, 0.0]), TypeError, "labels are integers"),
    ("labels bool", lambda: sparse([True, False]), TypeError, "labels are integers"),
    ("labels one-hot", lambda: sparse(np.eye(3, dtype=int)[:2]), ValueError,
     r"y_true has shape \(2, 3\) and y_pred \(2, 3\)"),
    ("labels too many", lambda: sparse([0, 1, 2]), ValueError, r"\(3,\)"),
    ("labels of text", lambda: sparse(["a", "b"]), TypeError, "y_true"),
    ("labels elsewhere", lambda: sparse(other().astype("int64")[:, 0]),
     um.BackendMismatchError, "torch"),
    ("logits 0-d", lambda: sparse(0, ()), ValueError, "one more dimension"),
    ("no classes", lambda: sparse([0], (1, 0), from_logits=True), IndexError,
     "0 class"),
    ("empty", lambda: sparse(np.zeros(0, int), (0, 3)), ValueError, "no examples"),
    ("loss shapes", lambda: losses.mean_squared_error(ones(3), ones((3, 1))),
     ValueError, r"\(3,\) and y_pred \(3, 1\)"),
    ("loss of ints", lambda: losses.mean_squared_error([1], um.asarray([1])), TypeError,
     "int64"),
    ("loss of numpy", lambda: losses.mean_squared_error(Y, Y), TypeError, "ndarray"),  # type: ignore[arg-type]
    ("loss of complex", lambda: losses.mean_squared_error([1j], ones(1)), TypeError,
     "complex64"),
    ("loss backends", lambda: losses.mean_squared_error(other(), ones((2, 3))),
     um.BackendMismatchError, "torch"),
    ("loss reduction", lambda: losses.huber(Y, ones((6, 1)), reduction="avg"),
     ValueError, "'avg'"),
    ("huber delta", lambda: losses.huber(Y, ones((6, 1)), delta=0), ValueError,
     "delta"),
    ("loss weights", lambda: losses.huber(Y, ones((6, 1)), sample_weight=ones((6, 1))),
     ValueError, "one weight for each of the 6"),
    ("categorical 0-d", lambda: losses.categorical_crossentropy(1.0, ones(())),
     ValueError, "classes"),
    # compile
    ("no compile", lambda: um.Dense(1).fit(X, Y), RuntimeError, "model.compile"),
    ("no compile: evaluate", lambda: um.Dense(1).evaluate(X, Y), RuntimeError,
     "compile"),
    ("no compile: batch", lambda: um.Dense(1).train_on_batch(X, Y), RuntimeError,
     "compile"),
    ("compile loss", lambda: model(None), TypeError, "needs a loss"),
    ("compile loss name", lambda: model("rmse"), ValueError,
     "mean_absolute_error, mean_squared_error, p"),
    ("compile loss 3", lambda: model(3), TypeError, "loss"),
    ("compile metrics text", lambda: model(metrics="accuracy"), TypeError, "list"),
    ("compile metrics name", lambda: model(metrics=["acc"]), ValueError, "accuracy"),
    ("compile metrics twice", lambda: model(metrics=["accuracy"] * 2), ValueError,
     "own"),
    # fit
    ("unequal lengths", lambda: fit(X, Y[:4]), ValueError, "6 examples and y has 4"),
    ("unequal weights", lambda: fit(sample_weight=np.ones(5)), ValueError,
     "sample_weight has 5"),
    ("unequal inputs", lambda: fit((X, X[:3])), ValueError, r"lengths \[3, 6\]"),
    ("empty data", lambda: fit(X[:0], Y[:0]), ValueError, "no examples"),
    ("empty list", lambda: fit([], None), ValueError, "no examples"),
    ("0-d data", lambda: fit(np.float32(1), Y), ValueError, "0-d"),
    ("no y", lambda: fit(X, None), ValueError, "needs y"),
    ("y with an iterable", lambda: fit(iter([X]), Y), TypeError, "beside it"),
    ("data of text", lambda: fit("x", None), TypeError, "not str"),
    ("data of None", lambda: fit(None, None), TypeError, "NoneType"),
    ("four parts", lambda: fit([(X, Y, Y, Y)], None), ValueError, "not 4 items"),
    ("used-up generator", used_up, ValueError, "used up"),
    ("batch_size 0", lambda: fit(batch_size=0), ValueError, "batch_size is a positive"),
    ("batch_size 1.5", lambda: fit(batch_size=1.5), ValueError, "batch_size"),
    ("epochs 0", lambda: fit(epochs=0), ValueError, "epochs is a positive integer"),
    ("epochs True", lambda: fit(epochs=True), ValueError, "epochs"),
    ("initial_epoch", lambda: fit(initial_epoch=1), ValueError, "initial_epoch"),
    ("split 1", lambda: fit(validation_split=1.0), ValueError, "validation_split"),
    ("split too small", lambda: fit(X[:2], Y[:2], validation_split=0.9), ValueError,
     "nothing"),
    ("split of an iterable", lambda: fit([(X, Y)], None, validation_split=0.5),
     ValueError, "validation_data"),
    ("class_weight", lambda: fit(class_weight={0: 1.0}), TypeError, "integer labels"),
    ("class_weight shape", lambda: fit(y=np.ones((6, 2), int), class_weight={}),
     ValueError, "one label for each"),
    ("callback class", lambda: fit(callbacks=[um.train.Callback]), TypeError, "instan"),
    ("target shape", lambda: fit(y=np.ones((6, 2), "float32")), ValueError, "y_true"),
    ("input size", lambda: fit(np.ones((6, 4))), ValueError, r"\(6, 4\)"),
    ("input elsewhere", lambda: fit(um.concat([other()] * 3)), um.BackendMismatchError,
     "to_backend"),
    ("non-finite loss", nan_inputs, um.train.NonFiniteLossError,
     "loss is nan in epoch 1, step 1"),
    ("infinite loss", lambda: fit(y=np.full((6, 1), 1e30)), um.train.NonFiniteLossError,
     "loss is inf"),
    ("nothing to train", no_parameters, ValueError, "nothing to train"),
    ("foreign optimizer", foreign_optimizer, ValueError, "not the model's"),
    ("predict batch_size", lambda: model().predict(X, batch_size=-1), ValueError, "-1"),
    ("predict empty", lambda: model().predict(X[:0]), ValueError, "no examples"),
    ("accuracy shapes", lambda: um.metrics.Accuracy().update([1, 2, 3], ones((2, 5))),
     ValueError, "do not fit"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_backend_raises_the_same(row: Row) -> None:
    _, call, error, match = row
    messages = {}
    for name in um.available_backends():
        with um.use_backend(name), pytest.raises(error, match=match) as caught:
            call()
        text = str(caught.value)
        for backend in um.available_backends():
            text = text.replace(repr(backend), "a backend")
        messages[name] = type(caught.value), text
    assert len(set(messages.values())) == 1, messages


def test_a_non_finite_loss_leaves_the_parameters(backend: str) -> None:
    made = um.Sequential(um.Dense(1, input_size=3))
    made.compile("adam", "mean_squared_error")
    before = made.state_dict()
    bad = X.copy()
    bad[4] = math.inf
    with pytest.raises(um.train.NonFiniteLossError) as caught:
        made.fit(bad, Y, batch_size=2, epochs=3, shuffle=False, verbose=False)
    assert (caught.value.epoch, caught.value.step) == (1, 3)
    assert not math.isfinite(caught.value.loss)
    assert not made.training
    changed = made.state_dict()
    assert any((before[name] != changed[name]).any() for name in before)
    assert all(np.isfinite(value).all() for value in changed.values())
    with pytest.raises(um.train.NonFiniteLossError) as caught:
        made.train_on_batch(bad, Y)
    assert (caught.value.epoch, caught.value.step) == (None, None)
    for name, value in made.state_dict().items():
        np.testing.assert_array_equal(value, changed[name])


def test_errors_of_training_leave_evaluation_mode(backend: str) -> None:
    made = model()
    with pytest.raises(ValueError, match="y_true"):
        made.fit(X, np.ones((6, 2), "float32"), verbose=False)
    assert not made.training


def test_the_error_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(um.train.NonFiniteLossError(math.inf, 2, 3)))
    assert re.search("inf in epoch 2, step 3", str(error))
    assert nn.Parameter is um.Parameter
