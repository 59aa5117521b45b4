"""The contract between the frontend and a backend: all that a backend author reads.

A backend is a module (any object will do) that has the members of `Backend`. The
frontend checks before it calls: operands are native tensors of this backend, on one
device, of one data type that the operation is defined for, of shapes that fit;
``axis`` is a non-negative integer, ``axes`` a sorted tuple of distinct ones, and
nothing is ``None``. So a backend validates nothing and has no defaults, and it may
raise whatever it likes: the frontend turns any exception into the library's own.

Where a framework deviates from the contract (the values and gradients in the
documentation's table), the backend corrects it; where it agrees, a member is an
alias such as ``exp = torch.exp``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt

Native: TypeAlias = Any
"""A tensor of the framework. It has a ``dtype`` that is compared by identity."""

NativeDType: TypeAlias = Any
Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
Axes: TypeAlias = tuple[int, ...]
Key: TypeAlias = tuple[int | slice, ...]
Pads: TypeAlias = tuple[tuple[int, int], ...]


class Tape(Protocol):
    """Records what is computed from watched tensors while it is entered."""

    def __enter__(self) -> Tape: ...
    def __exit__(self, *exception: object) -> None: ...

    def watch(self, x: Native, /) -> Native:
        """Return a stand-in for ``x``: what is computed from it is recorded.

        Nothing that holds ``x`` itself is affected, so a function that closes over
        ``x`` sees a constant there.
        """
        ...

    def gradient(
        self,
        outputs: Sequence[Native],
        inputs: Sequence[Native],
        cotangents: Sequence[Native],
    ) -> list[Native]:
        """Return the vector-Jacobian products for ``inputs`` that were watched.

        Where an output does not depend on an input, or was computed while the tape
        was not entered, its part is zeros. The result is itself recorded by the tapes
        that are still entered.
        """
        ...


class Engine(Protocol):
    """Gradients by a graph that native tensors themselves carry.

    A framework whose tensors remember their history (``requires_grad``) offers this
    object; for others the frontend keeps the history in small tapes. The stand-ins of
    a tape are constants here: no history starts at them.
    """

    def leaf(self, x: Native, /) -> Native:
        """Return a tensor with the value of ``x`` from which a history starts."""
        ...

    def is_recorded(self, x: Native, /) -> bool:
        """Tell whether ``x`` is a leaf or was computed from one."""
        ...

    def is_leaf(self, x: Native, /) -> bool:
        """Tell whether a history starts at ``x``."""
        ...

    def backward(
        self, x: Native, cotangent: Native, retain_graph: bool, create_graph: bool
    ) -> None:
        """Add the gradients of ``x`` to those of its leaves.

        The sum is a new tensor: one that `gradient_of` has returned never changes.

        Raises:
            FreedError: A pass without ``retain_graph`` went through here before.
        """
        ...

    def gradient_of(self, leaf: Native, /) -> Native | None:
        """Return the gradient that has been added up at ``leaf``, if any."""
        ...

    def set_gradient(self, leaf: Native, value: Native | None, /) -> None:
        """Replace the gradient at ``leaf``."""
        ...


class Backend(Protocol):
    """Everything that the frontend asks of a framework."""

    # --- what the backend is -------------------------------------------------
    dtypes: Mapping[str, NativeDType]
    """The framework's data type for each name of the standard that it stores."""

    missing: Mapping[str, frozenset[str]]
    """Operations without a kernel for some (stored) data types of the contract.

    The frontend computes integers in int64 and casts back, or refuses.
    """

    engine: Engine | None

    # --- tensors and devices -------------------------------------------------
    def is_native(self, x: object, /) -> bool: ...
    def is_traced(self, x: Native, /) -> bool:
        """Tell whether ``x`` stands for values that come when a program runs.

        The frontend looks at no values of such a tensor: checks that need them are
        left out.
        """
        ...

    def devices(self) -> tuple[str, ...]: ...
    def device_of(self, x: Native, /) -> str: ...
    def to_device(self, x: Native, device: str, /) -> Native: ...
    def shape_of(self, x: Native, /) -> Shape: ...
    def from_numpy(self, x: Array, device: str, /) -> Native: ...
    def to_numpy(self, x: Native, /) -> Array: ...
    def from_dlpack(self, x: Any, /) -> Native: ...
    def to_dlpack(self, x: Native, /) -> Any: ...
    def dlpack_device(self, x: Native, /) -> tuple[int, int]: ...
    def copy(self, x: Native, /) -> Native: ...

    # --- gradients -----------------------------------------------------------
    def tape(self, persistent: bool, /) -> Tape: ...
    def paused(self) -> AbstractContextManager[object]:
        """Return a context in which neither tapes nor the engine record.

        Tapes that are entered inside it record, what the others watch is a constant.
        """
        ...

    def stop_gradient(self, x: Native, /) -> Native: ...

    # --- creation ------------------------------------------------------------
    def full(
        self, shape: Shape, value: Any, dtype: NativeDType, device: str, /
    ) -> Native: ...

    # --- element by element, one operand --------------------------------------
    def cast(self, x: Native, dtype: NativeDType, /) -> Native: ...
    def abs(self, x: Native, /) -> Native: ...
    def bitwise_invert(self, x: Native, /) -> Native: ...
    def ceil(self, x: Native, /) -> Native: ...
    def conj(self, x: Native, /) -> Native: ...
    def cos(self, x: Native, /) -> Native: ...
    def erf(self, x: Native, /) -> Native: ...
    def erfc(self, x: Native, /) -> Native: ...
    def exp(self, x: Native, /) -> Native: ...
    def expm1(self, x: Native, /) -> Native: ...
    def floor(self, x: Native, /) -> Native: ...
    def imag(self, x: Native, /) -> Native: ...
    def isfinite(self, x: Native, /) -> Native: ...
    def isinf(self, x: Native, /) -> Native: ...
    def isnan(self, x: Native, /) -> Native: ...
    def log(self, x: Native, /) -> Native: ...
    def log1p(self, x: Native, /) -> Native: ...
    def logical_not(self, x: Native, /) -> Native: ...
    def negative(self, x: Native, /) -> Native: ...
    def real(self, x: Native, /) -> Native: ...
    def relu(self, x: Native, /) -> Native: ...
    def round(self, x: Native, /) -> Native: ...
    def sigmoid(self, x: Native, /) -> Native: ...
    def sign(self, x: Native, /) -> Native: ...
    def sin(self, x: Native, /) -> Native: ...
    def softplus(self, x: Native, /) -> Native: ...
    def sqrt(self, x: Native, /) -> Native: ...
    def square(self, x: Native, /) -> Native: ...
    def tanh(self, x: Native, /) -> Native: ...
    def trunc(self, x: Native, /) -> Native: ...

    # --- element by element, several operands ----------------------------------
    def add(self, x: Native, y: Native, /) -> Native: ...
    def bitwise_and(self, x: Native, y: Native, /) -> Native: ...
    def bitwise_left_shift(self, x: Native, y: Native, /) -> Native: ...
    def bitwise_or(self, x: Native, y: Native, /) -> Native: ...
    def bitwise_right_shift(self, x: Native, y: Native, /) -> Native: ...
    def bitwise_xor(self, x: Native, y: Native, /) -> Native: ...
    def clip(self, x: Native, low: Native, high: Native, /) -> Native: ...
    def divide(self, x: Native, y: Native, /) -> Native: ...
    def equal(self, x: Native, y: Native, /) -> Native: ...
    def floor_divide(self, x: Native, y: Native, /) -> Native: ...
    def less(self, x: Native, y: Native, /) -> Native: ...
    def less_equal(self, x: Native, y: Native, /) -> Native: ...
    def logical_and(self, x: Native, y: Native, /) -> Native: ...
    def logical_or(self, x: Native, y: Native, /) -> Native: ...
    def logical_xor(self, x: Native, y: Native, /) -> Native: ...
    def maximum(self, x: Native, y: Native, /) -> Native: ...
    def minimum(self, x: Native, y: Native, /) -> Native: ...
    def multiply(self, x: Native, y: Native, /) -> Native: ...
    def not_equal(self, x: Native, y: Native, /) -> Native: ...
    def power(self, x: Native, y: Native, /) -> Native: ...
    def power_constant(self, x: Native, y: Native, /) -> Native:
        """Return ``x ** y`` where ``y`` is a constant other than zero."""
        ...

    def remainder(self, x: Native, y: Native, /) -> Native: ...
    def subtract(self, x: Native, y: Native, /) -> Native: ...
    def where(self, condition: Native, x: Native, y: Native, /) -> Native: ...

    # --- reductions ------------------------------------------------------------
    def all(self, x: Native, axes: Axes, keepdims: bool, /) -> Native: ...
    def any(self, x: Native, axes: Axes, keepdims: bool, /) -> Native: ...
    def argmax(self, x: Native, axis: int, /) -> Native:
        """Return int64 indices of the first largest element along ``axis``."""
        ...

    def argmin(self, x: Native, axis: int, /) -> Native: ...
    def max(self, x: Native, axes: Axes, keepdims: bool, /) -> Native: ...
    def mean(self, x: Native, axes: Axes, keepdims: bool, /) -> Native: ...
    def min(self, x: Native, axes: Axes, keepdims: bool, /) -> Native: ...
    def prod(self, x: Native, axes: Axes, keepdims: bool, /) -> Native: ...
    def sum(self, x: Native, axes: Axes, keepdims: bool, /) -> Native: ...

    # --- order, scans, segments -------------------------------------------------
    def argsort(self, x: Native, /) -> Native:
        """Return int64 indices that sort the last dimension, equal elements in turn.

        Of this, `top_k` and `searchsorted`, the operands are signed integers.
        """
        ...

    def bitcast(self, x: Native, dtype: NativeDType, /) -> Native:
        """Return the bits of ``x`` as another data type of the same width."""
        ...

    def cumulative_max(self, x: Native, axis: int, /) -> Native:
        """Return the largest element so far; no derivative is asked for."""
        ...

    def cumulative_min(self, x: Native, axis: int, /) -> Native: ...
    def cumulative_prod(self, x: Native, axis: int, /) -> Native: ...
    def cumulative_sum(self, x: Native, axis: int, /) -> Native: ...
    def searchsorted(self, x: Native, values: Native, right: bool, /) -> Native:
        """Return int64 places in the sorted row ``x``, (1, n), for ``values``, (1, m).

        A value goes before the elements equal to it, with ``right`` behind them.
        """
        ...

    def segment_max(self, x: Native, ids: Native, count: int, low: Any, /) -> Native:
        """Return the largest of the slices ``x[i]`` for each of ``count`` ids.

        Args:
            x: Shape (n, ...).
            ids: Shape (n,), int64 in ``range(count)``.
            count: How many there are.
            low: The result where there is no slice.
        """
        ...

    def segment_sum(self, x: Native, ids: Native, count: int, /) -> Native: ...
    def top_k(self, x: Native, k: int, /) -> Native:
        """Return int64 indices of the largest along the last dimension, in order.

        Of equal elements the first come first.
        """
        ...

    # --- shape -----------------------------------------------------------------
    def broadcast_to(self, x: Native, shape: Shape, /) -> Native: ...
    def concat(self, xs: Sequence[Native], axis: int, /) -> Native: ...
    def flip(self, x: Native, axes: Axes, /) -> Native: ...
    def pad(
        self, x: Native, widths: tuple[tuple[int, int], ...], value: Any, /
    ) -> Native:
        """Return ``x`` with a number before and behind it along each dimension."""
        ...

    def permute_dims(self, x: Native, axes: tuple[int, ...], /) -> Native: ...
    def reshape(self, x: Native, shape: Shape, /) -> Native: ...

    # --- indexing --------------------------------------------------------------
    def getitem(self, x: Native, key: Key, /) -> Native:
        """Return ``x[key]``.

        Args:
            x: A tensor.
            key: For each of the first dimensions a non-negative int in range, or a
                slice within range: its stop is None where a negative step goes on to
                the first element.
        """
        ...

    def setitem(self, x: Native, value: Native, key: Key, /) -> Native:
        """Return ``x`` with ``value``, of the shape of ``x[key]``, in its place."""
        ...

    def nonzero(self, x: Native, /) -> tuple[Native, ...]:
        """Return int64 indices of the true elements, one 1-d tensor a dimension."""
        ...

    def scatter(self, x: Native, indices: Native, updates: Native, /) -> Native:
        """Return ``x`` with ``x[indices[i]]`` replaced by ``updates[i]`` for all i."""
        ...

    def scatter_add(self, x: Native, indices: Native, updates: Native, /) -> Native:
        """Return ``x`` with ``updates[i]`` added to ``x[indices[i]]`` for all i.

        This and its kin take matrices ``x`` and ``updates``; indices may repeat.
        """
        ...

    def scatter_max(self, x: Native, indices: Native, updates: Native, /) -> Native:
        """Return the larger ones; where several are, they share the gradient."""
        ...

    def scatter_min(self, x: Native, indices: Native, updates: Native, /) -> Native: ...
    def scatter_multiply(
        self, x: Native, indices: Native, updates: Native, /
    ) -> Native: ...
    def take(self, x: Native, indices: Native, axis: int, /) -> Native:
        """Return the slices of ``x`` along ``axis`` at ``indices`` (1-d int64).

        The gradients of a slice that is taken several times are added up in float32
        at least.
        """
        ...

    # --- linear algebra ----------------------------------------------------------
    def matmul(self, x: Native, y: Native, /) -> Native:
        """Return the matrix product of operands of at least two dimensions."""
        ...

    def cholesky(self, x: Native, /) -> Native:
        """Return the lower factor of Hermitian matrices; their lower half counts.

        This and what follows is for float32, float64, complex64 and complex128, and for
        matrices alone or in one stack: ``(m, n)`` or ``(b, m, n)``. Where there is no
        result because of the values, it raises, if the values are known.
        """
        ...

    def det(self, x: Native, /) -> Native:
        """Return determinants; raise if one is 0, whose gradient the frontend knows."""
        ...

    def eig(self, x: Native, /) -> tuple[Native, ...]:
        """Return complex eigenvalues, and eigenvectors of length 1 as columns."""
        ...

    def eigh(self, x: Native, /) -> tuple[Native, ...]:
        """Return ascending real eigenvalues and eigenvectors of Hermitian matrices."""
        ...

    def eigvals(self, x: Native, /) -> Native: ...
    def eigvalsh(self, x: Native, /) -> Native: ...
    def qr(self, x: Native, complete: bool, /) -> tuple[Native, ...]:
        """Return Q and R of matrices that are no wider than high.

        Args:
            x: Matrices.
            complete: Whether Q is square. Only the other case has a gradient.
        """
        ...

    def slogdet(self, x: Native, /) -> tuple[Native, ...]:
        """Return signs and real logarithms of determinants: 0 and -inf for 0."""
        ...

    def solve(self, x: Native, y: Native, /) -> Native:
        """Return ``inv(x) @ y`` of operands with equally many dimensions."""
        ...

    def solve_triangular(self, x: Native, y: Native, upper: bool, /) -> Native:
        """Return ``inv(x) @ y``, reading one half of ``x`` only."""
        ...

    def svd(self, x: Native, /) -> tuple[Native, ...]:
        """Return U, the singular values and Vᴴ, as many vectors as values."""
        ...

    def svdvals(self, x: Native, /) -> Native: ...

    # --- Fourier transforms: of one dimension, the inverse divided by its size --------
    def fft(self, x: Native, axis: int, /) -> Native: ...
    def ifft(self, x: Native, axis: int, /) -> Native: ...
    def irfft(self, x: Native, n: int, axis: int, /) -> Native:
        """Return ``n`` real numbers from the first ``n // 2 + 1`` frequencies."""
        ...

    def rfft(self, x: Native, axis: int, /) -> Native: ...

    # --- neural networks ---------------------------------------------------------
    # Of convolutions and poolings: shapes are channels-last, with two or three spatial
    # dimensions, and nothing is empty; ``pads`` are two ints for each of these.
    def conv(
        self,
        x: Native,
        kernel: Native,
        strides: Shape,
        pads: Pads,
        dilations: Shape,
        groups: int,
        /,
    ) -> Native:
        """Slide a kernel of shape ``(*sizes, channels // groups, filters)`` over x."""
        ...

    def conv_transpose(
        self,
        x: Native,
        kernel: Native,
        spatial: Shape,
        strides: Shape,
        pads: Pads,
        dilations: Shape,
        groups: int,
        /,
    ) -> Native:
        """Return the gradient of `conv` for an input of spatial shape ``spatial``.

        The kernel is that of `conv`, whose filters are the channels of ``x``.
        """
        ...

    def max_pool(
        self, x: Native, sizes: Shape, strides: Shape, pads: Pads, /
    ) -> Native:
        """Return the largest element of each window; NaN is the largest.

        ``pads``, those of "same" or none, are no elements. Gradients go to the first.
        """
        ...

    def average_pool(
        self, x: Native, sizes: Shape, strides: Shape, pads: Pads, /
    ) -> Native:
        """Return the mean of each window's elements; ``pads`` as in `max_pool`."""
        ...

    def log_softmax(self, x: Native, axis: int, /) -> Native: ...
    def softmax(self, x: Native, axis: int, /) -> Native: ...
    def sparse_cross_entropy(self, logits: Native, labels: Native, /) -> Native:
        """Return ``-log_softmax(logits)[label]`` for each row of ``logits``.

        Args:
            logits: Shape (rows, classes), floating-point.
            labels: Shape (rows,), int64 in ``range(classes)``; an exception where
                one is not, if the device can raise it.
        """
        ...


def required_members() -> tuple[str, ...]:
    """Return the names of everything that a backend must have, sorted."""
    methods = {
        name
        for name, value in vars(Backend).items()
        if callable(value) and not name.startswith("_")
    }
    return tuple(sorted(methods | set(Backend.__annotations__)))


__all__ = ["Array", "Backend", "Engine", "Native", "NativeDType", "Tape"]
