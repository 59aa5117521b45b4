"""Tensors to NumPy and back, to another device and back, to another backend and back.

python examples/interchange.py
"""

from __future__ import annotations

import numpy as np

import unifiedml as um


def main() -> um.Tensor:
    """Run the program, and return the tensor after its journey."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = um.tensor(array)
    array[:] = -1  # the tensor has memory of its own
    print("tensor:", x)
    print("NumPy: ", x.numpy().tolist())

    try:
        x = x.to("gpu")
        print("on", x.device, "and back on", x.to("cpu").device)
        x = x.to("cpu")
    except ValueError as error:
        print("no GPU:", error)

    home = x.backend
    for name in um.available_backends():
        x = x.to_backend(name)
        print(f"on {name}: {type(x.native).__name__}")
    return x.to_backend(home)


if __name__ == "__main__":
    main()
