"""One gradient in three styles: ``backward()``, a tape, a transformed function.

python examples/gradients.py
"""

from __future__ import annotations

import unifiedml as um


def by_backward() -> um.Tensor:
    """Return the gradient of ``mean(x**2)`` as PyTorch users write it."""
    x = um.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    z = y.mean()
    z.backward()
    assert x.grad is not None
    return x.grad


def by_tape() -> um.Tensor:
    """Return the same as TensorFlow users write it."""
    x = um.tensor([1.0, 2.0, 3.0])
    with um.GradientTape() as tape:
        tape.watch(x)
        z = um.mean(x**2)
    gradient: um.Tensor = tape.gradient(z, x)
    return gradient


def by_function() -> um.Tensor:
    """Return the same as JAX users write it."""
    gradient: um.Tensor = um.grad(lambda x: um.mean(x**2))(um.tensor([1.0, 2.0, 3.0]))
    return gradient


def main() -> list[um.Tensor]:
    """Run the program, and return the three gradients."""
    gradients = [by_backward(), by_tape(), by_function()]
    for gradient in gradients:
        print([round(value, 4) for value in gradient.tolist()])
    return gradients


if __name__ == "__main__":
    main()
