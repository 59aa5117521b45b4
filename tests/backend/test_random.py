"""Random numbers on each backend: the known bits, by ints and by tensors as draws."""

import hashlib
import json
import threading
from pathlib import Path

import numpy as np
import pytest

import unifiedml as um
from unifiedml import _philox

VECTORS = json.loads(
    (Path(__file__).parents[1] / "unit" / "philox_vectors.json").read_text()
)
KEY = um.random.Key(int(VECTORS["bits"]["key"], 16))
DRAWS = [0, 7, 2**40 + 5, 2**63 - 1]
COUNTS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 1001]

SAMPLERS = {
    "bits": um.random.bits,
    "uniform": um.random.uniform,
    "uniform_range": lambda shape, **where: um.random.uniform(
        shape, low=-0.3, high=1.7, **where
    ),
    "uniform_narrow": lambda shape, **where: um.random.uniform(
        shape, low=1.0, high=1.0 + 2**-20, **where
    ),
    "uniform_float64": lambda shape, **where: um.random.uniform(
        shape, dtype=um.float64, **where
    ),
    "uniform_float64_from_zero": lambda shape, **where: um.random.uniform(
        shape, high=0.7, dtype=um.float64, **where
    ),
    "uniform_float64_symmetric": lambda shape, **where: um.random.uniform(
        shape, low=-1, high=1, dtype=um.float64, **where
    ),
    "uniform_float64_point": lambda shape, **where: um.random.uniform(
        shape, low=0.3, high=0.3, dtype=um.float64, **where
    ),
    "uniform_float16": lambda shape, **where: um.random.uniform(
        shape, dtype=um.float16, **where
    ),
    "uniform_bfloat16": lambda shape, **where: um.random.uniform(
        shape, dtype=um.bfloat16, **where
    ),
    "symmetric_uniform": lambda shape, **where: um.random.symmetric_uniform(
        shape, limit=0.1, **where
    ),
    "symmetric_uniform_float64": lambda shape, **where: um.random.symmetric_uniform(
        shape, limit=0.1, dtype=um.float64, **where
    ),
    "bernoulli": lambda shape, **where: um.random.bernoulli(shape, p=0.3, **where),
    "randint": lambda shape, **where: um.random.randint(shape, low=-5, high=9, **where),
    "randint_wide": lambda shape, **where: um.random.randint(
        shape, low=-(2**30), high=2**30, dtype=um.int32, **where
    ),
    "keep_mask": lambda shape, **where: um.random.keep_mask(shape, 0.3, **where),
}

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture(autouse=True)
def _state():
    state = um.random.get_state()
    um.random.seed(0)
    yield
    um.random.set_state(state)


def draw_tensor(number, dtype="int64"):
    return um.asarray(np.array(number, dtype))


def sha256(x):
    return hashlib.sha256(x.numpy().tobytes()).hexdigest()


def assert_same_bits(x, y):
    assert (x.dtype, x.shape, x.backend) == (y.dtype, y.shape, y.backend)
    assert x.numpy().tobytes() == y.numpy().tobytes()


# Known answers ----------------------------------------------------------------------


@pytest.mark.parametrize("make_draw", [int, draw_tensor])
@pytest.mark.parametrize("case", VECTORS["bits"]["cases"])
def test_bits_give_known_answers(backend, case, make_draw):
    x = um.random.bits(case["n"], key=KEY, draw=make_draw(case["draw"]))
    assert (x.backend, x.dtype) == (backend, um.uint32)
    assert sha256(x) == case["sha256"]


@pytest.mark.parametrize("make_draw", [int, draw_tensor])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_gives_known_answers(dtype, make_draw):
    case = VECTORS[f"uniform_f{dtype[-2:]}"]
    draw = make_draw(case["draw"])
    x = um.random.uniform((10, 100), key=KEY, draw=draw, dtype=dtype)
    assert sha256(x) == case["sha256"]


@pytest.mark.parametrize(
    ("name", "sampler", "dtype"),
    [
        ("normal_f32", "normal", "float32"),
        ("normal_f64", "normal", "float64"),
        ("truncated_normal_f32", "truncated_normal", "float32"),
    ],
)
def test_normal_numbers_give_known_answers(name, sampler, dtype):
    case, sample = VECTORS[name], getattr(um.random, sampler)
    x = sample((1000,), key=KEY, draw=case["draw"], dtype=dtype)
    assert (x.dtype.name, x.shape) == (dtype, (1000,))
    assert sha256(x) == case["sha256"]


@pytest.mark.parametrize("make_draw", [int, draw_tensor])
def test_choices_give_known_answers(make_draw):
    case = VECTORS["randint"]
    x = um.random.randint(
        1000, high=case["high"], key=KEY, draw=make_draw(case["draw"])
    )
    assert sha256(x) == case["sha256"]

    case = VECTORS["keep16"]
    mask = um.random.keep_mask(
        (8, 125), case["rate"], key=KEY, draw=make_draw(case["draw"])
    )
    assert mask.dtype is um.bool
    assert sha256(mask) == case["sha256"]


def test_permutation_gives_known_answers():
    case = VECTORS["permutation"]
    x = um.random.permutation(case["n"], key=KEY, draw=case["draw"])
    assert x.tolist() == case["value"]
    large = um.random.permutation(case["n_large"], key=KEY, draw=case["draw"])
    assert sha256(large) == case["sha256"]


def test_keys_are_known():
    for case in VECTORS["derive"]:
        assert um.random.key(case["seed"], *case["path"]) == um.random.Key(
            int(case["key"], 16)
        )
    assert um.random.fold_in(KEY, 5) == um.random.Key(0xBD50122DD955ABDE)
    assert um.random.split(KEY, 6)[5] == um.random.fold_in(KEY, 5)


# A tensor as the draw ---------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("draw", DRAWS)
def test_tensor_draw_is_int_draw(sampler, draw):
    sample = SAMPLERS[sampler]
    number = draw_tensor(draw)
    for count in COUNTS:
        by_int = sample(count, key=KEY, draw=draw)
        by_tensor = sample(count, key=KEY, draw=number)
        assert_same_bits(by_tensor, by_int)


def test_tensor_draw_keeps_shape_and_takes_small_integers():
    for shape in ((), (3, 5), (2, 0)):
        x = um.random.keep_mask(shape, 0.5, key=KEY, draw=draw_tensor(9, "int32"))
        assert_same_bits(x, um.random.keep_mask(shape, 0.5, key=KEY, draw=9))


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (lambda **w: um.random.normal(3, **w), "round its float64 formula"),
        (lambda **w: um.random.truncated_normal(3, **w), "round its float64 formula"),
        (lambda **w: um.random.permutation(3, **w), "made on the host"),
        (
            lambda **w: um.random.uniform(3, low=-1, dtype=um.float16, **w),
            "round to 16 bits twice",
        ),
        (
            lambda **w: um.random.symmetric_uniform(3, limit=1, dtype=um.bfloat16, **w),
            "round to 16 bits twice",
        ),
        (
            lambda **w: um.random.uniform(3, low=1, high=1.7, dtype=um.float64, **w),
            "power of two",
        ),
    ],
)
def test_what_is_not_exact_in_a_graph_is_refused(sample, reason):
    with pytest.raises(ValueError, match=reason):
        sample(key=KEY, draw=draw_tensor(0))


# The state of a run -----------------------------------------------------------------


def test_calls_without_a_key_are_counted_draws_of_the_global_key():
    um.random.seed(3)
    key = um.random.key(3, "global")
    for step in range(3):
        assert um.random.get_state() == (3, step)
        assert_same_bits(um.random.normal(5), um.random.normal(5, key=key, draw=step))


def test_state_resumes():
    um.random.uniform(3)
    state = um.random.get_state()
    first = um.random.uniform(3)
    um.random.seed(99)
    um.random.set_state(state)
    assert_same_bits(um.random.uniform(3), first)


def test_drawing_with_a_key_leaves_the_state_alone():
    um.random.uniform(3, key=KEY)
    um.random.keep_mask(3, 0.5, key=KEY, draw=draw_tensor(1))
    assert um.random.get_state() == (0, 0)


def test_threads_get_different_draws():
    seen = []

    def draw():
        seen.extend(um.random.bits(1).item() for _ in range(100))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    key = um.random.key(0, "global")
    alone = [um.random.bits(1, key=key, draw=n).item() for n in range(400)]
    assert sorted(seen) == sorted(alone)


def test_layers_keys_depend_on_seed_and_path_alone():
    one = um.random.layer_key("encoder.0.dropout")
    um.random.uniform(3)
    assert um.random.layer_key("encoder.0.dropout") == one
    assert one == um.random.key(0, "layer", "encoder.0.dropout")
    assert um.random.layer_key("encoder.1.dropout") != one
    um.random.seed(1)
    assert um.random.layer_key("encoder.0.dropout") != one


# Values -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_floats_of_every_dtype_are_the_rounded_stream(dtype):
    z = 2.0 + 3.0 * _philox.normal(KEY.value, 1, 50)
    x = um.random.normal(50, mean=2.0, std=3.0, key=KEY, draw=1, dtype=dtype)
    assert x.dtype.name == dtype
    expected = _philox.round_to(z, dtype)
    np.testing.assert_array_equal(x.numpy().astype(np.float64), expected)

    u = um.random.uniform(50, low=-3, high=5, key=KEY, dtype=dtype)
    expected = _philox.uniform_range(KEY.value, 0, 50, -3, 5, dtype)
    np.testing.assert_array_equal(u.numpy().astype(np.float64), expected)


def test_defaults():
    assert um.random.uniform().shape == ()
    assert um.random.normal().dtype is um.float32
    assert um.random.randint(2, high=3).dtype is um.int64
    assert um.random.randint(2, high=3, dtype="uint8").dtype is um.uint8
    assert um.random.permutation(0).shape == (0,)
    assert um.random.normal(2, std=0.0, mean=1.5).tolist() == [1.5, 1.5]
    assert um.random.uniform(2, low=1, high=1).tolist() == [1.0, 1.0]


def test_keep_scale_is_the_real_fractions():
    assert um.random.keep_scale(0.0) == 1.0
    assert um.random.keep_scale(0.2) == 65536 / (65536 - 13107)
    assert um.random.keep_scale(1.0) == 0.0
    assert not um.random.keep_mask(9, 1.0).numpy().any()
    assert um.random.keep_mask(9, 0.0).numpy().all()


# Mistakes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: um.random.seed(1.5), TypeError, "1.5"),
        (lambda: um.random.seed(True), TypeError, "True"),
        (lambda: um.random.seed("7"), TypeError, "'7'"),
        (lambda: um.random.set_state(3), TypeError, "pair"),
        (lambda: um.random.set_state((0, -1)), ValueError, "-1"),
        (lambda: um.random.Key(2**64), ValueError, "2"),
        (lambda: um.random.key(0, 1.5), TypeError, "1.5"),
        (lambda: um.random.fold_in(KEY, -1), ValueError, "-1"),
        (lambda: um.random.fold_in(7, 1), TypeError, "7"),
        (lambda: um.random.split(KEY, -2), ValueError, "-2"),
        (lambda: um.random.uniform(3, key=7), TypeError, "7"),
        (lambda: um.random.uniform(3, draw=4), ValueError, "draw=4 without a key"),
        (lambda: um.random.uniform(3, key=KEY, draw=-1), ValueError, "-1"),
        (lambda: um.random.uniform(3, key=KEY, draw=2**63), ValueError, "2"),
        (lambda: um.random.uniform(3, key=KEY, draw=1.0), TypeError, "1.0"),
        (
            lambda: um.random.uniform(3, key=KEY, draw=um.zeros((), dtype=um.float32)),
            ValueError,
            "0-d integer, not float32",
        ),
        (
            lambda: um.random.uniform(3, key=KEY, draw=um.zeros(2, dtype=um.int64)),
            ValueError,
            r"shape \(2,\)",
        ),
        (lambda: um.random.uniform((2, -3)), ValueError, "-3"),
        (lambda: um.random.uniform(2.5), TypeError, "2.5"),
        (lambda: um.random.uniform(2, dtype=um.int32), TypeError, "int32"),
        (lambda: um.random.uniform(2, low=2, high=1), ValueError, "low=2 and high=1"),
        (lambda: um.random.uniform(2, low=float("nan")), ValueError, "nan"),
        (lambda: um.random.uniform(2, high=1e39), ValueError, "1e\\+39"),
        (lambda: um.random.symmetric_uniform(2, limit=-1), ValueError, "limit=-1"),
        (lambda: um.random.normal(2, std=-1.0), ValueError, "std=-1.0"),
        (lambda: um.random.normal(2, mean=float("inf")), ValueError, "mean=inf"),
        (lambda: um.random.normal(2, dtype="complex64"), TypeError, "complex64"),
        (lambda: um.random.bernoulli(2, p=1.1), ValueError, "1.1"),
        (lambda: um.random.keep_mask(2, -0.1), ValueError, "-0.1"),
        (lambda: um.random.keep_scale(1.5), ValueError, "1.5"),
        (lambda: um.random.randint(2, high=0), ValueError, "high=0"),
        (lambda: um.random.randint(2, high=2.5), TypeError, "2.5"),
        (lambda: um.random.randint(2, high=2**31 + 1), ValueError, "2147483649"),
        (lambda: um.random.randint(2, high=300, dtype="uint8"), ValueError, "299"),
        (lambda: um.random.randint(2, high=3, dtype="float32"), TypeError, "float32"),
        (lambda: um.random.permutation(-1), ValueError, "-1"),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert um.random.get_state() == (0, 0)  # and draw nothing
