"""Rules whose answers are kept: users ask the same at each step."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

__all__ = ["remembered"]

R = TypeVar("R")


def remembered(rule: Callable[[Any, Any], R]) -> Callable[[Any, Any], R]:
    """Return a rule that looks answers up where it can.

    Args:
        rule: A function of what a user has given, such as axes, and something hashable.
    """

    @lru_cache(maxsize=4096, typed=True)
    def known(given: Any, beside: Any, types: Any) -> R:
        return rule(given, beside)

    @wraps(rule)
    def ask(given: Any, beside: Any) -> R:
        # Equal, and not the same: 1, 1.0 and True.
        types = tuple(map(type, given)) if type(given) is tuple else None
        try:
            return known(given, beside, types)
        except TypeError:
            # A list is no key; what is wrong raises once more.
            return rule(given, beside)

    return ask
