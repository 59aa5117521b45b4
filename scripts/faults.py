"""The faults that `plant_faults` plants: one line each, named after what is wrong."""

from __future__ import annotations

import importlib

from scripts.fault_makers import (
    Fault,
    after,
    before,
    first_wins,
    instead,
    last_index,
    nearly,
    one_of_the_largest,
    options,
    permuted_with_wrong_gradient,
    reversed_axes,
    scaled_gradient,
    self_update,
    set_values,
    shifted_labels,
    swapped,
    tf,
    torch,
    turned,
    with_step,
    words_swapped,
    zero_slots,
)

LOSS_BASE = "unifiedml.losses._base"
ADAM = "unifiedml.optim._adam:Adam"
SGD = "unifiedml.optim._sgd:SGD"
INITIALIZERS = "unifiedml.nn.initializers"
CE = ("losses.sparse_categorical_crossentropy",)

FAULTS = [
    # --- one backend: signs, relative errors, axes
    Fault("torch sin: sign", "torch", "sin", after(lambda y: -y), ("sin",)),
    Fault(
        "tensorflow cos: is sin",
        "tensorflow",
        "cos",
        instead(lambda x: tf().sin(x)),
        ("cos",),
    ),
    *(
        Fault(
            f"{backend} {name}: relative error 1e-4",
            backend,
            name,
            after(nearly),
            (line,),
        )
        for backend, name, line in (
            ("torch", "exp", "exp"),
            ("tensorflow", "log", "log"),
            ("torch", "tanh", "tanh"),
            ("tensorflow", "matmul", "matmul"),
            ("torch", "sum", "sum"),
            ("tensorflow", "softmax", "softmax"),
            ("torch", "erfc", "gelu"),
            ("tensorflow", "sqrt", "sqrt"),
            ("tensorflow", "log_softmax", "log_softmax"),
        )
    ),
    Fault(
        "torch subtract: swapped", "torch", "subtract", before(swapped), ("subtract",)
    ),
    Fault(
        "tensorflow less: is less_equal",
        "tensorflow",
        "less",
        instead(lambda x, y: tf().less_equal(x, y)),
        ("less",),
    ),
    Fault(
        "torch mean: is sum",
        "torch",
        "mean",
        instead(lambda x, axes, keep: torch().sum(x, axes, keep)),
        ("mean",),
    ),
    Fault(
        "torch sum: wrong axes",
        "torch",
        "sum",
        before(lambda x, axes, keep: (x, reversed_axes(axes, x.ndim), keep)),
        ("sum",),
    ),
    Fault(
        "torch softmax: wrong axis",
        "torch",
        "softmax",
        before(lambda x, axis: (x, x.ndim - 1 - axis)),
        ("softmax",),
    ),
    Fault(
        "torch permute: inverse permutation",
        "torch",
        "permute_dims",
        before(lambda x, axes: (x, turned(axes))),
        ("permute_dims",),
    ),
    Fault(
        "torch permute: gradient by the inverse",
        "torch",
        "permute_dims",
        permuted_with_wrong_gradient,
        ("permute_dims",),
    ),
    Fault(
        "torch flip: nothing", "torch", "flip", instead(lambda x, axes: x), ("flip",)
    ),
    Fault(
        "torch take: off by one",
        "torch",
        "take",
        before(lambda x, i, axis: (x, (i + 1) % x.shape[axis], axis)),
        ("take",),
    ),
    Fault(
        "torch round: half away from zero",
        "torch",
        "round",
        instead(lambda x: torch().trunc(x + 0.5 * torch().sign(x))),
        ("round",),
    ),
    Fault(
        "torch trunc: is floor",
        "torch",
        "trunc",
        instead(lambda x: torch().floor(x)),
        ("trunc",),
    ),
    Fault(
        "torch sign: of NaN is 0",
        "torch",
        "sign",
        instead(lambda x: torch().sign(x)),
        ("sign",),
    ),
    Fault(
        "torch softplus: threshold 20",
        "torch",
        "softplus",
        instead(lambda x: torch().nn.functional.softplus(x)),
        ("softplus",),
    ),
    Fault(
        "torch remainder: is fmod",
        "torch",
        "remainder",
        instead(lambda x, y: torch().fmod(x, y)),
        ("remainder",),
    ),
    Fault(
        "tensorflow floor_divide: of the rounded quotient",
        "tensorflow",
        "floor_divide",
        instead(lambda x, y: tf().math.floordiv(x, y)),
        ("floor_divide",),
    ),
    Fault(
        "tensorflow remainder: is truncatemod",
        "tensorflow",
        "remainder",
        instead(lambda x, y: tf().truncatemod(x, y)),
        ("remainder",),
    ),
    # --- one backend: gradients and ties
    Fault(
        "torch relu: gradient of leaky_relu",
        "torch",
        "relu",
        instead(lambda x: torch().relu(x) + 0.01 * (x - x.detach())),
        ("relu",),
    ),
    *(
        Fault(
            f"torch {name}: gradient 1e-3 off",
            "torch",
            name,
            scaled_gradient(1.001),
            (line,),
        )
        for name, line in (
            ("exp", "exp"),
            ("matmul", "matmul"),
            ("divide", "divide"),
            ("log_softmax", "log_softmax"),
            ("mean", "mean"),
        )
    ),
    Fault(
        "torch sigmoid: detached",
        "torch",
        "sigmoid",
        after(lambda y: y.detach()),
        ("sigmoid",),
    ),
    Fault(
        "torch tanh: detached", "torch", "tanh", after(lambda y: y.detach()), ("tanh",)
    ),
    Fault(
        "torch stop_gradient: dropped",
        "torch",
        "stop_gradient",
        instead(lambda x: x.view_as(x)),
        (),
        ("half detached",),
    ),
    Fault(
        "torch maximum: a tie's gradient to one",
        "torch",
        "maximum",
        first_wins,
        (),
        ("maximum of a tie",),
    ),
    Fault(
        "tensorflow minimum: a tie's gradient to one",
        "tensorflow",
        "minimum",
        instead(lambda x, y: tf().minimum(x, y)),
        (),
        ("minimum of a tie",),
    ),
    Fault(
        "torch max: all of a tie's gradient to one",
        "torch",
        "max",
        instead(one_of_the_largest),
        (),
        ("max of three ties",),
    ),
    Fault(
        "torch argmax: the last of equals", "torch", "argmax", last_index, ("argmax",)
    ),
    Fault(
        "tensorflow power: native gradient at 0",
        "tensorflow",
        "power",
        instead(lambda x, y: tf().pow(x, y)),
        (),
        ("pow(0, 0)",),
    ),
    # --- labels, losses
    Fault(
        "torch cross-entropy: label off by one",
        "torch",
        "sparse_cross_entropy",
        before(shifted_labels),
        CE,
    ),
    Fault(
        "losses: mean is sum",
        LOSS_BASE,
        "mean",
        instead(lambda x: importlib.import_module("unifiedml").sum(x)),
        CE,
    ),
    Fault(
        "losses: sum is mean",
        LOSS_BASE,
        "sum",
        instead(lambda x: importlib.import_module("unifiedml").mean(x)),
        CE,
    ),
    Fault(
        "huber: delta halved",
        "unifiedml.losses",
        "huber",
        options(delta=lambda d: d / 2),
        ("losses.huber",),
    ),
    # --- optimizers
    Fault(
        "Adam: epsilon before the correction",
        ADAM,
        "update",
        with_step(
            lambda one, step: vars(one).update(
                epsilon=one.epsilon / (1 - one.beta_2**step) ** 0.5
            )
        ),
        ("optim.Adam",),
    ),
    Fault(
        "Adam: no bias correction",
        ADAM,
        "update",
        with_step(lambda one, step: None, late=True),
        ("optim.Adam",),
    ),
    Fault(
        "Adam: betas swapped",
        ADAM,
        "update",
        self_update(lambda one: vars(one).update(beta_1=one.beta_2, beta_2=one.beta_1)),
        ("optim.Adam",),
    ),
    Fault(
        "Adam: first moment forgotten",
        ADAM,
        "update",
        zero_slots("m"),
        ("optim.Adam",),
    ),
    Fault(
        "Adam: no weight decay",
        ADAM,
        "update",
        self_update(set_values(weight_decay=0.0)),
        ("optim.Adam",),
    ),
    Fault(
        "AdamW: decay as a penalty",
        "unifiedml.optim._adam:AdamW",
        "update",
        instead(lambda *args: importlib.import_module("unifiedml").Adam.update(*args)),
        ("optim.AdamW",),
    ),
    Fault(
        "SGD: nesterov is plain",
        SGD,
        "update",
        self_update(set_values(nesterov=False)),
        ("optim.SGD",),
    ),
    Fault(
        "SGD: momentum forgotten",
        SGD,
        "update",
        zero_slots("momentum"),
        ("optim.SGD",),
    ),
    # --- statistics
    Fault(
        "var: correction ignored",
        "unifiedml",
        "var",
        options(correction=lambda c: 0.0),
        ("var",),
    ),
    Fault(
        "var: one degree too few",
        "unifiedml",
        "var",
        options(correction=lambda c: c + 1),
        ("var",),
    ),
    # --- random numbers, initial values
    Fault(
        "philox: words swapped",
        "unifiedml._philox",
        "words",
        words_swapped,
        ("random.bits",),
    ),
    Fault(
        "dropout: scale forgotten",
        "unifiedml.random",
        "keep_scale",
        instead(lambda rate: 1.0),
        ("nn.Dropout",),
    ),
    Fault(
        "dropout: mask inverted",
        "unifiedml.random",
        "keep_mask",
        after(lambda mask: ~mask),
        ("nn.Dropout",),
    ),
    Fault(
        "initializers: fans transposed",
        INITIALIZERS,
        "fans",
        after(lambda pair: pair[::-1]),
        ("nn.initializers.he_uniform",),
    ),
    Fault(
        "initializers: window left out",
        INITIALIZERS,
        "fans",
        before(lambda shape: (shape[-2:],)),
        ("nn.initializers.glorot_uniform",),
    ),
    Fault(
        "normal: standard deviation squared",
        "unifiedml.random",
        "normal",
        options(std=lambda std: std**2),
        ("random.normal",),
    ),
]
