"""Products with the Jacobian of a function: `vjp` and `jvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.registry import LoadedBackend
from unifiedml._imperative import check_cotangent
from unifiedml._tensor import Tensor
from unifiedml._tree import aligned
from unifiedml.autodiff._call import Call, check_function
from unifiedml.ops._dispatch import constant
from unifiedml.ops.conversion import from_array

__all__ = ["check_outputs", "given_for", "jvp", "vjp"]


def vjp(function: Callable[..., Any], /, *primals: Any, has_aux: bool = False) -> Any:
    """Return the value of ``function`` and its vector-Jacobian product.

    Args:
        function: Takes the ``primals`` and returns a floating-point tensor or a nest of
            dicts, lists and tuples of those, of any shapes; with ``has_aux`` a pair of
            that and anything else.
        primals: What it is differentiated by: tensors, arrays, floats, modules, or
            nests of those, as in `value_and_grad`.
        has_aux: Whether ``function`` returns ``(value, extra)``.

    Returns:
        ``(value, pull)``, or ``(value, pull, extra)``. ``pull`` takes a cotangent in
        the structure of the value and returns a tuple: the product for each primal. It
        may be called more than once, and can be differentiated itself.

    Raises:
        TypeError: A primal is not floating-point, or a result is no floating-point
            tensor.
        ValueError: A cotangent has another structure, shape or data type than the
            value.
        BackendMismatchError: Tensors are on several backends.

    The product of complex numbers is that of `value_and_grad`: with the conjugate of
    the Jacobian, so that the cotangent 1 gives the direction of steepest ascent.

    The Hessian of ``f`` times a vector ``v``, without the Hessian, is
    ``um.vjp(um.grad(f), x)[1](v)`` (the Hessian is symmetric), or, at a slightly higher
    price, ``um.jvp(um.grad(f), (x,), (v,))[1]``.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor([1.0, 2.0])
        >>> value, pull = um.vjp(lambda x: x**2, x)
        >>> pull(um.tensor([1.0, 10.0]))[0].tolist()
        [2.0, 40.0]
        >>> f = lambda x: um.sum(x**3)
        >>> um.vjp(um.grad(f), x)[1](um.tensor([1.0, 1.0]))[0].tolist()
        [6.0, 12.0]
    """
    check_function(function)
    numbers = range(len(primals))
    call = Call(function, primals, {}, numbers, has_aux=has_aux, persistent=True)
    check_outputs(call.outputs, call.backend)

    def pull(cotangent: Any, /) -> tuple[Any, ...]:
        given = given_for(call.result, cotangent, "the cotangent", "value")
        return call.gradients(call.pull(call.outputs, given))

    value, extra = call.shown()
    return (value, pull, extra) if has_aux else (value, pull)


def jvp(
    function: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    has_aux: bool = False,
) -> Any:
    """Return the value of ``function`` and its derivative along ``tangents``.

    Args:
        function: As for `vjp`.
        primals: A tuple or list of its arguments.
        tangents: A direction for each, of the same structure, shapes and data types; a
            module's is a dict of its trainable parameters by name.
        has_aux: Whether ``function`` returns ``(value, extra)``.

    Returns:
        ``(value, derivative)`` of one structure, or ``(value, derivative, extra)``.

    Raises:
        TypeError: As for `vjp`; ``primals`` or ``tangents`` is no tuple or list.
        ValueError: A tangent has another structure, shape or data type than its primal.
        BackendMismatchError: Tensors are on several backends.

    The derivative is exact: the transpose of `vjp`, which is linear in the cotangent,
    by a second backward pass. So it holds for every operation that has gradients of
    order 2, and nests like the other transformations. A program of it (`unifiedml.jit`)
    has no more of the two passes than what goes forward.

    Example:
        >>> import unifiedml as um
        >>> value, slope = um.jvp(um.sin, (um.tensor(0.0),), (um.tensor(2.0),))
        >>> value.item(), slope.item()
        (0.0, 2.0)

    Reference:
        J. Townsend, A new trick for calculating Jacobian vector products, 2017.
    """
    check_function(function)
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, list | tuple):
            raise TypeError(
                f"{name} is a tuple with one entry for each argument, not "
                f"{type(given).__name__}"
            )
    numbers = range(len(primals))
    call = Call(function, primals, {}, numbers, has_aux=has_aux, persistent=True)
    check_outputs(call.outputs, call.backend)
    along = given_for(
        list(call.gradients(call.inputs)), list(tangents), "the tangent", "primal"
    )
    derivative = call.results(call.pushing()(along))
    value, extra = call.shown()
    return (value, derivative, extra) if has_aux else (value, derivative)


def check_outputs(outputs: Sequence[Any], backend: LoadedBackend) -> None:
    """Raise for results that have no derivatives."""
    for y in outputs:
        if not isinstance(y, Tensor) or not y.dtype.is_differentiable:
            what = y.dtype.name if isinstance(y, Tensor) else type(y).__name__
            raise TypeError(
                f"the results to differentiate are floating-point tensors, not {what}: "
                "return what else there is by has_aux=True"
            )
        if y._backend.name != backend.name:
            raise BackendMismatchError(
                f"a result is on backend {y.backend!r}, the arguments on "
                f"{backend.name!r}: compute both on one"
            )


def given_for(tree: Any, given: Any, name: str, whose: str) -> list[Tensor]:
    """Return the leaves of ``given``, which has the structure and kinds of ``tree``."""
    found = []
    for x, leaf in aligned(tree, given, name, whose):
        if isinstance(leaf, int | float | complex | np.generic) and not x.shape:
            leaf = constant(np.asarray(leaf).item(), x.dtype, x._backend, x.device)
        elif isinstance(leaf, np.ndarray):
            leaf = from_array(leaf, x._backend, x.device)
        check_cotangent(x, leaf, name)
        found.append(leaf)
    return found
