"""Layers and what models are made of."""

from unifiedml._parameter import Buffer as Buffer
from unifiedml._parameter import Parameter as Parameter
from unifiedml.nn import initializers as initializers
from unifiedml.nn._activation import Activation as Activation
from unifiedml.nn._attention import MultiHeadAttention as MultiHeadAttention
from unifiedml.nn._convolution import Conv1D as Conv1D
from unifiedml.nn._convolution import Conv1DTranspose as Conv1DTranspose
from unifiedml.nn._convolution import Conv2D as Conv2D
from unifiedml.nn._convolution import Conv2DTranspose as Conv2DTranspose
from unifiedml.nn._convolution import Conv3D as Conv3D
from unifiedml.nn._convolution import Conv3DTranspose as Conv3DTranspose
from unifiedml.nn._convolution import DepthwiseConv1D as DepthwiseConv1D
from unifiedml.nn._convolution import DepthwiseConv2D as DepthwiseConv2D
from unifiedml.nn._dense import Dense as Dense
from unifiedml.nn._dropout import Dropout as Dropout
from unifiedml.nn._embedding import Embedding as Embedding
from unifiedml.nn._flatten import Flatten as Flatten
from unifiedml.nn._module import Module as Module
from unifiedml.nn._normalization import BatchNorm as BatchNorm
from unifiedml.nn._normalization import GroupNorm as GroupNorm
from unifiedml.nn._normalization import LayerNorm as LayerNorm
from unifiedml.nn._normalization import RMSNorm as RMSNorm
from unifiedml.nn._pooling import AveragePool1D as AveragePool1D
from unifiedml.nn._pooling import AveragePool2D as AveragePool2D
from unifiedml.nn._pooling import AveragePool3D as AveragePool3D
from unifiedml.nn._pooling import MaxPool1D as MaxPool1D
from unifiedml.nn._pooling import MaxPool2D as MaxPool2D
from unifiedml.nn._pooling import MaxPool3D as MaxPool3D
from unifiedml.nn._recurrent import GRU as GRU
from unifiedml.nn._recurrent import LSTM as LSTM
from unifiedml.nn._sequential import Sequential as Sequential

__all__ = [
    "MultiHeadAttention",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Embedding",
    "BatchNorm",
    "GroupNorm",
    "LayerNorm",
    "RMSNorm",
    "AveragePool1D",
    "AveragePool2D",
    "AveragePool3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "GRU",
    "LSTM",
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
