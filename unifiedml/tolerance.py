"""How far two correct computations of one formula may differ: the tolerance model.

Everything that compares numbers in this library asks `bound`; no other file holds
a tolerance. A result ``y`` computed in a data type agrees with the exact value ``y*``
of the formula on the same (already rounded) operands when

    |y − y*| ≤ eps · B · scale + 4 · tiny · n · gain

and two backends agree with each other when they differ by at most twice that, since
each may be off by once.

``eps``
    The spacing of floating-point numbers at 1, ``2**(1 - p)`` for ``p`` digits. One
    correctly rounded operation is off by at most ``u = eps / 2`` of its result.
``scale``
    The magnitude that rounding errors are proportional to. Where terms cancel it is
    *not* ``|y|``: a sum has ``Σ|x|``, a matrix product ``|A| @ |B|``. The caller
    computes it (in float64) and `FAMILIES` says what it is.
``B``
    A pure number from the operation's family, of the length ``n`` of the longest sum
    behind one element and of an amplification ``condition`` of the operands.
``tiny``
    The smallest normal number. Below it, every value may be flushed to zero, in
    operands, in results and in each of the ``n`` terms of a sum (Higham 2.8, 3.1). What
    an intermediate value is multiplied by after it may have been flushed is the
    ``gain``: the gradient ``p·(g − Σp·g)`` of a softmax multiplies ``p``. float16 is
    computed in float32 and converted, which keeps its subnormals, so there ``tiny`` is
    the smallest subnormal and ``n`` is 1.

**Sums.** In any order of addition the error of a sum of ``n`` numbers is at most
``(n − 1)·u·Σ|x|``, and that of an inner product at most ``n·u·|a|ᵀ|b|``: ``n/2`` in
units of ``eps``. Equal terms come near it (each partial sum is rounded to the same
side), so this is the bound for arbitrary operands, such as Hypothesis draws. Where
rounding errors are independent they grow like a random walk: ``inputs="random"``, for
operands drawn independently at random, replaces ``n/2`` by ``min(n/2, √n)``.

**float16 and bfloat16.** Operations compute in float32 and round once, which gives
``1 + B·eps(float32)/eps`` for ``B``. Gradients, networks and optimizers store
intermediate values in the data type, so there ``B`` itself is in units of its ``eps``.

**Complex numbers.** The bound holds for the real and for the imaginary part, with the
modulus as scale. Complex division, the least accurate operation of arithmetic, is off
by ``√2·γ₄``, that is ``√2·2`` in units of ``eps`` where a real one is off by ``1/2``:
``B`` becomes ``√2·(B + 3/2)``.

**Devices.** The bounds on sums hold for any order and for fused multiply-add, so they
hold on a GPU. What rests on the quality of a mathematics library does not carry over:
CUDA documents single-digit errors in units of the last place ("from extensive but not
exhaustive tests"), division and square root may be approximated by fusing compilers,
and convolutions may use transforms. A GPU gets twice the bound. On one (NVIDIA H100,
PyTorch 2.11, all lines of the parity table) no family used more than three quarters of
the bound of the CPU, but for `atanh` of complex128, which used 2.1 of it. TF32 is off,
as this library sets it: TF32 keeps 11 digits.

References:
    N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, SIAM,
    2002: sections 2.2 and 2.8 (model, underflow), 3.1 (products), 3.6 (complex
    arithmetic), 4.2 (sums), 9.4 (linear systems), 24.1 (Fourier transform), problem
    1.10 (two-pass variance). C.-P. Jeannerod and S. M. Rump, Improved error bounds for
    inner products in floating-point arithmetic, SIAM J. Matrix Anal. Appl. 34, 2013
    (``n·u`` without a restriction on ``n``). N. J. Higham and T. Mary, A new approach
    to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41, 2019 (``√n``).
    Constants that no theorem gives are errors measured on both frameworks (PyTorch
    2.13, TensorFlow 2.21, x86-64) with a margin of about two: see `Tolerance.reason`.

Example:
    >>> import numpy as np
    >>> x = np.linspace(0.1, 1, 1000, dtype=np.float32)
    >>> exact = np.sum(x, dtype=np.float64)
    >>> scale = np.sum(np.abs(x), dtype=np.float64)
    >>> allowed = bound("accumulation", x.dtype, scale=scale, length=x.size, pair=False)
    >>> bool(abs(float(np.sum(x)) - exact) <= allowed)
    True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from unifiedml._dtypes import DType, as_dtype, finfo

__all__ = ["FAMILIES", "RUNS", "Tolerance", "bound", "eps", "run_bound", "tiny"]

DTypeLike = DType | str | type | np.dtype[Any]
FloatArray = npt.NDArray[np.float64]
Inputs = Literal["any", "random"]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The rounding error of one family of operations.

    Attributes:
        covers: The operations of the family.
        scale: What callers give as ``scale``, in terms of the result ``y`` and of
            the operands.
        factor: The number ``B(n, s, c)`` of the length ``n``, the growth ``s`` of a
            sum of that length (``n/2``, or ``√n`` for random operands) and the
            condition ``c``.
        reason: Where ``B`` comes from.
        condition: What callers give as ``condition``; empty where there is none.
        stored: Whether intermediate values are stored in the data type of the result
            even if it is float16 or bfloat16.
    """

    covers: str
    scale: str
    factor: Callable[[FloatArray, FloatArray, FloatArray], FloatArray | float]
    reason: str
    condition: str = ""
    stored: bool = False


FAMILIES: Final[dict[str, Tolerance]] = {
    "exact": Tolerance(
        covers="max, min, where, comparisons, rounding, indexing, moving data",
        scale="anything",
        factor=lambda n, s, c: 0,
        reason="no rounding; the underflow term remains",
    ),
    "arithmetic": Tolerance(
        covers="+ − × ÷",
        scale="|y|",
        factor=lambda n, s, c: 0.5,
        reason="correctly rounded: u (Higham 2.2)",
    ),
    "sqrt": Tolerance(
        covers="sqrt, rsqrt, reciprocal",
        scale="|y|",
        factor=lambda n, s, c: 2,
        reason="one or two rounded operations; measured 1.2",
    ),
    "transcendental": Tolerance(
        covers="exp, log, trigonometric and hyperbolic functions and their inverses, "
        "erf, real powers, sigmoid, softplus, silu, elu, mish, logaddexp",
        scale="|y|",
        factor=lambda n, s, c: 8,
        reason="measured 4",
    ),
    "power": Tolerance(
        covers="z**w computed as exp(w·log z), such as complex powers",
        scale="|y|",
        factor=lambda n, s, c: 8 + 2 * c,
        reason="exp amplifies the error u·|w·log z| of its operand",
        condition="|w·log z|",
    ),
    "gelu": Tolerance(
        covers="gelu, exact and by tanh",
        scale="|y|",
        factor=lambda n, s, c: 4 * (1 + c),
        reason="the tail decays like exp(−x²/2), whose operand is rounded; "
        "measured 1.9·(1 + x²)",
        condition="x²",
    ),
    "erfc": Tolerance(
        covers="erfc",
        scale="|y|",
        factor=lambda n, s, c: 64,
        reason="the tail decays like exp(−x²), whose operand is rounded; measured 33",
    ),
    "gamma": Tolerance(
        covers="lgamma, digamma",
        scale="max(1, |y|)",
        factor=lambda n, s, c: 8,
        reason="measured 4",
    ),
    "elementwise_gradient": Tolerance(
        covers="vector-Jacobian products of element-wise operations",
        scale="max(|cotangent|, |y|)",
        factor=lambda n, s, c: 16,
        reason="two operations of the transcendental family; measured 9",
        stored=True,
    ),
    "steep_gradient": Tolerance(
        covers="vector-Jacobian products of gelu by tanh and of mish",
        scale="max(|cotangent|, |y|)",
        factor=lambda n, s, c: 64,
        reason="measured 35",
        stored=True,
    ),
    "inverse_trig_gradient": Tolerance(
        covers="vector-Jacobian products of asin, acos, atanh",
        scale="|y|",
        factor=lambda n, s, c: 4 * (1 + c),
        reason="1 − x² cancels: the rounding of x² is amplified by 1/(1 − x²)",
        condition="x² / (1 − x²)",
        stored=True,
    ),
    "accumulation": Tolerance(
        covers="sum, mean, cumsum, trace, matrix products, convolutions, average "
        "pooling, interpolation, and their gradients",
        scale="the same operation on |operands|: Σ|x|, |A| @ |B|",
        factor=lambda n, s, c: 1 + s,
        reason="n·u (Higham 3.1, 4.2; Jeannerod and Rump), and u to store the result "
        "or divide it",
    ),
    "product": Tolerance(
        covers="prod, cumprod",
        scale="|y|",
        factor=lambda n, s, c: 1 + s,
        reason="(n − 1)·u (Higham 3.1)",
    ),
    "moments": Tolerance(
        covers="var, std, vector norms",
        scale="|y|; for var of arbitrary operands Σx²/n, for a norm |y|",
        factor=lambda n, s, c: 2 + s,
        reason="two-pass variance: (n + 3)·u·|y| and, second order, n²u²·Σx²/n "
        "(Higham problem 1.10)",
    ),
    "softmax": Tolerance(
        covers="softmax",
        scale="|y|",
        factor=lambda n, s, c: 4 + 2 * c + s,
        reason="exp amplifies the error u·(max(x) − x) of its operand; its sum",
        condition="max(x) − x",
    ),
    "log_softmax": Tolerance(
        covers="log_softmax, logsumexp, cross-entropies and their gradients",
        scale="max(1, |y|, max|x|)",
        factor=lambda n, s, c: 4 + s,
        reason="log turns the relative error of the sum into an absolute one",
    ),
    "softmax_gradient": Tolerance(
        covers="vector-Jacobian product p·(g − Σp·g) of softmax",
        scale="p·(|g| + Σp·|g|)",
        factor=lambda n, s, c: 8 + 2 * c + 3 * s,
        reason="p twice, each with its sum, and the sum Σp·g",
        condition="max(x) − min(x)",
        stored=True,
    ),
    "normalisation": Tolerance(
        covers="layer, group, instance and batch normalisation",
        scale="max(1, |y|)·|weight|",
        factor=lambda n, s, c: 8 + 2 * c + s * (1.5 + c),
        reason="x − μ cancels: s·(1 + c) from μ, s/2 from σ; the rest measured, 0.86 "
        "of 8 + 2c",
        condition="|μ| / σ, with σ² = var + epsilon",
    ),
    "normalisation_gradient": Tolerance(
        covers="vector-Jacobian product of a normalisation to y",
        scale="(|g| + m·mean(|g|·m)) / σ, with m = max(1, |y|) and the cotangent g "
        "times the weight",
        factor=lambda n, s, c: 20 + 4 * c + s * (5.5 + 2 * c),
        reason="y twice, as above, two means (2s) and 1/σ (4 + s/2)",
        condition="|μ| / σ, with σ² = var + epsilon",
        stored=True,
    ),
    "linear_solve": Tolerance(
        covers="solve, inv, det",
        scale="cond(A)·max|y|",
        factor=lambda n, s, c: 4 + s,
        reason="backward error about n·u for moderate pivot growth (Higham 9.4); "
        "measured 0.8",
    ),
    "spectral": Tolerance(
        covers="singular values, eigenvalues of Hermitian matrices, Cholesky, QR",
        scale="‖A‖₂; for vectors times the condition of the subspace, ‖A‖₂/gap",
        factor=lambda n, s, c: 4 + n,
        reason="backward stable: p(n)·u·‖A‖ (Higham 10.1, 19.3; Weyl); "
        "measured 0.7·(n + 4)",
    ),
    "fft": Tolerance(
        covers="Fourier transforms, with n the number of elements transformed",
        scale="Σ|x| (times 1/n or 1/√n where the transform is normalised)",
        factor=lambda n, s, c: 2 + 2 * np.log2(np.maximum(n, 1)),
        reason="each of log₂n levels rounds a twiddle factor, a complex product (√5·u) "
        "and a sum: 4.2·u (Higham 24.1)",
    ),
    "network": Tolerance(
        covers="values and gradients of a network of n layers or time steps, "
        "initialised as usual",
        scale="max|y| over the tensor",
        factor=lambda n, s, c: np.maximum(16, 2 * n),
        reason="measured 8 up to 8 layers and 64 time steps; each layer adds its own",
        stored=True,
    ),
    "second_order": Tolerance(
        covers="gradients of order 2: products of Hessian or Jacobian with a vector",
        scale="the largest |y| over the tensor and over signs of the cotangent and of "
        "the vector, at least their product",
        factor=lambda n, s, c: 64,
        reason="the derivative of a gradient; measured 19 (gelu by tanh), 7 otherwise",
        stored=True,
    ),
    "optimizer": Tolerance(
        covers="parameters after n steps with given gradients",
        scale="max(1, |y|), the largest after any of the steps",
        factor=lambda n, s, c: 4 + s,
        reason="each step rounds the parameter once, u; measured 0.07·n",
        stored=True,
    ),
}

RUNS: Final[dict[tuple[str, bool], tuple[tuple[int, float], ...]]] = {
    ("float64", True): ((5000, 1e-12),),
    ("float64", False): ((5000, 1e-12),),
    ("float32", True): ((1000, 1e-5), (5000, 1e-4)),
    ("float32", False): ((100, 1e-6), (500, 1e-5), (5000, 1e-2)),
}
"""How far whole training runs agree: by data type and whether all activations are
smooth, up to how many steps the losses agree to what relative difference.

Measured over seeds, SGD and Adam. In float32, differences grow like a random walk until
the input of one relu, within rounding of 0, falls on the other side on one backend;
then they jump by three orders. The bounds for relu hold for at least 95 % of seeds, and
past 500 steps they are about means over epochs. float32 on one backend is no closer to
float64 on the same one."""

_DEVICE_FACTORS: Final = {"cpu": 1.0, "gpu": 2.0, "cuda": 2.0}


def eps(dtype: DTypeLike, /) -> float:
    """Return the spacing of the numbers of a data type at 1, ``2**(1 - p)``.

    Args:
        dtype: A data type of this library, a NumPy data type, or the name of one. For
            a complex one this is the spacing of its parts, for integers and bool 0.

    Example:
        >>> eps("bfloat16")
        0.0078125
    """
    dtype = as_dtype(dtype)
    return finfo(dtype).eps if dtype.is_differentiable else 0.0


def tiny(dtype: DTypeLike, /) -> float:
    """Return the smallest positive normal number of a data type; 0 for integers.

    Example:
        >>> tiny("float16") == 2.0**-14
        True
    """
    dtype = as_dtype(dtype)
    return finfo(dtype).smallest_normal if dtype.is_differentiable else 0.0


def bound(
    family: str,
    dtype: DTypeLike,
    /,
    *,
    scale: npt.ArrayLike,
    length: npt.ArrayLike = 1,
    condition: npt.ArrayLike = 0,
    inputs: Inputs = "any",
    pair: bool = True,
    device: str = "cpu",
    gain: npt.ArrayLike = 1,
) -> FloatArray:
    """Return the absolute differences that rounding explains, element by element.

    Args:
        family: A key of `FAMILIES`.
        dtype: The data type of the result. Integers and bool are exact: 0.
        scale: Non-negative magnitudes, as ``FAMILIES[family].scale`` says. Broadcasts
            with ``length`` and ``condition`` to the shape of the result.
        length: How many terms the longest sum behind an element has: the length of
            the reduced axes, the inner dimension of a matrix product, kernel size
            times input channels of a convolution; or steps, or layers.
        condition: Non-negative amplification, as ``FAMILIES[family].condition`` says.
        inputs: ``"random"`` if the operands are independent random draws, so that
            rounding errors do not add up coherently; otherwise ``"any"``.
        pair: Whether two computed results are compared with each other, not one with
            the exact value: twice the bound.
        device: Where the less accurate of the two ran: ``"cpu"``, ``"gpu"``,
            ``"gpu:1"``, ``"cuda"``.
        gain: What an intermediate value that may underflow is multiplied by, where
            that is more than 1 and ``scale`` is no larger: the cotangents that meet a
            probability, ``|x|`` for silu and gelu.

    Returns:
        Allowed absolute differences, float64.

    Raises:
        ValueError: There is no such family or device, the family has no condition, or
            a magnitude is negative.

    Example:
        >>> float(bound("arithmetic", "float64", scale=1.0, pair=False)) == 2.0**-53
        True
        >>> bound("accumulation", "float32", scale=[1.0, 2.0], length=30).shape
        (2,)
    """
    row, dtype = _family(family), as_dtype(dtype)
    n, c = _magnitudes("length", length), _magnitudes("condition", condition)
    if inputs not in ("any", "random"):
        raise ValueError(f"inputs must be 'any' or 'random', not {inputs!r}")
    if not row.condition and np.any(c != 0):
        raise ValueError(f"the family {family!r} has no condition")
    growth = n / 2 if inputs == "any" else np.minimum(n / 2, np.sqrt(n))
    with np.errstate(over="ignore"):  # infinite condition
        factor = np.broadcast_to(row.factor(n, growth, c), (n + c).shape)
    rounds = factor > 0
    if dtype.kind == "complex":
        factor = np.where(rounds, np.sqrt(2) * (factor + 1.5), 0)
    if eps(dtype) > eps("float32") and not row.stored:
        factor = np.where(rounds, 1 + factor * (eps("float32") / eps(dtype)), 0)
    unit = eps(dtype) * _device_factor(device)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite scale or condition
        rounding = unit * factor * _magnitudes("scale", scale)
        flushing = _underflow(dtype, n, row) * np.maximum(1, _magnitudes("gain", gain))
        return np.asarray((rounding + flushing) * (2 if pair else 1))


def run_bound(dtype: DTypeLike, /, *, steps: int, smooth: bool = False) -> float:
    """Return the relative difference to expect between the losses of two whole runs.

    Args:
        dtype: The data type of the parameters, float32 or float64.
        steps: How many steps the runs take, at most 5,000.
        smooth: Whether every activation is smooth (tanh, gelu): relu is not.

    Raises:
        ValueError: Nothing is promised for this data type or so many steps.

    Example:
        >>> run_bound("float32", steps=400)
        1e-05
    """
    for limit, allowed in RUNS.get((as_dtype(dtype).name, smooth), ()):
        if steps <= limit:
            return allowed
    raise ValueError(
        f"no bound is known for {steps} steps in {as_dtype(dtype).name}: RUNS has them"
    )


def _family(name: str) -> Tolerance:
    if name not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise ValueError(f"no tolerance family {name!r}: choose from {known}")
    return FAMILIES[name]


def _magnitudes(name: str, values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if np.any(array < 0):
        raise ValueError(f"{name} must not be negative: the least is {array.min()}")
    return array


def _device_factor(device: str) -> float:
    kind = device.partition(":")[0]
    if kind not in _DEVICE_FACTORS:
        known = ", ".join(_DEVICE_FACTORS)
        raise ValueError(f"no device {device!r} in the tolerance model: it has {known}")
    return _DEVICE_FACTORS[kind]


def _underflow(dtype: DType, n: FloatArray, row: Tolerance) -> FloatArray:
    """Return the error of values near zero, which float16 alone does not flush."""
    if dtype.name == "float16":
        smallest = tiny(dtype) * eps(dtype)
        return 4 * smallest * (np.maximum(1, n) if row.stored else np.ones_like(n))
    return 4 * tiny(dtype) * np.maximum(1, n)
