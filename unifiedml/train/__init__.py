"""Training: what stands behind ``compile``, ``fit``, ``evaluate`` and ``predict``."""

from unifiedml.train._callback import Callback as Callback
from unifiedml.train._errors import NonFiniteLossError as NonFiniteLossError
from unifiedml.train._history import History as History

__all__ = ["Callback", "History", "NonFiniteLossError"]
