"""Optimizers.

Each rule is written once, as a pure function of gradient, state and parameter in the
symbols of its paper; the class around it holds the parameters and the state.
"""

from unifiedml.optim._adam import Adam as Adam
from unifiedml.optim._adam import AdamW as AdamW
from unifiedml.optim._adaptive import Adadelta as Adadelta
from unifiedml.optim._adaptive import Adagrad as Adagrad
from unifiedml.optim._adaptive import Adamax as Adamax
from unifiedml.optim._adaptive import RMSprop as RMSprop
from unifiedml.optim._base import Optimizer as Optimizer
from unifiedml.optim._base import get as get
from unifiedml.optim._clip import clip_by_global_norm as clip_by_global_norm
from unifiedml.optim._clip import clip_by_norm as clip_by_norm
from unifiedml.optim._clip import clip_by_value as clip_by_value
from unifiedml.optim._clip import global_norm as global_norm
from unifiedml.optim._sgd import SGD as SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Optimizer",
    "RMSprop",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "get",
    "global_norm",
]
