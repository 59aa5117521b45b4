"""Operations on tensors, one function each, grouped by chapter of the standard."""
