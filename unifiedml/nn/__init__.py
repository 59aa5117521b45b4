"""Layers and what models are made of."""

from unifiedml._parameter import Buffer as Buffer
from unifiedml._parameter import Parameter as Parameter
from unifiedml.nn import initializers as initializers
from unifiedml.nn._activation import Activation as Activation
from unifiedml.nn._dense import Dense as Dense
from unifiedml.nn._dropout import Dropout as Dropout
from unifiedml.nn._flatten import Flatten as Flatten
from unifiedml.nn._module import Module as Module
from unifiedml.nn._sequential import Sequential as Sequential

__all__ = [
    "Activation",
    "Buffer",
    "Dense",
    "Dropout",
    "Flatten",
    "Module",
    "Parameter",
    "Sequential",
    "initializers",
]
