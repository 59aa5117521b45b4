"""Tensors from and for other libraries: native tensors, DLPack, NumPy, pickles."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest

import unifiedml as um
from unifiedml._dtypes import DTYPES

EVERY = tuple(DTYPES)
BACKENDS = um.available_backends()
SHAPES = [(), (3,), (2, 3), (0,), (2, 0, 3)]
others = pytest.mark.parametrize("other", BACKENDS)


def numbered(shape: tuple[int, ...], dtype: str) -> Any:
    size = int(np.prod(shape))
    return np.arange(size).reshape(shape).astype(DTYPES[dtype].numpy)


def check(got: um.Tensor, expected: Any, backend: str) -> None:
    """Assert that a tensor on ``backend`` has these values, bit by bit."""
    assert got.backend == backend
    assert got.shape == expected.shape
    assert got.numpy().dtype == expected.dtype
    assert got.numpy().tobytes() == expected.tobytes()


def aligned(shape: tuple[int, ...]) -> Any:
    """Return zeros in memory that every framework can take over."""
    size = 4 * int(np.prod(shape))
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view("f4").reshape(shape)


# --- native tensors -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", EVERY)
def test_native_tensors(backend: str, dtype: str) -> None:
    x = um.asarray(numbered((2, 3), dtype))
    again = um.from_native(x.native)
    assert again.native is x.native
    check(again, x.numpy(), backend)


def test_native_tensors_are_recognised_on_any_backend(backend: str) -> None:
    native = um.ones(2).native
    for other in BACKENDS:
        with um.use_backend(other):
            assert um.from_native(native).backend == backend
            check(um.asarray(native), np.ones(2, "f4"), other)
            check(um.asarray([native, native]), np.ones((2, 2), "f4"), other)


@pytest.mark.parametrize("wrong", [1.0, [1.0], np.ones(2), None, "x"])
def test_other_things_are_no_native_tensors(backend: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"is no tensor of a backend \(tensorflow, tor"):
        um.from_native(wrong)
    with pytest.raises(TypeError, match="Tensor is no tensor of a backend"):
        um.from_native(um.ones(2))


def test_native_tensors_of_other_data_types_are_refused() -> None:
    import torch

    with pytest.raises(TypeError, match="is not a supported dtype"):
        um.from_native(torch.zeros(2, dtype=torch.float8_e4m3fn))


def test_variables_are_data() -> None:
    import tensorflow as tf

    variable = tf.Variable([1.0, 2.0])
    with pytest.raises(TypeError, match="use um.asarray for data"):
        um.from_native(variable)
    with um.use_backend("tensorflow"):
        x = um.asarray(variable)
    variable.assign([5.0, 5.0])
    assert x.tolist() == [1, 2]


def test_history_of_native_tensors_is_kept() -> None:
    import torch

    leaf = torch.tensor([1.0, 2.0], requires_grad=True)
    um.sum(um.from_native(leaf) * 3).backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [3, 3]
    assert not um.asarray(leaf).requires_grad


# --- between backends -----------------------------------------------------------------


@others
@pytest.mark.parametrize("dtype", EVERY)
def test_to_backend(backend: str, other: str, dtype: str) -> None:
    for shape in SHAPES:
        x = um.asarray(numbered(shape, dtype))
        check(x.to_backend(other), x.numpy(), other)
        check(x.mT.to_backend(other), x.numpy().mT, other) if x.ndim > 1 else None


def test_to_backend_needs_a_backend(backend: str) -> None:
    with pytest.raises(um.BackendNotFoundError, match="there is no backend 'abacus'"):
        um.ones(2).to_backend("abacus")


@others
@pytest.mark.parametrize("dtype", EVERY)
def test_dlpack_between_backends(backend: str, other: str, dtype: str) -> None:
    for shape in SHAPES:
        x = um.asarray(numbered(shape, dtype))
        with um.use_backend(other):
            for given in (x, x.native, um.flip(x)):
                for copied in (None, True):
                    got = um.from_dlpack(given, copy=copied)
                    expected = um.from_native(given) if given is x.native else given
                    check(got, expected.numpy(), other)


@others
def test_dlpack_of_parts(backend: str, other: str) -> None:
    x = um.asarray(numbered((4, 6), "float32"))
    with um.use_backend(other):
        for part in (
            x[1:],
            x[:, 1],
            x[::2],
            x.T,
            x[3, 5],
            x[:0],
            um.broadcast_to(x[0], (2, 6)),
        ):
            got = um.from_dlpack(part)
            check(got, part.numpy(), other)
            # Kernels stumble over layouts that they do not expect.
            check(um.exp(got) * 0 + got, part.numpy(), other)
            check(um.from_dlpack(part, copy=True), part.numpy(), other)


@pytest.mark.parametrize("dtype", EVERY)
def test_dlpack_of_its_own(backend: str, dtype: str) -> None:
    # Among foreign memory TensorFlow is choosy; NumPy, which it asks, has no bfloat16.
    x = um.asarray(numbered((4, 6), dtype))
    for part in (x, x[1:], x[:, 1], x[3, 5], x[:0], x.T, um.flip(x)):
        check(um.from_dlpack(part, copy=False), part.numpy(), backend)


def test_dlpack_leaves_history_behind(backend: str) -> None:
    x = um.tensor([1.0, 2.0], requires_grad=True)
    for copied in (None, False, True):
        shared = um.from_dlpack(x, copy=copied)
        assert shared.tolist() == [1, 2]
        assert not shared.requires_grad


# --- with NumPy -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [name for name in EVERY if name != "bfloat16"])
def test_dlpack_with_numpy(backend: str, dtype: str) -> None:
    for shape in SHAPES:
        array = numbered(shape, dtype)
        for given in (array, array[::-1] if shape else array, array.T):
            check(um.from_dlpack(given), given, backend)
            check(um.from_dlpack(given, copy=True), given, backend)
        x = um.asarray(array)
        for out in (np.from_dlpack(x), np.from_dlpack(x, copy=True)):
            np.testing.assert_array_equal(out, array, strict=True)


def test_dlpack_of_elements_that_stand_for_many(backend: str) -> None:
    array = np.broadcast_to(np.float32(3), (2, 3))
    check(um.from_dlpack(array), array, backend)
    if backend == "torch":
        check(um.from_dlpack(array, copy=False), array, backend)


def test_memory_is_shared_where_it_can_be(backend: str) -> None:
    array = aligned((8, 8))
    shared, copied = um.from_dlpack(array), um.from_dlpack(array, copy=True)
    array[...] = 1
    assert um.all(shared == 1).item()
    assert um.all(copied == 0).item()
    assert um.from_dlpack(aligned((2,)), copy=False).tolist() == [0, 0]
    out = np.from_dlpack(shared)
    assert np.shares_memory(out, array)
    assert not out.flags.writeable


@pytest.mark.parametrize(
    "part",
    [
        lambda x: x[::-1],
        lambda x: x[:, ::-2],
    ],
)
def test_what_cannot_be_shared_is_copied(backend: str, part: Any) -> None:
    array = part(aligned((8, 8)))
    x = um.from_dlpack(array)
    array[...] = 1
    assert um.all(x == 0).item()
    with pytest.raises(BufferError, match="cannot be shared .* leave copy=False out"):
        um.from_dlpack(array, copy=False)


@pytest.mark.parametrize("offset", range(1, 16))
def test_unaligned_memory_is_safe(backend: str, offset: int) -> None:
    array = aligned((64,))[offset:]
    array[...] = np.arange(64 - offset)
    x = um.from_dlpack(array)
    check(um.asarray(x, copy=True), array, backend)
    assert um.sum(x * x).item() == float(np.sum(array * array))


def test_read_only_memory(backend: str) -> None:
    array = np.frombuffer(np.ones(64, "f4").tobytes(), "f4")
    check(um.from_dlpack(array), array, backend)


@pytest.mark.parametrize("wrong", [1.0, [1.0], "x", None])
def test_what_does_not_speak_dlpack(backend: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match="has no __dlpack__: use um.asarray"):
        um.from_dlpack(wrong)


def test_the_dlpack_protocol(backend: str) -> None:
    x = um.ones((2, 2))
    assert x.__dlpack_device__() == (1, 0)
    for copied in (None, True, False):
        for device in (None, (1, 0)):
            capsule = x.__dlpack__(
                stream=None, max_version=(1, 0), dl_device=device, copy=copied
            )
            assert type(capsule).__name__ == "PyCapsule"
    with pytest.raises(BufferError, match=r"on DLPack device \(1, 0\), not \(2, 0\)"):
        x.__dlpack__(dl_device=(2, 0))
    assert not np.shares_memory(np.from_dlpack(x, copy=True), np.from_dlpack(x))
    check(um.from_dlpack(x, device="cpu", copy=False), x.numpy(), backend)


def test_recorded_tensors_are_handed_out_without_history(backend: str) -> None:
    x = um.tensor([1.0, 2.0], requires_grad=True)
    for out in (np.from_dlpack(x), np.from_dlpack(x * 1), np.asarray(x), x.numpy()):
        assert out.tolist() == [1, 2]
    assert not um.from_dlpack(x).requires_grad


def test_numpy_reads_tensors(backend: str) -> None:
    x = um.tensor([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(np.asarray(x), [[1, 2], [3, 4]])
    assert np.asarray(x, dtype="int8").dtype == np.int8
    assert np.array([x[0], x[1]]).shape == (2, 2)
    np.testing.assert_array_equal(np.concatenate([x, x]).shape, (4, 2))
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(x, copy=False)


def test_lazy_views_become_values() -> None:
    import torch

    z = torch.tensor([1 + 2j, 3 - 4j])
    for lazy in (z.conj(), torch._neg_view(z), z.conj().imag):
        x = um.from_native(lazy)
        np.testing.assert_array_equal(x.numpy(), lazy.resolve_conj().resolve_neg())
        np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())


# --- pickles --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", EVERY)
def test_pickles(backend: str, dtype: str) -> None:
    for shape in SHAPES:
        x = um.asarray(numbered(shape, dtype))
        for other in BACKENDS:
            with um.use_backend(other):
                for again in (
                    pickle.loads(pickle.dumps(x)),
                    copy.deepcopy(x),
                    copy.copy(x),
                ):
                    check(again, x.numpy(), backend)
                    assert again is not x


def test_pickles_of_parts_are_small(backend: str) -> None:
    assert len(pickle.dumps(um.zeros(10**6)[:10])) < 1000


def test_pickles_keep_leaves_but_no_history(backend: str) -> None:
    leaf = um.tensor([1.0], requires_grad=True)
    assert copy.deepcopy(leaf).requires_grad
    again = pickle.loads(pickle.dumps(leaf * 2))
    assert not again.requires_grad
    assert again.tolist() == [2]


def test_numpy_saves_tensors(backend: str) -> None:
    file = io.BytesIO()
    np.save(file, um.ones(3))
    file.seek(0)
    assert np.load(file).tolist() == [1, 1, 1]
