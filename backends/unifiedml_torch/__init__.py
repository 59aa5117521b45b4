"""The PyTorch backend: aliases where it keeps the contract, reasons where not.

The contract is `unifiedml._backend.protocol.Backend`.
"""

from __future__ import annotations

from unifiedml_torch._autodiff import Tape as Tape
from unifiedml_torch._autodiff import custom_gradient as custom_gradient
from unifiedml_torch._autodiff import engine as engine
from unifiedml_torch._autodiff import paused as paused
from unifiedml_torch._autodiff import stop_gradient as stop_gradient
from unifiedml_torch._autodiff import tape as tape
from unifiedml_torch._choice import *
from unifiedml_torch._control import *
from unifiedml_torch._convolution import *
from unifiedml_torch._elementwise import *
from unifiedml_torch._fft import *
from unifiedml_torch._functions import *
from unifiedml_torch._linalg import *
from unifiedml_torch._order import *
from unifiedml_torch._program import *
from unifiedml_torch._reduction import *
from unifiedml_torch._shape import *
from unifiedml_torch._shortcuts import *
from unifiedml_torch._tensor import *
from unifiedml_torch._tracing import *
from unifiedml_torch._updates import *
