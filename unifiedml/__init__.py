"""unifiedml: write a model once, run it on PyTorch or TensorFlow, know that they agree.

``import unifiedml as um``. The array functions follow the Python Array API standard
2025.12; layers and losses follow Keras, transformations of functions JAX, the
imperative style PyTorch. Importing loads no framework.
"""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

# The lines above bind names that submodules have too (unifiedml.nn, for one).
from unifiedml import fft as fft
from unifiedml import linalg as linalg
from unifiedml import losses as losses
from unifiedml import metrics as metrics
from unifiedml import nn as nn
from unifiedml import optim as optim
from unifiedml import random as random
from unifiedml import tolerance as tolerance
from unifiedml import train as train
from unifiedml._backend.devices import get_device as get_device
from unifiedml._backend.devices import set_device as set_device
from unifiedml._backend.devices import use_device as use_device
from unifiedml._backend.errors import BackendError as BackendError
from unifiedml._backend.errors import BackendMismatchError as BackendMismatchError
from unifiedml._backend.errors import BackendNotFoundError as BackendNotFoundError
from unifiedml._backend.errors import TracedStateError as TracedStateError
from unifiedml._backend.errors import TracedValueError as TracedValueError
from unifiedml._backend.registry import available_backends as available_backends
from unifiedml._backend.registry import get_backend as get_backend
from unifiedml._backend.registry import set_backend as set_backend
from unifiedml._backend.registry import use_backend as use_backend
from unifiedml._control import cond as cond
from unifiedml._control import map as map
from unifiedml._control import scan as scan
from unifiedml._control import while_loop as while_loop
from unifiedml._dtypes import DTYPES as _DTYPES
from unifiedml._dtypes import DType as DType
from unifiedml._dtypes import finfo as finfo
from unifiedml._dtypes import iinfo as iinfo
from unifiedml._dtypes import isdtype as isdtype
from unifiedml._graph import Graph as Graph
from unifiedml._graph import graph as graph
from unifiedml._jit import jit as jit
from unifiedml._tensor import Tensor as Tensor
from unifiedml._vmap import vmap as vmap
from unifiedml.autodiff import GradientTape as GradientTape
from unifiedml.autodiff import checkpoint as checkpoint
from unifiedml.autodiff import custom_gradient as custom_gradient
from unifiedml.autodiff import grad as grad
from unifiedml.autodiff import hessian as hessian
from unifiedml.autodiff import jacobian as jacobian
from unifiedml.autodiff import jvp as jvp
from unifiedml.autodiff import no_grad as no_grad
from unifiedml.autodiff import stop_gradient as stop_gradient
from unifiedml.autodiff import value_and_grad as value_and_grad
from unifiedml.autodiff import vjp as vjp
from unifiedml.nn import Dense as Dense
from unifiedml.nn import Dropout as Dropout
from unifiedml.nn import Flatten as Flatten
from unifiedml.nn import Module as Module
from unifiedml.nn import Parameter as Parameter
from unifiedml.nn import Sequential as Sequential
from unifiedml.ops.activations import *
from unifiedml.ops.arithmetic import *
from unifiedml.ops.attention import *
from unifiedml.ops.closeness import *
from unifiedml.ops.comparison import *
from unifiedml.ops.conversion import *
from unifiedml.ops.convolution import *
from unifiedml.ops.creation import *
from unifiedml.ops.data_type import *
from unifiedml.ops.einsum import *
from unifiedml.ops.exponential import *
from unifiedml.ops.floating import *
from unifiedml.ops.grids import *
from unifiedml.ops.indexing import *
from unifiedml.ops.inspection import *
from unifiedml.ops.linalg import *
from unifiedml.ops.logic import *
from unifiedml.ops.manipulation import *
from unifiedml.ops.nn import *
from unifiedml.ops.normalization import *
from unifiedml.ops.parts import *
from unifiedml.ops.pooling import *
from unifiedml.ops.reduction import *
from unifiedml.ops.repetition import *
from unifiedml.ops.rounding import *
from unifiedml.ops.scan import *
from unifiedml.ops.segment import *
from unifiedml.ops.selection import *
from unifiedml.ops.sets import *
from unifiedml.ops.sorting import *
from unifiedml.ops.special import *
from unifiedml.ops.statistics import *
from unifiedml.ops.trigonometry import *
from unifiedml.optim import SGD as SGD
from unifiedml.optim import Adam as Adam
from unifiedml.optim import AdamW as AdamW

__version__ = "0.1.0"

newaxis = None

bool = _DTYPES["bool"]
int8 = _DTYPES["int8"]
int16 = _DTYPES["int16"]
int32 = _DTYPES["int32"]
int64 = _DTYPES["int64"]
uint8 = _DTYPES["uint8"]
uint16 = _DTYPES["uint16"]
uint32 = _DTYPES["uint32"]
uint64 = _DTYPES["uint64"]
float16 = _DTYPES["float16"]
bfloat16 = _DTYPES["bfloat16"]
float32 = _DTYPES["float32"]
float64 = _DTYPES["float64"]
complex64 = _DTYPES["complex64"]
complex128 = _DTYPES["complex128"]

if _TYPE_CHECKING:
    from unifiedml import contract as contract
    from unifiedml import testing as testing


def __getattr__(name: str) -> _Any:
    """Import when first asked for what few programs need, and what takes longest."""
    if name in ("contract", "testing"):
        from importlib import import_module

        return import_module(f"unifiedml.{name}")
    raise AttributeError(f"module 'unifiedml' has no attribute {name!r}")
