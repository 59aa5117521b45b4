"""Gradients as transformations of functions: `grad`, `value_and_grad`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.protocol import Native, Tape
from unifiedml._backend.registry import LoadedBackend
from unifiedml._imperative import one_like
from unifiedml._parameter import Parameter, lift
from unifiedml._recording import Mode, mode, switched
from unifiedml._tensor import Tensor
from unifiedml._tree import expand, is_module, leaves, map_tree, rebuild, tensors
from unifiedml.ops._dispatch import ANY, Op, as_tensors

__all__ = ["grad", "stop_gradient", "value_and_grad"]

_STOP = Op("stop_gradient", ANY)


def stop_gradient(x: Tensor, /) -> Tensor:
    """Return ``x`` as a constant: no gradient flows through it.

    Example:
        >>> import unifiedml as um
        >>> um.grad(lambda x: x * um.stop_gradient(x))(um.tensor(3.0)).item()
        3.0
    """
    (x,) = as_tensors(_STOP, x)
    return x.detach()


def value_and_grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes the value of ``function`` and its gradient.

    Args:
        function: Takes any arguments and returns a scalar tensor (shape ``()``), or
            with ``has_aux`` a pair of that and anything else.
        argnums: Which positional arguments to differentiate by. Each is a tensor, a
            NumPy array, a Python float, a module (its trainable parameters), or a
            nest of dicts, lists and tuples of those.
        has_aux: Whether ``function`` returns ``(value, extra)``.

    Returns:
        A function of the same arguments. It returns ``(value, gradient)``, or
        ``((value, extra), gradient)``. The gradient has the structure of the
        argument, a module standing for the dict of its trainable parameters by name;
        for several ``argnums`` it is a tuple. Where the value does not depend on an
        argument, the gradient is zero.

    Raises:
        TypeError: An argument is not floating-point, or is missing; the value is no
            tensor, or not real and floating-point.
        ValueError: The value is not a scalar.
        BackendMismatchError: The value lives on another backend than the arguments.

    A tensor that ``function`` closes over is a constant, also if it is the very one
    that it is differentiated by; so are parameters of models that it is not
    differentiated by. The results carry no history for ``backward()``. A parameter
    reads as its stand-in inside, and what is assigned to it there is forgotten.

    The gradient by a complex number is that of PyTorch and TensorFlow, the direction
    of steepest ascent: ``2 * z`` for ``real(z * conj(z))``.

    Example:
        >>> import unifiedml as um
        >>> def loss(parameters, x):
        ...     return um.mean((parameters["w"] * x) ** 2)
        >>> value, gradient = um.value_and_grad(loss)(
        ...     {"w": um.tensor(3.0)}, um.tensor([1.0, 2.0])
        ... )
        >>> value.item(), gradient["w"].item()
        (22.5, 15.0)
    """
    if not callable(function):
        raise TypeError(
            f"a function is differentiated, not {type(function).__name__}: to go back "
            "from a computed tensor use backward() or a GradientTape"
        )
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @wraps(function, updated=())
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        chosen = _chosen(args, numbers)
        trees = [args[number] for number in chosen]
        parts = leaves(trees)
        inside = [expand(part) for part in parts]
        inputs = [_as_input(x, (args, kwargs)) for x in leaves(inside)]
        backend = _one_backend(inputs)
        tape = backend.ops.tape(False)
        with tape, switched(Mode.TAPE):
            natives, lifted = _watched(tape, inputs)
            stand_ins = rebuild(inside, map(_stand_in, inputs, natives))
            given = list(args)
            for number, tree in zip(
                chosen, rebuild(trees, map(_kept, parts, stand_ins)), strict=True
            ):
                given[number] = tree
            with lift(*lifted):
                result = function(*given, **kwargs)
        value, extra = _split(result, has_aux)
        _check_value(value, backend)
        found = tape.gradient([value._native], natives, [one_like(value)._native])
        gradients = rebuild(inside, (Tensor(native, backend) for native in found))
        gradient = tuple(rebuild(trees, gradients))
        if mode() is not Mode.TAPE:
            # Outermost: an outer transformation would need the history.
            value, extra = value.detach(), map_tree(_detached, extra)
        return (
            (value, extra) if has_aux else value,
            gradient[0] if isinstance(argnums, int) else gradient,
        )

    return differentiated


def grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``function``.

    Arguments and errors are those of `value_and_grad`.

    Returns:
        A function of the same arguments, which returns the gradient, or
        ``(gradient, extra)`` with ``has_aux``.

    Example:
        >>> import unifiedml as um
        >>> um.grad(lambda x: um.sum(x**3))(um.tensor([1.0, 2.0])).tolist()
        [3.0, 12.0]
    """
    both = value_and_grad(function, argnums, has_aux=has_aux)

    @wraps(function, updated=())
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return differentiated


# --- the arguments -------------------------------------------------------------------


def _chosen(args: Sequence[Any], numbers: Sequence[int]) -> list[int]:
    """Return the numbers of the arguments to differentiate by, from the front."""
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise TypeError(
                f"argnums names argument {number} of {len(args)} positional ones: pass "
                "what to differentiate by in its place, without its name"
            )
    chosen = [number % len(args) for number in numbers]
    if len(set(chosen)) < len(chosen):
        raise TypeError(f"argnums names an argument twice: {tuple(numbers)}")
    return chosen


def _as_input(leaf: Any, beside: Any) -> Tensor:
    """Return a leaf to differentiate by as a tensor, where those beside it are."""
    if isinstance(leaf, float | complex | np.ndarray | np.generic):
        (leaf,) = as_tensors(_STOP, leaf, beside=tensors(beside))
    if not isinstance(leaf, Tensor):
        raise TypeError(
            f"gradients are taken by tensors and floats, not {type(leaf).__name__}: "
            "name the other arguments' numbers in argnums"
        )
    if not leaf.dtype.is_differentiable:
        raise TypeError(
            f"gradients are taken by floating-point tensors, not {leaf.dtype.name}: "
            "convert with astype first"
        )
    return leaf


def _one_backend(inputs: Sequence[Tensor]) -> LoadedBackend:
    if not inputs:
        raise TypeError("there is nothing to differentiate by: no tensors found")
    backend = inputs[0]._backend
    for x in inputs[1:]:
        if x._backend.name != backend.name:
            raise BackendMismatchError(
                f"cannot differentiate by tensors of backends {backend.name!r} and "
                f"{x.backend!r} at once: move one with x.to_backend(...) first"
            )
    return backend


def _watched(
    tape: Tape, inputs: Iterable[Tensor]
) -> tuple[list[Native], tuple[list[Parameter], list[Native]]]:
    """Have the tape watch the inputs.

    Returns:
        The stand-in of each input, and the parameters among them with theirs. A
        parameter has one stand-in, however often it occurs: it has one value.
    """
    natives: list[Native] = []
    lifted: dict[int, tuple[Parameter, Native]] = {}
    for x in inputs:
        if id(x) in lifted:
            natives.append(lifted[id(x)][1])
            continue
        natives.append(tape.watch(x._native))
        if isinstance(x, Parameter):
            lifted[id(x)] = x, natives[-1]
    return natives, ([x for x, _ in lifted.values()], [n for _, n in lifted.values()])


def _stand_in(x: Tensor, native: Native) -> Tensor:
    """Return what the function is given for ``x``: a parameter stays itself."""
    return x if isinstance(x, Parameter) else Tensor(native, x._backend)


def _kept(part: Any, stand_in: Any) -> Any:
    """Return what the function is given for a leaf: a module stays itself."""
    return part if is_module(part) else stand_in


# --- the result ----------------------------------------------------------------------


def _split(result: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            "with has_aux=True the function returns a pair (value, extra), not "
            f"{type(result).__name__}"
        )
    return result


def _check_value(value: Any, backend: LoadedBackend) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"the function to differentiate returned {type(value).__name__}, not a "
            "scalar tensor: compute it with um's functions"
        )
    if value._backend.name != backend.name:
        raise BackendMismatchError(
            f"the value is on backend {value.backend!r}, the arguments on "
            f"{backend.name!r}: compute both on one"
        )
    if value.shape:
        raise ValueError(
            f"the value to differentiate is a scalar, not of shape {value.shape}: "
            "reduce it with um.sum or um.mean"
        )
    if value.dtype.kind != "float":
        raise TypeError(
            f"the value to differentiate is a real floating-point number, not "
            f"{value.dtype.name}"
            + (": take um.real or um.abs" if value.dtype.kind == "complex" else "")
        )


def _detached(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, Tensor) else leaf
