"""The classifier that every Keras tutorial begins with, on scikit-learn's digits.

python examples/classifier.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

import unifiedml as um


def main(epochs: int = 5, verbose: bool = True) -> dict[str, float]:
    """Run the program, and return the loss and the accuracy on the test data."""
    um.random.seed(0)
    digits = load_digits()
    x, y = (digits.images / 16.0).astype(np.float32), digits.target
    x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]

    model = um.Sequential(
        [
            um.Flatten(),
            um.Dense(128, activation="relu"),
            um.Dropout(0.2),
            um.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, epochs=epochs, verbose=verbose)
    result = model.evaluate(x_test, y_test)
    print(model.summary(input_shape=(1, 8, 8)))
    print(f"test loss {result['loss']:.4f}, test accuracy {result['accuracy']:.2%}")
    return result


if __name__ == "__main__":
    main()
