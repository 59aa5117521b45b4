"""Fourier transforms.

Each takes the size of the result along ``axis`` as ``n`` (numbers are left out at the
end, or zeros added) and ``norm``, which says what is divided: ``"backward"`` divides
the inverse transform by n, ``"forward"`` the other, ``"ortho"`` both by the root of n.
float32 gives complex64, float64 complex128. Real operands of complex transforms are
converted.

All raise ``TypeError`` for other data types, ``ValueError`` for a size less than 1 and
an unknown norm, and ``AxisError`` for an axis out of range.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import numpy as np

from unifiedml._dtypes import DTYPES, DType, as_dtype
from unifiedml._rules.axes import Axis, normalize_axes, normalize_axis
from unifiedml._rules.shapes import as_shape
from unifiedml._tensor import Operand, Tensor
from unifiedml.ops._dispatch import ANY, FLOATING, REAL_FLOATING, Op, as_tensors, unary
from unifiedml.ops._matrices import precise
from unifiedml.ops.conversion import asarray
from unifiedml.ops.manipulation import concat
from unifiedml.ops.parts import conj, real

__all__ = [
    "fft",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfftn",
    "rfft",
    "rfftfreq",
    "rfftn",
]

Norm = Literal["backward", "ortho", "forward"]

_FFT = Op("fft", FLOATING)
_IFFT = Op("ifft", FLOATING)
_IRFFT = Op("irfft", FLOATING)
_RFFT = Op("rfft", REAL_FLOATING)

_COMPLEX: Final = {"float32": DTYPES["complex64"], "float64": DTYPES["complex128"]}


def _operand(name: str, x: Operand, to_complex: bool = True) -> Tensor:
    (x,) = as_tensors(Op(name, FLOATING if to_complex else REAL_FLOATING), x)
    precise(name, x)
    if not x.ndim:
        raise ValueError(f"{name} needs a dimension to transform, not a 0-d tensor")
    return (
        x.astype(_COMPLEX.get(x.dtype.name, x.dtype), copy=False) if to_complex else x
    )


def _size(name: str, n: int | None, default: int) -> int:
    size = default if n is None else operator.index(n)
    if size < 1:
        raise ValueError(f"{name} of {size} elements: a transform needs at least one")
    as_shape(size)
    return size


def _resized(x: Tensor, n: int, axis: int) -> Tensor:
    """Return the first ``n`` elements along ``axis``, zeros where there are less."""
    size = x.shape[axis]
    if n == size:
        return x
    before = (slice(None),) * axis
    if n < size:
        return x[(*before, slice(n))]
    shape = (*x.shape[:axis], n - size, *x.shape[axis + 1 :])
    (zeros,) = as_tensors(Op("fft", ANY), np.zeros(shape, x.dtype.numpy), beside=(x,))
    return concat([x, zeros], axis=axis)


def _scaled(y: Tensor, norm: Norm, n: int, inverse: bool) -> Tensor:
    """Return a transform as ``norm`` says; an inverse one has been divided by ``n``."""
    if norm not in ("backward", "ortho", "forward"):
        raise ValueError(f"norm is 'backward', 'ortho' or 'forward', not {norm!r}")
    if norm == "backward":
        return y
    if norm == "ortho":
        return y * math.sqrt(n) if inverse else y / math.sqrt(n)
    return y * n if inverse else y / n


def _complex(
    op: Op, x: Operand, n: int | None, axis: int, norm: Norm, inverse: bool
) -> Tensor:
    x = _operand(op.name, x)
    place = normalize_axis(axis, x.ndim)
    size = _size(op.name, n, x.shape[place])
    x = _resized(x, size, place)
    # PyTorch's library fails where there is nothing to transform.
    y = unary(op, x, place) if x.size else x._twin()
    return _scaled(y, norm, size, inverse)


def fft(
    x: Operand, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward"
) -> Tensor:
    """Return the Fourier transform: ``y[k] = sum(x * exp(-2πi·k·arange(n)/n))``.

    Args:
        x: A floating-point tensor.
        n: The size; default: that of ``x``.
        axis: The dimension.
        norm: Where to divide.

    Example:
        >>> import unifiedml as um
        >>> um.fft.fft(um.tensor([1.0, 2.0])).tolist()
        [(3+0j), (-1+0j)]
    """
    return _complex(_FFT, x, n, axis, norm, inverse=False)


def ifft(
    x: Operand, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward"
) -> Tensor:
    """Return the inverse of `fft`, with the same arguments.

    Example:
        >>> import unifiedml as um
        >>> um.fft.ifft(um.tensor([3.0, -1.0])).tolist()
        [(1+0j), (2+0j)]
    """
    return _complex(_IFFT, x, n, axis, norm, inverse=True)


def rfft(
    x: Operand, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward"
) -> Tensor:
    """Return the first ``n // 2 + 1`` elements of the `fft` of real numbers.

    The others are the conjugates of these.

    Args:
        x: A real floating-point tensor.
        n: The size; default: that of ``x``.
        axis: The dimension.
        norm: Where to divide.

    Example:
        >>> import unifiedml as um
        >>> um.fft.rfft(um.tensor([1.0, 2.0, 3.0])).shape
        (2,)
    """
    x = _operand("rfft", x, to_complex=False)
    place = normalize_axis(axis, x.ndim)
    size = _size("rfft", n, x.shape[place])
    x = _resized(x, size, place)
    if x.size:
        y = unary(_RFFT, x, place)
    else:
        y = _resized(x, size // 2 + 1, place).astype(_COMPLEX[x.dtype.name])
    return _scaled(y, norm, size, inverse=False)


def irfft(
    x: Operand, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward"
) -> Tensor:
    """Return the inverse of `rfft`: real numbers.

    Args:
        x: A floating-point tensor of ``n // 2 + 1`` frequencies; the imaginary part of
            the first, and for an even n of the last one, does not count.
        n: The size of the result; default: twice that of ``x``, less 2.
        axis: The dimension.
        norm: Where to divide.

    Example:
        >>> import unifiedml as um
        >>> um.fft.irfft(um.fft.rfft(um.tensor([1.0, 2.0])), n=2).tolist()
        [1.0, 2.0]
    """
    x = _operand("irfft", x)
    place = normalize_axis(axis, x.ndim)
    size = _size("irfft", n, 2 * (x.shape[place] - 1))
    x = _resized(x, size // 2 + 1, place)
    y = unary(_IRFFT, x, size, place) if x.size else real(_resized(x, size, place))
    return _scaled(y, norm, size, inverse=True)


_OPPOSITE: Final[dict[str, Norm]] = {
    "backward": "forward",
    "ortho": "ortho",
    "forward": "backward",
}


def hfft(
    x: Operand, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward"
) -> Tensor:
    """Return the `fft` of a signal that is conjugate symmetric: real numbers.

    Args:
        x: A floating-point tensor, the first ``n // 2 + 1`` elements of the signal.
        n: The size of the result; default: twice that of ``x``, less 2.
        axis: The dimension.
        norm: Where to divide.

    Example:
        >>> import unifiedml as um
        >>> um.fft.hfft(um.tensor([1.0, 2.0])).tolist()
        [3.0, -1.0]
    """
    x = _operand("hfft", x)
    return irfft(conj(x), n=n, axis=axis, norm=_OPPOSITE.get(norm, norm))


def ihfft(
    x: Operand, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward"
) -> Tensor:
    """Return the inverse of `hfft`: ``n // 2 + 1`` complex numbers.

    Args:
        x: A real floating-point tensor.
        n: The size; default: that of ``x``.
        axis: The dimension.
        norm: Where to divide.

    Example:
        >>> import unifiedml as um
        >>> um.fft.ihfft(um.tensor([3.0, -1.0])).tolist()
        [(1-0j), (2-0j)]
    """
    return conj(rfft(x, n=n, axis=axis, norm=_OPPOSITE.get(norm, norm)))


# --- several dimensions ---------------------------------------------------------------


def _dimensions(
    name: str, x: Tensor, s: Sequence[int] | None, axes: Sequence[int] | None
) -> list[tuple[int, int | None]]:
    """Return the dimensions to transform, each with its size or None."""
    if axes is None:
        axes = range(x.ndim - (x.ndim if s is None else len(s)), x.ndim)
    given = tuple(axes)
    normalize_axes(given, x.ndim)
    if s is not None and len(s) != len(given):
        raise ValueError(
            f"{name} needs as many sizes as axes, not {tuple(s)} for {given}"
        )
    if not given:
        raise ValueError(f"{name} needs at least one axis")
    places = [normalize_axis(axis, x.ndim) for axis in given]
    return list(zip(places, [None] * len(given) if s is None else s, strict=True))


def _each(
    transform: Callable[..., Tensor],
    x: Tensor,
    dimensions: Sequence[tuple[int, int | None]],
    norm: Norm,
) -> Tensor:
    for axis, n in reversed(dimensions):
        x = transform(x, n=n, axis=axis, norm=norm)
    return x


def fftn(
    x: Operand,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Tensor:
    """Return the Fourier transform of several dimensions.

    Args:
        x: A floating-point tensor.
        s: The size of each dimension; default: those of ``x``.
        axes: The dimensions; default: all, or the last ones if ``s`` is given.
        norm: Where to divide.

    Example:
        >>> import unifiedml as um
        >>> um.fft.fftn(um.ones((2, 2)))[0, 0].item()
        (4+0j)
    """
    x = _operand("fftn", x)
    return _each(fft, x, _dimensions("fftn", x, s, axes), norm)


def ifftn(
    x: Operand,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Tensor:
    """Return the inverse of `fftn`, with the same arguments.

    Example:
        >>> import unifiedml as um
        >>> um.fft.ifftn(um.ones((2, 2)))[0, 0].item()
        (1+0j)
    """
    x = _operand("ifftn", x)
    return _each(ifft, x, _dimensions("ifftn", x, s, axes), norm)


def rfftn(
    x: Operand,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Tensor:
    """Return the transform of real numbers in several dimensions.

    The last of ``axes`` is transformed as by `rfft`, the others as by `fft`. Arguments
    are those of `fftn`.

    Example:
        >>> import unifiedml as um
        >>> um.fft.rfftn(um.ones((4, 4))).shape
        (4, 3)
    """
    x = _operand("rfftn", x, to_complex=False)
    *others, (axis, n) = _dimensions("rfftn", x, s, axes)
    return _each(fft, rfft(x, n=n, axis=axis, norm=norm), others, norm)


def irfftn(
    x: Operand,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: Norm = "backward",
) -> Tensor:
    """Return the inverse of `rfftn`: real numbers.

    Args:
        x: A floating-point tensor.
        s: The sizes of the result; default: those of ``x``, and along the last of
            ``axes`` twice that, less 2.
        axes: The dimensions; default: all, or the last ones if ``s`` is given.
        norm: Where to divide.

    Example:
        >>> import unifiedml as um
        >>> um.fft.irfftn(um.fft.rfftn(um.ones((2, 4)))).shape
        (2, 4)
    """
    x = _operand("irfftn", x)
    *others, (axis, n) = _dimensions("irfftn", x, s, axes)
    return irfft(_each(ifft, x, others, norm), n=n, axis=axis, norm=norm)


# --- frequencies ----------------------------------------------------------------------


def _frequencies(
    places: Any, n: int, d: float, dtype: DType | str | None, device: str | None
) -> Tensor:
    chosen = DTYPES["float32"] if dtype is None else as_dtype(dtype)
    if chosen.kind != "float":
        raise TypeError(f"frequencies are real floating-point, not {chosen.name}")
    if not isinstance(d, int | float | np.integer | np.floating):
        raise TypeError(f"the spacing d is a real number, not {d!r}")
    values = np.asarray(places, dtype=np.float64) / (n * d)
    return asarray(values.astype(chosen.numpy), device=device)


def fftfreq(
    n: int,
    /,
    *,
    d: float = 1.0,
    dtype: DType | str | None = None,
    device: str | None = None,
) -> Tensor:
    """Return the frequencies of the elements of an `fft`, in cycles per unit of ``d``.

    Args:
        n: The size of the transform.
        d: The distance of two samples.
        dtype: The data type; default: float32.
        device: Where to make the tensor.

    Example:
        >>> import unifiedml as um
        >>> um.fft.fftfreq(4).tolist()
        [0.0, 0.25, -0.5, -0.25]
    """
    size = _size("fftfreq", n, 1)
    places = [*range((size + 1) // 2), *range(-(size // 2), 0)]
    return _frequencies(places, size, d, dtype, device)


def rfftfreq(
    n: int,
    /,
    *,
    d: float = 1.0,
    dtype: DType | str | None = None,
    device: str | None = None,
) -> Tensor:
    """Return the frequencies of the elements of an `rfft`; arguments as `fftfreq`.

    Example:
        >>> import unifiedml as um
        >>> um.fft.rfftfreq(4).tolist()
        [0.0, 0.25, 0.5]
    """
    size = _size("rfftfreq", n, 1)
    return _frequencies(range(size // 2 + 1), size, d, dtype, device)


def _rolled(x: Operand, axes: Axis, inverse: bool) -> Tensor:
    (x,) = as_tensors(Op("fftshift", ANY), x)
    for axis in normalize_axes(axes, x.ndim):
        n = x.shape[axis]
        middle = n // 2 if inverse else (n + 1) // 2
        before = (slice(None),) * axis
        parts = x[(*before, slice(middle, None))], x[(*before, slice(middle))]
        x = concat(parts, axis=axis)
    return x


def fftshift(x: Operand, /, *, axes: Axis = None) -> Tensor:
    """Return a transform with the frequency 0 moved to the middle.

    Args:
        x: A tensor.
        axes: The dimensions; all by default.

    Example:
        >>> import unifiedml as um
        >>> um.fft.fftshift(um.fft.fftfreq(4)).tolist()
        [-0.5, -0.25, 0.0, 0.25]
    """
    return _rolled(x, axes, inverse=False)


def ifftshift(x: Operand, /, *, axes: Axis = None) -> Tensor:
    """Return the inverse of `fftshift`.

    Example:
        >>> import unifiedml as um
        >>> um.fft.ifftshift(um.tensor([-0.5, -0.25, 0.0, 0.25])).tolist()
        [0.0, 0.25, -0.5, -0.25]
    """
    return _rolled(x, axes, inverse=True)
