"""A backend of batches: it runs an operation for all examples at once.

It stands before another backend, as the recorder of `unifiedml.graph` does. What
differs between examples is a `Batched`, which holds one native tensor of the other
backend with the examples along its first dimension and shows the shape of one of
them; so the frontend, and with it a user's function, sees a single example. Each
operation has a rule that says where the new dimension goes (`unifiedml._vmap._rules`);
those without a rule run once for each example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, cast

from unifiedml._backend.errors import TracedValueError
from unifiedml._backend.protocol import Backend, Native, Tape
from unifiedml._backend.registry import LoadedBackend
from unifiedml._batched import Batched
from unifiedml._vmap import _rules

__all__ = ["Batching"]

_WHY: Final = "um.vmap batches"


class Batching:
    """The operations of a backend, for ``size`` examples at once.

    Attributes:
        backend: What the frontend is given.
        behind: What it stands before.
        size: How many examples there are.
        inner: The operations that run.
    """

    engine: Any = None
    shortcuts: Mapping[str, Any] = MappingProxyType({})  # kernels know no batches
    random_words: Any = None

    def __init__(self, backend: LoadedBackend, size: int) -> None:
        self.behind = backend
        self.size = size
        self.inner = backend.ops
        # What is not defined here is the real backend's: see `__getattr__`.
        self.backend = LoadedBackend(
            backend.name, cast(Backend, self), backend.level + 1
        )

    def __getattr__(self, name: str) -> Any:
        rule = _rules.RULES.get(name)
        member = getattr(self.inner, name)
        if rule is None and name not in _rules.LOOPED:
            return member
        found = partial(rule or _rules.looped, self, member)
        # The next time it is found at once.
        setattr(self, name, found)
        return found

    # --- what a batch is -------------------------------------------------------------

    def owns(self, x: object) -> bool:
        """Tell whether ``x`` differs between the examples."""
        return isinstance(x, Batched) and x.owner is self

    def wrapped(self, native: Native) -> Batched:
        """Return what a native tensor with the examples in front stands for."""
        return Batched(native, self)

    def whole(self, x: Any) -> Native:
        """Return the tensor of all examples, for which a constant is repeated."""
        if self.owns(x):
            return x.native
        return self.inner.broadcast_to(x, (self.size, *self.inner.shape_of(x)))

    def inside(self, x: Any) -> Any:
        """Return the shape of one example."""
        shape = self.inner.shape_of(x.native if self.owns(x) else x)
        return shape[1:] if self.owns(x) else shape

    # --- what is no operation --------------------------------------------------------

    def is_native(self, x: object, /) -> bool:
        return self.owns(x) or bool(self.inner.is_native(x))

    def is_traced(self, x: Any, /) -> bool:
        return self.owns(x) or bool(self.inner.is_traced(x))

    def shape_of(self, x: Any, /) -> tuple[int, ...]:
        return tuple(self.inside(x))

    def device_of(self, x: Any, /) -> str:
        return self.inner.device_of(x.native if self.owns(x) else x)

    def to_numpy(self, x: Any, /) -> Any:
        if self.owns(x):
            raise TracedValueError(why=_WHY)
        return self.inner.to_numpy(x)

    def nonzero(self, x: Any, /) -> Any:
        if self.owns(x):
            raise TracedValueError("the size of a result", _WHY)
        return self.inner.nonzero(x)

    def tape(self, persistent: bool, /) -> Tape:
        return _Tape(self, self.inner.tape(persistent))

    def custom_gradient(
        self,
        values: Sequence[Native],
        inputs: Sequence[Native],
        pull: Callable[..., Sequence[Native]],
        /,
    ) -> Sequence[Native]:
        def pulled(*cotangents: Native) -> list[Native]:
            return [self.whole(one) for one in pull(*map(self.wrapped, cotangents))]

        found = self.inner.custom_gradient(
            [*map(self.whole, values)], [*map(self.whole, inputs)], pulled
        )
        return [self.wrapped(one) for one in found]


class _Tape:
    """A tape whose inputs, and so gradients, are one for each example."""

    def __init__(self, batching: Batching, tape: Tape) -> None:
        self._batching = batching
        self._tape = tape

    def __enter__(self) -> Tape:
        self._tape.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._tape.__exit__(*exception)

    def watch(self, x: Native, /) -> Native:
        return self._batching.wrapped(self._tape.watch(self._batching.whole(x)))

    def gradient(
        self,
        outputs: Sequence[Native],
        inputs: Sequence[Native],
        cotangents: Sequence[Native],
    ) -> list[Any]:
        given = [[*map(self._batching.whole, xs)] for xs in (outputs, cotangents)]
        found = self._tape.gradient(given[0], [x.native for x in inputs], given[1])
        return [one if one is None else self._batching.wrapped(one) for one in found]
