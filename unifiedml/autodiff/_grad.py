"""Gradients as transformations of functions: `grad`, `value_and_grad`."""

from __future__ import annotations


from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from unifiedml import _recording
from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.registry import LoadedBackend
from unifiedml._parameter import Parameter, lift
from unifiedml._tensor import Tensor
from unifiedml._tree import expand, leaves, like, map_tree, rebuild
from unifiedml.ops._dispatch import ANY, Op, as_tensors, constant

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
            Python float, a module (its trainable parameters), or a nest of dicts,
            lists and tuples of those.
        has_aux: Whether ``function`` returns ``(value, extra)``.

    Returns:
        A function of the same arguments. It returns ``(value, gradient)``, or
        ``((value, extra), gradient)``. The gradient has the structure of the
        argument, a module standing for the dict of its trainable parameters by name;
        for several ``argnums`` it is a tuple. Where the value does not depend on an
        argument, the gradient is zero.

    Raises:
        TypeError: An argument is not floating-point, the value is no tensor, or not
            floating-point.
        ValueError: The value is not a scalar.
        BackendMismatchError: The value lives on another backend than the arguments.

    A tensor that ``function`` closes over is a constant, also if it is the very one
    that it is differentiated by. Recording for ``backward()`` pauses inside: the
    results carry no history.

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
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @wraps(function)
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        chosen = _chosen(args, numbers)
        trees = [expand(args[number]) for number in chosen]
        inputs = [_as_input(leaf, args) for leaf in leaves(trees)]
        if not inputs:
            raise TypeError("there is nothing to differentiate by: no tensors found")
        backend = _one_backend(inputs)
        tape = backend.ops.tape(False)
        with tape, _recording.paused():
            natives = [tape.watch(x._native) for x in inputs]
            owned = [
                (x, native)
                for x, native in zip(inputs, natives, strict=True)
                if isinstance(x, Parameter)
            ]
            with lift([x for x, _ in owned], [native for _, native in owned]):
                result = function(*_substituted(args, chosen, inputs, natives), **kwargs)
        value, extra = _split(result, has_aux)
        _check_value(value, backend)
        one = constant(1, value.dtype, backend, value.device)
        gradients = tape.gradient([value._native], natives, [one._native])
        found = rebuild(trees, [Tensor(native, backend) for native in gradients])
        gradient = found[0] if isinstance(argnums, int) else tuple(found)
        if _recording.is_recording():
            # Outermost: an outer transformation would need the history.
            value, extra = value.detach(), map_tree(_detached, extra)
        return ((value, extra) if has_aux else value), gradient

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

    @wraps(function)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return differentiated


# --- pieces ------------------------------------------------------------------------


def _chosen(args: Sequence[Any], numbers: Sequence[int]) -> tuple[int, ...]:
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise TypeError(
                f"argnums names argument {number}, but {len(args)} positional "
                "arguments were given"
            )
    return tuple(number % len(args) for number in numbers)


def _as_input(leaf: Any, args: Sequence[Any]) -> Tensor:
    if isinstance(leaf, float | complex):
        beside = [x for x in args if isinstance(x, Tensor)]
        (leaf,) = as_tensors(_STOP, leaf, beside=beside)
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
    backend = inputs[0]._backend
    for x in inputs[1:]:
        if x._backend.name != backend.name:
            raise BackendMismatchError(
                f"cannot differentiate by tensors of backends {backend.name!r} and "
                f"{x.backend!r} at once: move one with to_backend first"
            )
    return backend


def _substituted(
    args: Sequence[Any],
    chosen: Sequence[int],
    inputs: Sequence[Tensor],
    natives: Sequence[Any],
) -> list[Any]:
    """Return the arguments with their tensors replaced by what the tape watches.

    Parameters stay themselves: they read as the watched value.
    """
    remaining = iter(zip(inputs, natives, strict=True))

    def replace(tree: Any) -> Any:
        if getattr(tree, "trainable_parameters", None) is not None:
            for _ in tree.trainable_parameters():
                next(remaining)
            return tree
        if isinstance(tree, dict):
            return {key: replace(value) for key, value in tree.items()}
        if isinstance(tree, list | tuple):
            return like(tree, [replace(value) for value in tree])
        if tree is None:
            return None
        x, native = next(remaining)
        return x if isinstance(x, Parameter) else Tensor(native, x._backend)

    result = list(args)
    for number in chosen:
        result[number] = replace(args[number])
    return result


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
            "scalar tensor"
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
    if not value.dtype.is_differentiable:
        raise TypeError(
            f"the value to differentiate is floating-point, not {value.dtype.name}"
        )


def _detached(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, Tensor) else leaf


