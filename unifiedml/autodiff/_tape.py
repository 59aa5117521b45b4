"""Gradients by a tape: `GradientTape`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from unifiedml import _recording
from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.protocol import Native, Tape
from unifiedml._backend.registry import LoadedBackend, loaded_backends
from unifiedml._parameter import Lifted, Parameter, current_lifted, lifting
from unifiedml._tensor import Tensor
from unifiedml._tree import expand, leaves, rebuild
from unifiedml.ops._dispatch import constant

__all__ = ["GradientTape"]


class GradientTape:
    """Records what is computed in a ``with`` block, to take gradients afterwards.

    Trainable parameters are watched when they are read; other tensors when `watch`
    is called. Tapes nest, for higher derivatives. Inside, recording for
    ``backward()`` pauses.

    Args:
        persistent: Whether `gradient` may be called more than once.

    Example:
        >>> import unifiedml as um
        >>> x = um.tensor(3.0)
        >>> with um.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.gradient(y, x).item()
        6.0

    Reference:
        The interface is that of TensorFlow's class of the same name.
    """

    def __init__(self, persistent: bool = False) -> None:
        self._persistent = persistent
        self._tapes: dict[str, Tape] = {}
        self._entered = ExitStack()
        self._active = False
        self._used = False
        self._lifted = _Watching(self, None)
        # A watched tensor reads as its stand-in until the block ends.
        self._watched: dict[int, tuple[Tensor, Native, Native]] = {}

    def __enter__(self) -> GradientTape:
        if self._active:
            raise RuntimeError("this tape records already")
        self._active = True
        for backend in loaded_backends():
            self._tape_of(backend)
        self._lifted.outer = current_lifted()
        self._entered.enter_context(lifting(self._lifted))
        self._entered.enter_context(_recording.paused())
        return self

    def __exit__(self, *exception: object) -> None:
        self._active = False
        self._entered.close()
        for x, before, stand_in in self._watched.values():
            if x._native is stand_in:
                x._native = before

    def _tape_of(self, backend: LoadedBackend) -> Tape:
        tape = self._tapes.get(backend.name)
        if tape is None:
            tape = backend.ops.tape(self._persistent)
            self._tapes[backend.name] = tape
            self._entered.enter_context(tape)
        return tape

    def watch(self, tree: Any, /) -> None:
        """Record what is computed from the tensors in ``tree`` from now on.

        Raises:
            TypeError: A leaf is not a floating-point tensor.
            RuntimeError: The tape does not record.
        """
        if not self._active:
            raise RuntimeError("watch() belongs inside the tape's with block")
        for x in leaves(tree):
            if not isinstance(x, Tensor) or not x.dtype.is_differentiable:
                what = x.dtype.name if isinstance(x, Tensor) else type(x).__name__
                raise TypeError(f"a tape watches floating-point tensors, not {what}")
            if isinstance(x, Parameter):
                self._lifted.watch(x)
            elif id(x) not in self._watched:
                before = x._native
                x._native = self._tape_of(x._backend).watch(before)
                self._watched[id(x)] = (x, before, x._native)

    def gradient(
        self, target: Tensor, sources: Any, output_gradients: Tensor | None = None
    ) -> Any:
        """Return the gradient of ``target`` with respect to ``sources``.

        Args:
            target: A floating-point tensor computed inside the block.
            sources: A watched tensor, a module, or a nest of dicts, lists and
                tuples of those.
            output_gradients: The cotangent; may be left out for a scalar.

        Returns:
            The gradients, in the structure of ``sources``; zeros where ``target``
            does not depend on a source.

        Raises:
            ValueError: A source has not been watched, or ``target`` is no scalar and
                has no ``output_gradients``, or those have another shape.
            RuntimeError: The tape has been used and is not persistent.
            BackendMismatchError: ``target`` and a source are on two backends.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                "this tape has been used: make it with persistent=True to take "
                "several gradients"
            )
        cotangent = _cotangent(target, output_gradients)
        tree = expand(sources)
        natives = [self._stand_in(x, target) for x in leaves(tree)]
        self._used = True
        backend = target._backend
        found = self._tape_of(backend).gradient([target._native], natives, [cotangent])
        return rebuild(tree, [Tensor(native, backend) for native in found])

    def _stand_in(self, x: Any, target: Tensor) -> Native:
        if not isinstance(x, Tensor):
            raise TypeError(f"a source is a tensor, not {type(x).__name__}")
        if x._backend.name != target._backend.name:
            raise BackendMismatchError(
                f"the target is on backend {target.backend!r}, a source on "
                f"{x.backend!r}"
            )
        native = (
            self._lifted.seen(x)
            if isinstance(x, Parameter)
            else self._watched.get(id(x), (x, None, None))[2]
        )
        if native is None:
            raise ValueError(
                f"a source of shape {x.shape} has not been watched: call tape.watch(x) "
                "before it is used"
            )
        return native


class _Watching(Lifted):
    """Watches each trainable parameter when it is first read."""

    def __init__(self, tape: GradientTape, outer: Lifted | None) -> None:
        super().__init__(outer)
        self._tape = tape
        self._kept: list[Parameter] = []

    def read(self, parameter: Parameter) -> Native | None:
        if id(parameter) not in self.natives and parameter.trainable:
            self.watch(parameter)
        return super().read(parameter)

    def watch(self, parameter: Parameter) -> None:
        """Put a watched stand-in in the parameter's place."""
        if id(parameter) not in self.natives:
            before = None if self.outer is None else self.outer.read(parameter)
            native = parameter._stored() if before is None else before
            tape = self._tape._tape_of(parameter._backend)
            self.natives[id(parameter)] = tape.watch(native)
            self._kept.append(parameter)

    def seen(self, parameter: Parameter) -> Native:
        """Return the stand-in of a parameter, also of one that was never read."""
        if id(parameter) not in self.natives:
            self.watch(parameter)
        return self.natives[id(parameter)]


def _cotangent(target: Any, given: Tensor | None) -> Native:
    if not isinstance(target, Tensor) or not target.dtype.is_differentiable:
        raise TypeError("the target of a gradient is a floating-point tensor")
    if given is None:
        if target.shape:
            raise ValueError(
                f"a target of shape {target.shape} needs output_gradients: reduce it "
                "with um.sum or um.mean, or give its cotangent"
            )
        return constant(1, target.dtype, target._backend, target.device)._native
    if given.shape != target.shape or given.dtype is not target.dtype:
        raise ValueError(
            f"output_gradients have shape {given.shape} and data type "
            f"{given.dtype.name}, the target {target.shape} and {target.dtype.name}"
        )
    return given._native
