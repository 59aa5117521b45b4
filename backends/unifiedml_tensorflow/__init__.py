"""The TensorFlow backend: aliases where it keeps the contract, reasons where not.

The contract is `unifiedml._backend.protocol.Backend`. Kernels are called through
``tf.raw_ops``, which costs a third of the public functions in eager mode.
"""

from __future__ import annotations

from unifiedml_tensorflow import _import as _import
from unifiedml_tensorflow._autodiff import custom_gradient as custom_gradient
from unifiedml_tensorflow._autodiff import engine as engine
from unifiedml_tensorflow._autodiff import paused as paused
from unifiedml_tensorflow._autodiff import stop_gradient as stop_gradient
from unifiedml_tensorflow._autodiff import tape as tape
from unifiedml_tensorflow._control import *
from unifiedml_tensorflow._convolution import *
from unifiedml_tensorflow._elementwise import *
from unifiedml_tensorflow._fft import *
from unifiedml_tensorflow._functions import *
from unifiedml_tensorflow._linalg import *
from unifiedml_tensorflow._order import *
from unifiedml_tensorflow._program import *
from unifiedml_tensorflow._reduction import *
from unifiedml_tensorflow._shape import *
from unifiedml_tensorflow._tensor import *
