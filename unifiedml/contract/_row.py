"""One row of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from unifiedml.contract._literal import has_dtype

__all__ = ["Row"]

_FLOATS: Final = ("float32", "float64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one operation does in one case, and why.

    Arrays are literals such as ``float32[1, nan]``, ``int8[[1, 2]]``, ``bool True``;
    those without a data type stand for each of ``dtypes`` in turn.

    Attributes:
        operation: The public name, without ``um.``.
        case: What is special, as users look it up.
        call: A Python expression of ``um``, ``np``, ``nan``, ``inf`` and the operands.
        setup: Statements that run before it.
        operands: Their names and values.
        dtypes: The data types of literals that name none.
        value: The expected result; several for a sequence.
        equals: A Python expression that the result equals, instead of ``value``.
        gradient: The expected vector-Jacobian product for each operand.
        cotangent: Of the gradient; default: ones.
        second: For each operand named, the derivative of the sum of the gradients of
            all operands named.
        raises: The expected exception, a name of Python, NumPy or this library.
        unspecified: Whether the result is left open: it runs, and anything may come
            out but a crash.
        family: How far rounding may go: a key of `unifiedml.tolerance.FAMILIES`.
        length: The length of the longest sum behind an element.
        condition: The amplification that the family names.
        signed_zeros: Whether the signs of zeros count.
        deviation: For each backend that cannot meet the row, what was measured.
        eager: Why no program can hold it, and `unifiedml.jit` refuses it.
        reason: Why it is so, and where frameworks differ.
        source: The section of a standard, a paper, or of the measurements.
        chapter: The name of the file.
    """

    operation: str
    case: str
    call: str
    reason: str
    source: str
    chapter: str = ""
    setup: str = ""
    operands: Mapping[str, str] = field(default_factory=dict)
    dtypes: tuple[str, ...] = _FLOATS
    value: str | tuple[str, ...] | None = None
    equals: str | None = None
    gradient: Mapping[str, str] = field(default_factory=dict)
    cotangent: str | None = None
    second: Mapping[str, str] = field(default_factory=dict)
    raises: str | None = None
    unspecified: bool = False
    family: str = "exact"
    length: int = 1
    condition: float = 0
    signed_zeros: bool = False
    deviation: Mapping[str, str] = field(default_factory=dict)
    eager: str = ""

    def __post_init__(self) -> None:
        outcomes = (
            self.value is not None or bool(self.gradient) or bool(self.second),
            self.equals is not None,
            self.raises is not None,
            self.unspecified,
        )
        if sum(outcomes) != 1:
            raise ValueError(
                f"{self}: a row has values and gradients, `equals`, `raises` or "
                "`unspecified`, and one of these only"
            )

    def __str__(self) -> str:
        return f"{self.operation}: {self.case}"

    @property
    def runs(self) -> tuple[str, ...]:
        """The data types to run the row in; one where every literal names its own."""
        results = (self.value,) if isinstance(self.value, str) else self.value or ()
        literals = (*self.operands.values(), *results, *self.gradient.values())
        return self.dtypes if not all(map(has_dtype, literals)) else self.dtypes[:1]

    def check(
        self, *backends: str, traced: bool = False, compiler: bool = False
    ) -> None:
        """Run the row on every device of these backends; default: of all installed.

        Args:
            backends: Their names.
            traced: Whether to run it as programs of `unifiedml.jit`.
            compiler: Whether the framework's compiler makes those programs.

        Raises:
            AssertionError: A backend does something else than the row says, raises
                with another message than another backend, or meets a row whose
                ``deviation`` says that it does not.
        """
        from unifiedml.contract._check import check

        check(self, backends, traced, compiler)

    @classmethod
    def of(cls, entries: Mapping[str, Any], chapter: str) -> Row:
        """Return the row that a table of a TOML file stands for."""
        plain = {name: _frozen(value) for name, value in entries.items()}
        return cls(chapter=chapter, **plain)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
