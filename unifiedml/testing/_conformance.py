"""The conformance suite: what every backend must do, as cases that can be run.

A backend author needs no more than this test::

    import pytest
    import unifiedml as um

    CASES = um.testing.conformance_cases()


    @pytest.mark.parametrize("case", CASES, ids=str)
    def test_conformance(case):
        case.check_values(backends=["torch", "mine"])
        case.check_gradients(backends=["torch", "mine"])

Without ``backends``, all installed ones are compared, each device of each. A backend
whose tape raises `NotImplementedError` is left out of the comparison of gradients. With
one backend alone, it is held against the oracles in double precision.
"""

from __future__ import annotations

from typing import Final

from unifiedml.testing import _table_activations as activations
from unifiedml.testing import _table_control as control
from unifiedml.testing import _table_convolution as convolution
from unifiedml.testing import _table_creation as creation
from unifiedml.testing import _table_elementwise as elementwise
from unifiedml.testing import _table_fft as fft
from unifiedml.testing import _table_functions as functions
from unifiedml.testing import _table_layers as layers
from unifiedml.testing import _table_linalg as linalg
from unifiedml.testing import _table_losses as losses
from unifiedml.testing import _table_manipulation as manipulation
from unifiedml.testing import _table_models as models
from unifiedml.testing import _table_normalization as normalization
from unifiedml.testing import _table_optimizers as optimizers
from unifiedml.testing import _table_products as products
from unifiedml.testing import _table_random as random
from unifiedml.testing import _table_reductions as reductions
from unifiedml.testing import _table_scans as scans
from unifiedml.testing import _table_shapes as shapes
from unifiedml.testing import _table_sorting as sorting
from unifiedml.testing._line import Line

__all__ = ["EXEMPT", "conformance_cases"]

_SAME: Final = "its function has a line; the method calls it (test_parity)"
_STATE: Final = "state of the process: tests/backend/test_registry.py"
_HOST: Final = "no tensor is computed: tests/backend/test_dtypes.py, tests/unit"
_MOVES: Final = "moves between backends and to NumPy: tests/backend"
_IMPERATIVE: Final = "another route: tests/backend/test_grad.py, test_imperative.py"
_ROUTES: Final = "other routes: test_transforms.py, test_custom_gradient.py, ..."
_OBJECT: Final = "Python's protocol of objects: tests/backend"
_BASE: Final = "abstract; what derives from it has a line"
_NAMES: Final = "finds by name what has a line: tests/backend/test_layers.py ..."
_PROGRAMS: Final = "runs every line of this table: tests/parity/test_traced.py"
_TRANSFORMS: Final = "every gradient of this table is made by it"

EXEMPT: Final[dict[str, str]] = {
    **dict.fromkeys(("BackendError", "BackendMismatchError"), _STATE),
    **dict.fromkeys(("BackendNotFoundError", "GradientError", "DType"), _HOST),
    **dict.fromkeys(("Tensor", "nn.Parameter", "nn.Buffer", "Graph", "graph"), _OBJECT),
    **dict.fromkeys(
        ("available_backends", "get_backend", "set_backend", "use_backend"), _STATE
    ),
    **dict.fromkeys(("get_device", "set_device", "use_device"), _STATE),
    **dict.fromkeys(("finfo", "iinfo", "isdtype", "result_type", "can_cast"), _HOST),
    "broadcast_shapes": _HOST,
    **dict.fromkeys(("from_dlpack", "from_native", "from_numpy"), _MOVES),
    **dict.fromkeys(("grad", "value_and_grad"), _TRANSFORMS),
    "vmap": "runs every line of this table: tests/parity/test_vmap.py",
    **dict.fromkeys(("jit", "TracedStateError", "TracedValueError"), _PROGRAMS),
    **dict.fromkeys(("GradientTape", "no_grad", "stop_gradient"), _IMPERATIVE),
    **dict.fromkeys(
        ("vjp", "jvp", "jacobian", "hessian", "custom_gradient", "checkpoint"), _ROUTES
    ),
    **dict.fromkeys(
        (
            "linalg.EigResult",
            "linalg.EighResult",
            "linalg.LinAlgError",
            "linalg.LstsqResult",
            "linalg.QRResult",
            "linalg.SVDResult",
            "linalg.SlogdetResult",
        ),
        _OBJECT,
    ),
    **dict.fromkeys(
        (
            "linalg.matmul",
            "linalg.matrix_transpose",
            "linalg.tensordot",
            "linalg.vecdot",
        ),
        "the function of the main namespace, which has a line",
    ),
    "nn.Module": _BASE,
    "losses.Loss": _BASE,
    "optim.Optimizer": _BASE,
    "metrics.Metric": _BASE,
    **dict.fromkeys(
        ("losses.get", "optim.get", "metrics.get", "nn.initializers.get"), _NAMES
    ),
    **dict.fromkeys(
        (
            "random.Key",
            "random.key",
            "random.fold_in",
            "random.split",
            "random.layer_key",
            "random.keep_scale",
            "random.draws_from",
            "random.take_draws",
        ),
        "numbers on the host: tests/unit/test_philox.py, tests/backend/test_random.py",
    ),
    **dict.fromkeys(
        ("random.get_state", "random.set_state"), "in the line random.seed"
    ),
    **dict.fromkeys(
        (
            "Tensor.backend",
            "Tensor.device",
            "Tensor.dtype",
            "Tensor.native",
            "Tensor.ndim",
            "Tensor.shape",
            "Tensor.size",
            "Tensor.item",
            "Tensor.tolist",
            "Tensor.__array__",
            "Tensor.__array_namespace__",
            "Tensor.__array_ufunc__",
            "Tensor.__dlpack__",
            "Tensor.__dlpack_device__",
            "Tensor.numpy",
            "Tensor.to",
            "Tensor.to_backend",
            "Tensor.to_device",
        ),
        _MOVES,
    ),
    **dict.fromkeys(
        (
            "Tensor.backward",
            "Tensor.detach",
            "Tensor.grad",
            "Tensor.register_hook",
            "Tensor.requires_grad",
            "Tensor.__iadd__",
            "Tensor.__imul__",
            "Tensor.__isub__",
            "Tensor.__itruediv__",
        ),
        _IMPERATIVE,
    ),
    **dict.fromkeys(
        (
            "Tensor.__bool__",
            "Tensor.__complex__",
            "Tensor.__contains__",
            "Tensor.__float__",
            "Tensor.__format__",
            "Tensor.__hash__",
            "Tensor.__index__",
            "Tensor.__init__",
            "Tensor.__int__",
            "Tensor.__iter__",
            "Tensor.__len__",
            "Tensor.__reduce__",
            "Tensor.__repr__",
            "Tensor.__copy__",
            "Tensor.__deepcopy__",
        ),
        _OBJECT,
    ),
    **dict.fromkeys(
        (
            "Tensor.T",
            "Tensor.__divmod__",
            "Tensor.__rdivmod__",
            "Tensor.__rmatmul__",
            "Tensor.clip",
            "Tensor.round",
        ),
        _SAME,
    ),
}
"""Public names without a line, and why; each reason says where they are tested."""


def conformance_cases() -> list[Line]:
    """Return the lines of the parity table: one for each public operation.

    Each has ``name``, ``check_values(backends=None, max_examples=None)`` and
    ``check_gradients`` of the same arguments; see this module's text for a test that
    a backend author can copy. Needs Hypothesis.

    Example:
        >>> cases = {case.name: case for case in conformance_cases()}
        >>> cases["matmul"].check_values(max_examples=3)
    """
    return [
        *elementwise.LINES,
        *elementwise.OPERATORS,
        *activations.LINES,
        *functions.LINES,
        *reductions.LINES,
        *reductions.METHODS,
        *scans.LINES,
        *sorting.LINES,
        *shapes.LINES,
        *shapes.METHODS,
        *manipulation.LINES,
        *creation.LINES,
        *control.LINES,
        *creation.METHODS,
        *products.LINES,
        *linalg.LINES,
        *linalg.METHODS,
        *fft.LINES,
        *convolution.LINES,
        *losses.LINES,
        *models.LINES,
        *layers.LINES,
        *optimizers.LINES,
        *normalization.LINES,
        *random.LINES,
    ]
