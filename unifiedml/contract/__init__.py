"""The contract: what each operation does where frameworks differ, as rows of data.

The files ``*.toml`` beside this module have one row for each case: an operation, its
operands, the expected value, gradient or error, why, and where that comes from. The
rows are run on every backend and device (``tests/parity/test_contract.py``) and
printed as the page ``docs/semantics.md`` (``python -m unifiedml.contract``).

Example:
    >>> from unifiedml import contract
    >>> row = next(row for row in contract.rows() if row.operation == "maximum")
    >>> row.check("torch")
"""

from unifiedml.contract._files import Chapter, chapters, rows
from unifiedml.contract._row import Row

__all__ = ["Chapter", "Row", "chapters", "rows"]
