"""Programs that PyTorch's compiler makes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import unset_fake_temporarily

from unifiedml_torch._shortcuts import layer, layer_backward, recorded_layer

__all__ = ["compiled_by_inductor"]

_aten: Final = torch.ops.aten


def compiled_by_inductor(
    run: Callable[..., Any], given: Sequence[Tensor]
) -> Callable[..., Any]:
    """Return a program as Inductor makes it."""
    try:
        with warnings.catch_warnings():
            # PyTorch's compiler imports parts of it that PyTorch deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            from torch._inductor import compile, exc
            from torch.fx.experimental.proxy_tensor import make_fx

            tracer = make_fx(
                run, _EXACT, tracing_mode="fake", _allow_non_fake_inputs=True
            )
            graph = tracer(*given)
            # Signatures have seen to sizes.
            options = {"size_asserts": False}
            return cast(Callable[..., Any], compile(graph, list(given), options))
    except exc.InvalidCxxCompiler:
        warnings.warn(
            "PyTorch's compiler needs a C++ compiler, such as g++, and found none: "
            "the program runs without",
            stacklevel=2,
        )
        return run


def _floor_divide(x: Tensor, y: Tensor | float) -> Any:
    """The floor of the exact quotient, as PyTorch's own kernel has it."""
    if not x.is_floating_point():
        return NotImplemented
    rest = torch.fmod(x, y)
    quotient = (x - rest) / y
    quotient = torch.where(_across(rest, y), quotient - 1, quotient)
    floor = torch.floor(quotient)
    floor = torch.where(quotient - floor > 0.5, floor + 1, floor)
    plain = x / y
    floor = torch.where(quotient == 0, torch.copysign(plain * 0, plain), floor)
    # A divisor is zero, or vectors of the CPU have given NaN for the rest.
    return torch.where(torch.isinf(plain), plain, floor)


def _divide(x: Tensor, y: Tensor | float, *, rounding_mode: str | None) -> Any:
    return _floor_divide(x, y) if rounding_mode == "floor" else NotImplemented


def _remainder(x: Tensor, y: Tensor | float) -> Any:
    if not x.is_floating_point():
        return NotImplemented
    rest = torch.fmod(x, y)
    return torch.where(_across(rest, y), rest + y, rest)


def _across(rest: Tensor, y: Tensor | float) -> Tensor:
    return (rest != 0) & ((rest < 0) != (y < 0))


@torch.library.custom_op("unifiedml_torch::erfinv", mutates_args=())
def _erfinv(x: Tensor) -> Tensor:
    """PyTorch's own kernel, which Inductor leaves alone; its own is off by 4e-4."""
    return torch.erfinv(x)


@_erfinv.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


# Inductor takes the results of oneDNN's recurrent kernels for others than they are.


def _alone(name: str, original: Any, kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel as an operation that Inductor leaves alone."""
    operation = torch.library.custom_op(
        f"unifiedml_torch::{name}",
        kernel,
        mutates_args=(),
        schema=str(original._schema).removeprefix(original._schema.name),
    )

    def fake(*args: Any) -> Any:
        # The size of the workspace is the kernel's secret: it runs once.
        with unset_fake_temporarily():
            real = [
                torch.zeros(tuple(x.shape), dtype=x.dtype)
                if isinstance(x, Tensor)
                else x
                for x in args
            ]
            found = kernel(*real)
        return tuple(torch.empty(x.shape, dtype=x.dtype) for x in found)

    operation.register_fake(fake)
    return cast(Callable[..., Any], operation)


_EXACT: Final[Mapping[Any, Callable[..., Tensor]]] = {
    _aten.div.Tensor_mode: _divide,
    _aten.div.Scalar_mode: _divide,
    _aten.erfinv.default: _erfinv,
    _aten.floor_divide.default: _floor_divide,
    _aten.floor_divide.Scalar: _floor_divide,
    layer: _alone("recurrent", layer, recorded_layer),
    layer_backward: _alone("recurrent_backward", layer_backward, layer_backward),
    _aten.remainder.Scalar: _remainder,
    _aten.remainder.Tensor: _remainder,
}
"""What Inductor would compute by the floor of a rounded quotient."""
