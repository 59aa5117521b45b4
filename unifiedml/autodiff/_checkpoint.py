"""Less memory for more time: `checkpoint`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

from unifiedml._backend.protocol import Native
from unifiedml._imperative import no_grad
from unifiedml._parameter import Lifted, Parameter, current_lifted, lift, lifting
from unifiedml._place import modes
from unifiedml._recording import Node, Within
from unifiedml._tensor import Tensor
from unifiedml._tree import leaves, map_tree, rebuild, twins
from unifiedml.autodiff._call import Call, Opened, check_function, one_backend, read
from unifiedml.autodiff._closure import tensors_behind, with_others
from unifiedml.autodiff._custom import has_gradient, ruled
from unifiedml.random._drawing import Repeated

__all__ = ["checkpoint"]

P = ParamSpec("P")
R = TypeVar("R")


def checkpoint(function: Callable[P, R], /) -> Callable[P, R]:
    """Return a function that keeps only its arguments for the way back.

    What it computes on the way is computed again when gradients are taken. A chain of
    ``n`` layers, each a checkpoint, holds the results of the layers and the inside of
    one, for the price of one more forward pass.

    Args:
        function: Takes and returns nests of tensors and anything else. It may be a
            module, or call some.

    Returns:
        A function of the same arguments and the same results.

    Gradients flow to the arguments, to the parameters that ``function`` reads, and to
    tensors in the variables that it closes over, in lists, tuples and dicts there, and
    in what functions there close over. Tensors elsewhere, such as attributes of other
    objects, are constants. Random numbers are kept, not drawn again. What ``function``
    writes to parameters and buffers, it writes once; it should have no other effects.

    Raises:
        TypeError: What is given is no function.
        BackendMismatchError: The arguments are on several backends.

    Example:
        >>> import unifiedml as um
        >>> f = um.checkpoint(lambda x: um.exp(um.sin(x)))
        >>> um.grad(f)(um.tensor(0.0)).item()
        1.0

    Reference:
        T. Chen, B. Xu, C. Zhang and C. Guestrin, Training deep nets with sublinear
        memory cost, 2016. The name is that of JAX and PyTorch.
    """
    check_function(function)

    @wraps(function, updated=())
    def recomputed(*args: P.args, **kwargs: P.kwargs) -> R:
        opened = Opened([args, kwargs])
        # Others may be large constants, whose gradients nobody asks for.
        behind = [x for x in tensors_behind(function) if _is_watched(x)]
        known = _Known(current_lifted())
        draws = Repeated()
        # Gradients may be taken in another thread, as PyTorch does on a GPU.
        mode = modes.get()
        with no_grad(), lifting(known), draws.again():
            given, named = twins([args, kwargs])
            result = map_tree(read, function(*given, **named))
        state = list(known.states.values())
        weights = [x for x in state if has_gradient(x.tensor) and x.parameter.trainable]
        plain = [x for x in opened.leaves if _is_plain(x)]
        inputs = [*plain, *behind, *(x.tensor for x in weights)]
        outputs = [y for y in leaves(result) if has_gradient(y)]
        if not inputs or not outputs:
            return result  # type: ignore[no-any-return]
        backend = one_backend(inputs)

        def again(values: Sequence[Tensor]) -> list[Tensor]:
            given = iter(values)
            args, kwargs = opened.closed(
                next(given) if _is_plain(x) else x for x in opened.leaves
            )
            others = {id(x): next(given) for x in behind}
            natives = {id(x.parameter): x.tensor._native for x in state}
            natives |= {
                id(x.parameter): value._native
                for x, value in zip(weights, given, strict=True)
            }
            states = lift([x.parameter for x in state], list(natives.values()))
            with states, draws.again(), Within(modes, mode):
                result = with_others(function, others)(*args, **kwargs)
                found = leaves(map_tree(read, result))
            return [y for y in found if has_gradient(y)]

        def run(natives: Sequence[Native]) -> tuple[list[Native], Any]:
            values = [Tensor(native, backend) for native in natives]

            def pull(cotangents: list[Tensor]) -> list[Tensor]:
                call = Call(again, [values], {}, [0])
                return call.pull(call.outputs, cotangents)

            return [y._native for y in outputs], pull

        recorded = iter(ruled(inputs, run))
        return rebuild(  # type: ignore[no-any-return]
            result, (next(recorded) if has_gradient(y) else y for y in leaves(result))
        )

    return recomputed


def _is_plain(x: Any) -> bool:
    return has_gradient(x) and not isinstance(x, Parameter)


def _is_watched(x: Tensor) -> bool:
    """Tell whether a gradient by ``x``, or by what it comes from, may be asked for."""
    if not has_gradient(x):
        return False
    ops = x._backend.ops
    # Who cannot tell, says yes: the gradient is computed, and perhaps for nothing.
    unknown = x._backend.level > 0 or ops.trace is None
    return unknown or x.requires_grad or ops.is_watched(x._native)


class _State(NamedTuple):
    """A parameter, and what it was when it was first read or written."""

    parameter: Parameter
    tensor: Tensor


class _Known(Lifted):
    """Notes the parameters and buffers that are read or written.

    Attributes:
        states: What they were before, by ``id``.
    """

    def __init__(self, outer: Lifted | None) -> None:
        super().__init__(outer)
        self.states: dict[int, _State] = {}

    def read(self, parameter: Parameter) -> Native | None:
        native = super().read(parameter)
        if id(parameter) not in self.states:
            self._note(parameter, native)
        return native

    def write(self, parameter: Parameter, native: Native) -> bool:
        if id(parameter) not in self.states:
            self._note(parameter, super().read(parameter))
        return super().write(parameter, native)

    def _note(self, parameter: Parameter, native: Native | None) -> None:
        node: Node | None = None
        if native is None:
            native = parameter._stored()
            node = parameter._leaf if self.outer is None else None
        backend = parameter._backend
        self.states[id(parameter)] = _State(parameter, Tensor(native, backend, node))
