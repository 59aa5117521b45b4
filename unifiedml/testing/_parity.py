"""The same computation on every backend and device, and the comparison of what it gave.

`assert_parity` compares a function of the user's own; the lines of the parity table
(`unifiedml.testing._line`) use the pieces of this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import unifiedml as um
from unifiedml import tolerance
from unifiedml._backend.devices import use_device
from unifiedml._backend.errors import BackendError
from unifiedml._backend.registry import available_backends, load, use_backend
from unifiedml._dtypes import as_dtype
from unifiedml._tensor import Tensor
from unifiedml.testing._compare import assert_close
from unifiedml.testing._gradients import random_cotangent

__all__ = [
    "Outcome",
    "Place",
    "assert_parity",
    "differentiate",
    "evaluate",
    "leaves",
    "places",
    "tensor_leaves",
    "tensors",
    "total",
]

Array = npt.NDArray[Any]
Magnitudes = npt.ArrayLike | Callable[[Array], npt.ArrayLike]

_LARGEST: Final = np.max


@dataclass(frozen=True, slots=True)
class Place:
    """Where a computation runs: one device of one backend, and how.

    Attributes:
        backend: Its name.
        device: Its name.
        traced: Whether gradients are programs of `unifiedml.jit`.
    """

    backend: str
    device: str
    traced: bool = False

    def __str__(self) -> str:
        return f"{self.backend} on {self.device}{', as a program' * self.traced}"

    @contextmanager
    def here(self) -> Iterator[None]:
        """Make new tensors there."""
        with use_backend(self.backend), use_device(self.device):
            yield


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a computation gave: the arrays of its result, or an exception.

    Attributes:
        leaves: The arrays of the result, by their path in it.
        error: The type of the exception, or None.
        message: Its message, without what only one backend can say.
        structure: How the result is nested, with the data types and shapes.
    """

    leaves: Mapping[str, Array]
    error: type[Exception] | None = None
    message: str = ""

    @property
    def structure(self) -> dict[str, str]:
        """The data type and shape of each leaf."""
        return {
            path: f"{as_dtype(leaf.dtype).name} {leaf.shape}"
            for path, leaf in self.leaves.items()
        }

    def __str__(self) -> str:
        if self.error is not None:
            return f"raised {self.error.__name__}: {self.message}"
        return f"returned {self.structure}"


def places(backends: Iterable[str] | None = None) -> list[Place]:
    """Return every device of every backend, the first backend's CPU first."""
    names = available_backends() if backends is None else tuple(backends)
    return [
        Place(name, device) for name in names for device in load(name).ops.devices()
    ]


def evaluate(
    function: Callable[..., Any], args: Sequence[Any], place: Place
) -> Outcome:
    """Return what ``function`` gives for ``args``, its arrays made tensors there."""
    with place.here():
        try:
            result = function(*tensors(args, place))
            return Outcome(dict(leaves(result)))
        except Exception as error:  # noqa: BLE001 - an error is a result, too
            return Outcome({}, type(error), comparable_message(error))


def differentiate(
    function: Callable[..., Any],
    args: Sequence[Any],
    argnums: Sequence[int],
    place: Place,
    seed: int = 0,
) -> list[Array]:
    """Return the gradients of ``function`` for a random cotangent of its result."""

    def loss(*operands: Any) -> Tensor:
        results = list(tensor_leaves(function(*operands)))
        cotangents = [
            random_cotangent(leaf.shape, leaf.dtype, seed + number)
            for number, leaf in enumerate(results)
            if leaf.dtype.is_differentiable
        ]
        return total(results, cotangents)

    gradient = um.grad(loss, tuple(argnums))
    with place.here():
        found = (um.jit(gradient) if place.traced else gradient)(*tensors(args, place))
        return [gradient.numpy() for gradient in found]


def total(results: Iterable[Tensor], cotangents: Iterable[Any]) -> Tensor:
    """Return the sum of products of results that have gradients with cotangents."""
    kept = [leaf for leaf in results if leaf.dtype.is_differentiable]
    first, *others = [
        um.sum(um.real(leaf * cotangent))
        for leaf, cotangent in zip(kept, cotangents, strict=True)
    ]
    for term in others:
        first = first + term.astype(first.dtype)
    return first


def assert_parity(
    function: Callable[..., Any],
    /,
    *args: Any,
    backends: Iterable[str] | None = None,
    argnums: Sequence[int] | None = None,
    family: str = "network",
    scale: Magnitudes | None = _LARGEST,
    length: npt.ArrayLike = 1,
    condition: npt.ArrayLike = 0,
    seed: int = 0,
) -> None:
    """Assert that a function gives the same on every backend and device.

    Compared are values, data types, shapes, first gradients for a random cotangent,
    and, where the function raises, the exception's type and message.

    Args:
        function: Takes tensors where ``args`` has arrays, and returns a tensor, a
            number or a nest of them. It must work on any backend: what it makes itself
            it makes on the current one.
        *args: NumPy arrays, which become tensors, nests of them, or anything else.
        backends: Names; default: all that are installed.
        argnums: Which arguments to differentiate by; default: every argument that is
            a real floating-point array. Empty for none.
        family: The family of `unifiedml.tolerance` that explains rounding of the
            values; with ``scale``, ``length`` and ``condition`` as in `assert_close`.
            By default differences relative to the largest element, as in a network.
            Gradients are always compared so.
        scale: See ``family``.
        length: See ``family``.
        condition: See ``family``.
        seed: Of the cotangents.

    Raises:
        AssertionError: Two places disagree. The message names them.

    Example:
        >>> import numpy as np, unifiedml as um
        >>> assert_parity(lambda x, w: um.tanh(x @ w), np.eye(3), np.ones((3, 2)))
    """
    __tracebackhide__ = True
    where = places(backends)
    outcomes = [evaluate(function, args, place) for place in where]
    options = {"family": family, "scale": scale, "length": length}
    for place, outcome in zip(where[1:], outcomes[1:], strict=True):
        assert_same_kind(outcomes[0], where[0], outcome, place)
        for path, expected in outcomes[0].leaves.items():
            assert_close(
                outcome.leaves[path],
                expected,
                name=f"result{path} of {place} against {where[0]}",
                device=place.device,
                condition=condition,
                **options,  # type: ignore[arg-type]
            )
    floating = any(is_real_floating(leaf) for leaf in outcomes[0].leaves.values())
    if argnums is None:
        argnums = [n for n, arg in enumerate(args) if is_real_floating(arg)]
    if not argnums or not floating:
        return
    gradients = [differentiate(function, args, argnums, place, seed) for place in where]
    for place, found in zip(where[1:], gradients[1:], strict=True):
        assert_close(
            found,
            gradients[0],
            family="network",
            scale=_LARGEST,
            length=length,
            device=place.device,
            name=f"gradient of {place} against {where[0]}",
        )


def assert_same_kind(
    first: Outcome, here: Place, second: Outcome, there: Place
) -> None:
    """Assert that both raised the same, or returned the same structure."""
    __tracebackhide__ = True
    same = (
        first.error is second.error
        and first.message == second.message
        and first.structure == second.structure
    )
    if not same:
        raise AssertionError(f"{here} {first}\n{there} {second}")


def is_real_floating(value: Any) -> bool:
    """Tell whether ``value`` is an array of real floating-point numbers."""
    return isinstance(value, np.ndarray) and as_dtype(value.dtype).kind == "float"


def allowed(
    terms: Sequence[tuple[str, Mapping[str, Any]]], dtype: Any, **options: Any
) -> npt.NDArray[np.float64]:
    """Return the sum of the bounds of several families."""
    total: npt.NDArray[np.float64] = np.zeros(())
    for family, magnitudes in terms:
        total = total + tolerance.bound(family, dtype, **magnitudes, **options)
    return total


# --- nests ---------------------------------------------------------------------------


def tensors(args: Sequence[Any], place: Place) -> list[Any]:
    with place.here():
        return [_tensor(arg) for arg in args]


def _tensor(arg: Any) -> Any:
    if isinstance(arg, np.ndarray):
        return um.asarray(arg)
    if isinstance(arg, list | tuple):
        return type(arg)(_tensor(one) for one in arg)
    if isinstance(arg, dict):
        return {key: _tensor(one) for key, one in arg.items()}
    return arg


def leaves(result: Any, path: str = "") -> Iterator[tuple[str, Array]]:
    if isinstance(result, Mapping):
        for key, one in result.items():
            yield from leaves(one, f"{path}[{key!r}]")
    elif isinstance(result, list | tuple):
        for index, one in enumerate(result):
            yield from leaves(one, f"{path}[{index}]")
    elif isinstance(result, Tensor):
        yield path, result.numpy()
    elif result is not None:
        yield path, np.asarray(result)


def tensor_leaves(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Mapping):
        result = list(result.values())
    if isinstance(result, list | tuple):
        for one in result:
            yield from tensor_leaves(one)
    elif isinstance(result, Tensor):
        yield result


def comparable_message(error: Exception) -> str:
    """Return the message without backends' names and frameworks' own reasons."""
    message = str(error)
    if isinstance(error, BackendError):
        message = message.partition(" failed on backend ")[0]
    names = "|".join(map(re.escape, available_backends()))
    return re.sub(rf"\b({names})\b", "...", message)
