"""Losses: functions of what is true and what a model returns.

All have the arguments ``(y_true, y_pred)`` of Keras, the options ``sample_weight``
and ``reduction``, and return a scalar by default. ``sample_weight``, of shape
``(batch,)`` (or a number), multiplies the loss of each example; ``reduction`` is

- ``"mean"``: the mean over the elements of the loss. Weights do not enter the divisor
  (as in Keras; PyTorch divides by the sum of the class weights).
- ``"sum"``: their sum.
- ``"none"``: no reduction.
"""

from unifiedml.losses._base import Loss as Loss
from unifiedml.losses._base import get as get
from unifiedml.losses._classification import binary_crossentropy as binary_crossentropy
from unifiedml.losses._classification import (
    binary_focal_crossentropy as binary_focal_crossentropy,
)
from unifiedml.losses._classification import (
    categorical_crossentropy as categorical_crossentropy,
)
from unifiedml.losses._classification import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from unifiedml.losses._regression import huber as huber
from unifiedml.losses._regression import log_cosh as log_cosh
from unifiedml.losses._regression import mean_absolute_error as mean_absolute_error
from unifiedml.losses._regression import mean_squared_error as mean_squared_error
from unifiedml.losses._regression import poisson as poisson
from unifiedml.losses._similarity import cosine_similarity as cosine_similarity
from unifiedml.losses._similarity import hinge as hinge
from unifiedml.losses._similarity import kl_divergence as kl_divergence
from unifiedml.losses._similarity import squared_hinge as squared_hinge

__all__ = [
    "Loss",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "cosine_similarity",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_squared_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]
