"""Rules in plain Python, without tensors: promotion, broadcasting, axes, indexing."""
