"""Gradients by a tape: `GradientTape`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Literal

from unifiedml._backend.errors import BackendMismatchError
from unifiedml._backend.protocol import Native, Tape
from unifiedml._backend.registry import LoadedBackend, loaded_backends
from unifiedml._batched import innermost
from unifiedml._imperative import NoGrad, cotangent_of, no_grad
from unifiedml._parameter import Lifted, Parameter, current_lifted, lifting
from unifiedml._recording import Mode, Node, mode, switched
from unifiedml._tensor import Tensor
from unifiedml._tree import expand, leaves, rebuild
from unifiedml.autodiff._jacobian import by_rows, check_real
from unifiedml.ops.creation import zeros_like

__all__ = ["GradientTape"]


class GradientTape:
    """Records what is computed in a ``with`` block, to take gradients afterwards.

    Trainable parameters are watched when they are read; other tensors when `watch`
    is called. Tapes nest, for higher derivatives, with each other and with
    `unifiedml.grad`. What is computed after the block, or inside `unifiedml.no_grad`,
    is not recorded. What is watched is a constant for ``backward()``.

    A tape records the thread and asyncio task that it was entered in.

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
        self._used = False
        self._block = _Block(persistent)
        self._parameters = _Watching(self._block)
        self._tensors: dict[int, _Watched] = {}

    def __enter__(self) -> GradientTape:
        self._block.open(self._parameters)
        return self

    def __exit__(self, *exception: object) -> None:
        with self._block.closing():
            for watched in self._tensors.values():
                watched.restore()

    def watch(self, tree: Any, /) -> None:
        """Record what is computed from the tensors in ``tree`` from now on.

        Raises:
            TypeError: A leaf is not a floating-point tensor.
            RuntimeError: The tape does not record here.
        """
        if not self._block.is_recording():
            raise RuntimeError(
                "watch() belongs inside the tape's with block, outside of no_grad()"
            )
        for x in leaves(expand(tree)):
            if not isinstance(x, Tensor) or not x.dtype.is_differentiable:
                what = x.dtype.name if isinstance(x, Tensor) else type(x).__name__
                raise TypeError(f"a tape watches floating-point tensors, not {what}")
            if isinstance(x, Parameter):
                self._parameters.watch(x)
            elif id(x) not in self._tensors:
                self._tensors[id(x)] = _Watched(x, *self._block.tape_of(x._backend))

    def gradient(
        self,
        target: Tensor,
        sources: Any,
        output_gradients: Tensor | None = None,
        *,
        unconnected_gradients: Literal["zero", "none"] = "zero",
    ) -> Any:
        """Return the gradient of ``target`` with respect to ``sources``.

        Args:
            target: A floating-point tensor computed inside the block.
            sources: A watched tensor, a module, or a nest of dicts, lists and
                tuples of those.
            output_gradients: The cotangent; may be left out for a scalar.
            unconnected_gradients: What stands for a source that ``target`` was not
                computed from: ``"zero"`` (as everywhere in this library) or
                ``"none"``, None.

        Returns:
            The gradients, in the structure of ``sources``.

        Raises:
            TypeError: ``target`` is complex and has no ``output_gradients``.
            ValueError: ``unconnected_gradients`` is something else, or a source has
                not been watched, or ``target`` is no scalar and
                has no ``output_gradients``, or those have another shape.
            RuntimeError: The tape has been used and is not persistent.
            BackendMismatchError: ``target`` and a source are on two backends.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                "this tape has been used: make it with persistent=True to take "
                "several gradients"
            )
        if unconnected_gradients not in ("zero", "none"):
            raise ValueError(
                'unconnected_gradients is "zero" or "none", not '
                f"{unconnected_gradients!r}"
            )
        _check_target(target)
        cotangent = cotangent_of(
            target, output_gradients, "a target", "output_gradients"
        )
        tree = expand(sources)
        read = [self._stand_ins(x, target) for x in leaves(tree)]
        self._used = True
        tape, backend = self._block.tape_of(target._backend)
        found = iter(
            tape.gradient(
                [self._as_target(target)],
                [native for natives in read for native in natives],
                [cotangent._native],
            )
            if any(read)
            else ()
        )
        gradients: list[Tensor | None] = []
        for x, natives in zip(leaves(tree), read, strict=True):
            connected = [one for _ in natives if (one := next(found)) is not None]
            parts = [Tensor(native, backend) for native in connected]
            if parts:
                gradients.append(sum(parts[1:], parts[0]))
            else:
                wanted = unconnected_gradients == "zero"
                gradients.append(zeros_like(x) if wanted else None)
        return rebuild(tree, gradients)

    def jacobian(self, target: Tensor, sources: Any) -> Any:
        """Return the Jacobian of ``target`` with respect to ``sources``.

        Args:
            target: A floating-point tensor computed inside the block, of any shape.
            sources: As for `gradient`.

        Returns:
            Tensors of shape ``(*target.shape, *source.shape)``, in the structure of
            ``sources``, by one gradient for each element of ``target``.

        Raises:
            TypeError: ``target`` and a source are both complex; or as for `gradient`.
            RuntimeError: The tape is not persistent.
            ValueError, BackendMismatchError: As for `gradient`.

        Example:
            >>> import unifiedml as um
            >>> x = um.tensor([1.0, 2.0])
            >>> with um.GradientTape(persistent=True) as tape:
            ...     tape.watch(x)
            ...     y = x * x
            >>> tape.jacobian(y, x).tolist()
            [[2.0, 0.0], [0.0, 4.0]]
        """
        if not self._persistent:
            raise RuntimeError(
                "a Jacobian takes several gradients: make the tape with persistent=True"
            )
        _check_target(target)
        tree = expand(sources)
        inputs = leaves(tree)
        for x in inputs:
            self._stand_ins(x, target)
        check_real([target], inputs)

        def pull(outputs: list[Tensor], cotangents: list[Tensor]) -> list[Tensor]:
            return leaves(self.gradient(outputs[0], tree, cotangents[0]))

        (row,) = by_rows([target], inputs, pull)
        return rebuild(tree, row)

    def stop_recording(self) -> NoGrad:
        """Return a context in which nothing is recorded, as in `unifiedml.no_grad`.

        Other tapes do not record in it, either.

        Raises:
            RuntimeError: The tape does not record here.

        Example:
            >>> import unifiedml as um
            >>> x = um.tensor(3.0)
            >>> with um.GradientTape() as tape:
            ...     tape.watch(x)
            ...     with tape.stop_recording():
            ...         y = x * x
            ...     z = x * y
            >>> tape.gradient(z, x).item()
            9.0
        """
        if not self._block.is_recording():
            raise RuntimeError(
                "stop_recording() belongs inside the tape's with block, outside of "
                "no_grad()"
            )
        return no_grad()

    def _stand_ins(self, x: Any, target: Tensor) -> list[Native]:
        """Return what ``x`` read as in the block: several for a changed parameter."""
        if not isinstance(x, Tensor):
            raise TypeError(f"a source is a tensor, not {type(x).__name__}")
        if x._backend.name != target._backend.name:
            raise BackendMismatchError(
                f"the target is on backend {target.backend!r}, a source on "
                f"{x.backend!r}: compute both on one"
            )
        if isinstance(x, Parameter):
            seen = self._parameters.seen.get(id(x))
            if seen or x.trainable:
                return seen or []
        elif id(x) in self._tensors:
            return [self._tensors[id(x)].stand_in]
        raise ValueError(
            f"a source of shape {x.shape} has not been watched: call tape.watch(x) "
            "before it is used"
        )

    def _as_target(self, x: Tensor) -> Native:
        """Return what ``x`` was in the block, also if it is watched itself."""
        if isinstance(x, Parameter):
            return self._parameters.seen.get(id(x), [x._native])[-1]
        watched = self._tensors.get(id(x))
        return x._native if watched is None else watched.native()


def _check_target(target: Any) -> None:
    if not isinstance(target, Tensor) or not target.dtype.is_differentiable:
        what = target.dtype.name if isinstance(target, Tensor) else repr(target)
        raise TypeError(f"the target is a floating-point tensor, not {what}")


class _Block:
    """The with block of a tape: the backends' own tapes, while and after it runs."""

    def __init__(self, persistent: bool) -> None:
        self._persistent = persistent
        self._tapes: dict[str, tuple[Tape, LoadedBackend]] = {}
        self._entered: ExitStack | None = None
        self._is_new = True

    def open(self, parameters: Lifted) -> None:
        """Record from now on, and let parameters read through ``parameters``."""
        if not self._is_new:
            raise RuntimeError("a tape records one block: make a new GradientTape")
        self._is_new = False
        self._entered = ExitStack()
        for backend in loaded_backends():
            self.tape_of(backend)
        parameters.outer = current_lifted()
        self._entered.enter_context(lifting(parameters))
        self._entered.enter_context(switched(Mode.TAPE))

    def closing(self) -> ExitStack:
        """Return a context that ends the block when it is left."""
        assert self._entered is not None
        entered, self._entered = self._entered, None
        return entered

    def is_recording(self) -> bool:
        """Tell whether the block runs, and not inside of ``no_grad()``."""
        return self._entered is not None and mode() is not Mode.OFF

    def tape_of(self, backend: LoadedBackend) -> tuple[Tape, LoadedBackend]:
        """Return the tape of a backend, and the backend of what it watches.

        The backend may have been loaded inside. A block inside `unifiedml.vmap` watches
        values of each example.
        """
        found = self._tapes.get(backend.name)
        if found is None:
            assert self._entered is not None
            backend = innermost(backend)
            found = backend.ops.tape(self._persistent), backend
            self._tapes[backend.name] = found
            self._entered.enter_context(found[0])
        if found[1].level < backend.level:
            raise RuntimeError(
                "a tape around um.vmap cannot watch what is inside: watch the "
                "arguments of the whole, or make a tape inside"
            )
        return found


class _Watched:
    """A tensor that reads as its stand-in until the block ends."""

    def __init__(self, x: Tensor, tape: Tape, backend: LoadedBackend) -> None:
        self._tensor = x
        self._native: Native = x._native
        self._backend = x._backend
        self._node: Node | None = x._node
        self.stand_in: Native = tape.watch(x._native)
        x._native, x._backend, x._node = self.stand_in, backend, None

    def native(self) -> Native:
        """Return what the tensor is, or was before it was restored."""
        now = self._tensor._native
        return self.stand_in if now is self._native else now

    def restore(self) -> None:
        """Let the tensor be what it was, unless it has been written to."""
        if self._tensor._native is self.stand_in:
            self._tensor._native, self._tensor._node = self._native, self._node
            self._tensor._backend = self._backend


class _Watching(Lifted):
    """Watches each trainable parameter when it is read.

    Attributes:
        seen: The stand-ins of each parameter, by ``id``: a new one after each change.
    """

    def __init__(self, block: _Block) -> None:
        super().__init__(None)
        # Not the GradientTape: in a cycle it would keep all that it recorded.
        self._block = block
        self._kept: list[Parameter] = []
        self.seen: dict[int, list[Native]] = {}

    def read(self, parameter: Parameter) -> Native | None:
        # A task that was started in the block may outlive it.
        if parameter.trainable and self._block.is_recording():
            self.watch(parameter)
        return super().read(parameter)

    def write(self, parameter: Parameter, native: Native) -> bool:
        # What is read from now on is watched anew.
        self.natives.pop(id(parameter), None)
        return super().write(parameter, native)

    def watch(self, parameter: Parameter) -> None:
        """Put a watched stand-in in the parameter's place."""
        if id(parameter) in self.natives:
            return
        outer = None if self.outer is None else self.outer.read(parameter)
        native = parameter._stored() if outer is None else outer
        stand_in = self._block.tape_of(parameter._backend)[0].watch(native)
        self.natives[id(parameter)] = stand_in
        self.seen.setdefault(id(parameter), []).append(stand_in)
        self._kept.append(parameter)
