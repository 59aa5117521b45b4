"""Optimizers.

Each rule is written once, as a pure function of gradient, state and parameter in the
symbols of its paper; the class around it holds the parameters and the state.
"""

from unifiedml.optim._adam import Adam as Adam
from unifiedml.optim._adam import AdamW as AdamW
from unifiedml.optim._base import Optimizer as Optimizer
from unifiedml.optim._base import get as get
from unifiedml.optim._sgd import SGD as SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "get"]
