"""Gradients: transformations of functions, tapes, and their helpers."""

from unifiedml._imperative import no_grad as no_grad
from unifiedml.autodiff._checkpoint import checkpoint as checkpoint
from unifiedml.autodiff._custom import custom_gradient as custom_gradient
from unifiedml.autodiff._grad import grad as grad
from unifiedml.autodiff._grad import stop_gradient as stop_gradient
from unifiedml.autodiff._grad import value_and_grad as value_and_grad
from unifiedml.autodiff._jacobian import hessian as hessian
from unifiedml.autodiff._jacobian import jacobian as jacobian
from unifiedml.autodiff._linear import jvp as jvp
from unifiedml.autodiff._linear import vjp as vjp
from unifiedml.autodiff._tape import GradientTape as GradientTape

__all__ = [
    "GradientTape",
    "checkpoint",
    "custom_gradient",
    "grad",
    "hessian",
    "jacobian",
    "jvp",
    "no_grad",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
