"""Matrices of derivatives: `jacobian` and `hessian`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, Literal

from unifiedml._backend.registry import use_backend
from unifiedml._tensor import Tensor
from unifiedml.autodiff._call import Call, check_function, positions
from unifiedml.autodiff._linear import check_outputs
from unifiedml.ops.creation import eye, zeros, zeros_like
from unifiedml.ops.manipulation import reshape, stack
from unifiedml.ops.parts import conj

__all__ = ["by_rows", "check_real", "hessian", "jacobian"]

Mode = Literal["reverse", "forward"]


def jacobian(
    function: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    mode: Mode = "reverse",
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of ``function``.

    Args:
        function: Takes any arguments and returns a floating-point tensor of any shape,
            or a nest of dicts, lists and tuples of those; with ``has_aux`` a pair of
            that and anything else.
        argnums: Which positional arguments to differentiate by, as in `value_and_grad`.
        mode: ``"reverse"`` makes one `vjp` for each element of the result,
            ``"forward"`` one `jvp` for each element of the arguments: whichever are
            fewer.
        has_aux: Whether ``function`` returns ``(value, extra)``.
        holomorphic: A promise, needed where complex results are differentiated by
            complex arguments: only of holomorphic functions that derivative is a
            matrix.

    Returns:
        A function of the same arguments. It returns the structure of the value, with
        the structure of the argument (a module standing for the dict of its trainable
        parameters by name; a tuple for several ``argnums``) in the place of each tensor
        ``y``; in the place of each tensor ``x`` there stands the Jacobian, of shape
        ``(*y.shape, *x.shape)``. With ``has_aux`` it returns ``(jacobian, extra)``.

    Raises:
        TypeError: An argument is not floating-point, a result is no floating-point
            tensor; or both are complex, without ``holomorphic``.
        ValueError: ``mode`` is something else.
        BackendMismatchError: Tensors are on several backends.

    Of a real result by a complex argument it is the gradient of each element, as in
    `value_and_grad`; of a complex result by a real argument the derivative; of a
    holomorphic function the complex derivative.

    Example:
        >>> import unifiedml as um
        >>> um.jacobian(lambda x: x**2)(um.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    check_function(function)
    numbers = positions(argnums)
    if mode not in ("reverse", "forward"):
        raise ValueError(f'mode is "reverse" or "forward", not {mode!r}')

    @wraps(function, updated=())
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        call = Call(function, args, kwargs, numbers, has_aux=has_aux, persistent=True)
        check_outputs(call.outputs, call.backend)
        if not holomorphic:
            check_real(call.outputs, call.inputs)
        if mode == "reverse":
            rows = by_rows(call.outputs, call.inputs, call.pull)
        else:
            rows = _by_columns(call)
        blocks = [call.gradients(row) for row in rows]
        if isinstance(argnums, int):
            matrix = call.results(block[0] for block in blocks)
        else:
            matrix = call.results(blocks)
        return (matrix, call.shown()[1]) if has_aux else matrix

    return differentiated


def hessian(
    function: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Return a function that computes the second derivatives of ``function``.

    Arguments and errors are those of `jacobian`, which this is, twice.

    Returns:
        A function of the same arguments. Where `jacobian` has a tensor for ``y`` and
        ``x1``, this has the structure of the arguments, with a tensor of shape
        ``(*y.shape, *x1.shape, *x2.shape)`` for each ``x2``.

    See `vjp` for the product with a vector, which does not need the matrix.

    Example:
        >>> import unifiedml as um
        >>> um.hessian(lambda x: um.sum(x**3))(um.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """

    def once(function: Callable[..., Any]) -> Callable[..., Any]:
        return jacobian(function, argnums, has_aux=has_aux, holomorphic=holomorphic)

    return once(once(function))


def check_real(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
    """Raise where derivatives are no matrices."""
    whole = [
        next((x.dtype.name for x in side if x.dtype.kind == "complex"), None)
        for side in (outputs, inputs)
    ]
    if None not in whole:
        raise TypeError(
            f"results of data type {whole[0]} by arguments of data type {whole[1]}: "
            "only a holomorphic function has a Jacobian there; if it is one, use "
            "um.jacobian(..., holomorphic=True), else differentiate um.real and "
            "um.imag of the result"
        )


# Where one side is complex and the other real, the derivative has two parts: by the
# cotangents (or along the tangents) 1 and i.


def by_rows(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    pull: Callable[[list[Tensor], list[Tensor]], list[Tensor]],
) -> Iterator[list[Tensor]]:
    """Yield, for each output, its Jacobians by all inputs.

    Args:
        outputs: What is differentiated.
        inputs: What it is differentiated by.
        pull: Returns the vector-Jacobian products of outputs with cotangents.
    """
    for y in outputs:
        rows = [pull([y], [one]) for one in _basis(y)]
        turned = []
        if not _is_real(y) and any(map(_is_real, inputs)):
            turned = [pull([y], [one * 1j]) for one in _basis(y)]
        found = []
        for place, x in enumerate(inputs):
            block = _joined([row[place] for row in rows], 0, y, x, x)
            if not _is_real(y):
                if _is_real(x):
                    other = _joined([row[place] for row in turned], 0, y, x, x)
                    block = block + 1j * other
                else:
                    block = conj(block)
            found.append(block)
        yield found


def _by_columns(call: Call) -> Iterator[list[Tensor]]:
    """Yield the same, made of derivatives along the elements of the inputs."""
    push = call.pushing()
    still = [zeros_like(x) for x in call.inputs]
    matrices = []
    for place, x in enumerate(call.inputs):
        before, after = still[:place], still[place + 1 :]
        columns = [push([*before, one, *after]) for one in _basis(x)]
        turned = []
        if not _is_real(x) and any(map(_is_real, call.outputs)):
            turned = [push([*before, one * 1j, *after]) for one in _basis(x)]
        found = []
        for number, y in enumerate(call.outputs):
            block = _joined([column[number] for column in columns], -1, y, x, y)
            if not _is_real(x) and _is_real(y):
                other = _joined([column[number] for column in turned], -1, y, x, y)
                block = block + 1j * other
            found.append(block)
        matrices.append(found)
    for number in range(len(call.outputs)):
        yield [found[number] for found in matrices]


def _is_real(x: Tensor) -> bool:
    return x.dtype.kind != "complex"


def _basis(x: Tensor) -> Iterator[Tensor]:
    """Yield the unit vectors in the shape of ``x``."""
    with use_backend(x.backend):
        identity = eye(x.size, dtype=x.dtype, device=x.device)
    for row in identity:
        yield reshape(row, x.shape)


def _joined(
    parts: Sequence[Tensor], axis: int, y: Tensor, x: Tensor, like: Tensor
) -> Tensor:
    """Return rows (``axis`` 0) or columns (-1) as one Jacobian of ``y`` by ``x``."""
    if parts:
        return reshape(stack(parts, axis=axis), (*y.shape, *x.shape))
    with use_backend(y.backend):
        return zeros((*y.shape, *x.shape), dtype=like.dtype, device=like.device)
