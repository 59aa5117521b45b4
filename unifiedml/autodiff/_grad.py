"""Gradients as transformations of functions: `grad`, `value_and_grad`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.registry import LoadedBackend
from unifiedml._imperative import one_like
from unifiedml._tensor import Tensor
from unifiedml.autodiff._call import Call, check_function, positions
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
    check_function(function)
    numbers = positions(argnums)

    @wraps(function, updated=())
    def differentiated(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call = Call(function, args, kwargs, numbers, has_aux=has_aux)
        value = call.result
        _check_value(value, call.backend)
        gradient = call.gradients(call.pull([value], [one_like(value)]))
        value, extra = call.shown()
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
