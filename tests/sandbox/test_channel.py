"""The framed channel: round trips, and hostile frames."""

from __future__ import annotations

import json
import os
import socket
import threading
import time

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kernelwright.sandbox import channel as ch


def _round_trip(arrays: list) -> list:
    ours, theirs = (ch.Channel(s) for s in ch.pair())
    sender = threading.Thread(target=ours.send, args=({"op": "x"}, arrays))
    sender.start()
    message = theirs.receive(deadline=time.monotonic() + 10)
    sender.join()
    ours.close()
    theirs.close()
    assert message.header == {"op": "x"}
    return message.arrays


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        dtype=st.sampled_from([d for d in ch.DTYPES.values() if d.isbuiltin == 1]),
        shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    )
)
def test_any_array_comes_back_bit_for_bit(array: np.ndarray) -> None:
    (back,) = _round_trip([array])
    assert back.dtype == array.dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_scalars_bfloat16_strides_and_large_arrays() -> None:
    rng = np.random.default_rng(0)
    large = rng.standard_normal((1024, 513)).T  # not contiguous, above the shared limit
    brain = np.arange(5).astype(ml_dtypes.bfloat16)
    back = _round_trip([None, True, 3, float("inf"), "text", brain, large, np.float32(2.5)])
    assert back[:5] == [None, True, 3, float("inf"), "text"]
    assert back[5].dtype == brain.dtype and (back[5] == brain).all()
    assert (back[6] == large).all() and back[6].strides == large.strides
    assert back[7].shape == () and back[7] == 2.5


@pytest.mark.parametrize("size", [4, 80])
def test_dense_layouts_survive_and_others_become_contiguous(size: int) -> None:
    base = np.random.default_rng(0).standard_normal((2, size, size, 3, size)).astype(np.float32)
    for array in (base.transpose(0, 3, 1, 2, 4), base[..., 0].T, base[:, ::2], base[::-1]):
        (back,) = _round_trip([array])
        np.testing.assert_array_equal(back, array)
    (back,) = _round_trip([base.transpose(4, 0, 3, 1, 2)])
    assert back.strides == base.transpose(4, 0, 3, 1, 2).strides


def test_a_received_large_array_is_writable_and_private() -> None:
    array = np.zeros(1 << 19)
    (back,) = _round_trip([array])
    back += 1
    assert array.sum() == 0


def test_what_cannot_travel_is_a_type_error() -> None:
    ours, _theirs = (ch.Channel(s) for s in ch.pair())
    for value in (object(), np.array([object()]), np.array(["a"])):
        with pytest.raises(TypeError):
            ours.send({}, [value])


def _frame(entries: object, data: bytes = b"", count: int = 0) -> bytes:
    body = json.dumps({"header": {}, "arrays": entries}).encode()
    return ch.PREAMBLE.pack(ch.MAGIC, len(body), count, 0) + body + data


@pytest.mark.parametrize(
    "frame",
    [
        b"not a frame at all",
        ch.PREAMBLE.pack(ch.MAGIC, 1 << 31, 0, 0),
        ch.PREAMBLE.pack(ch.MAGIC, 4, 0, 0) + b"null",
        ch.PREAMBLE.pack(ch.MAGIC, 4, 0, 0) + b"\xff\xfe{}",
        _frame([{"dtype": "object", "shape": [1]}], b"x" * 8),
        _frame([{"dtype": "float32", "shape": [-1]}]),
        _frame([{"dtype": "float32", "shape": [1 << 40]}]),
        _frame([{"dtype": "float32", "shape": [1.5]}]),
        _frame([{"dtype": "float32", "shape": [True]}], b"x" * 4),
        _frame([{"dtype": "float32", "shape": [1 << 20]}]),  # large but not shared
        _frame([{"dtype": "float32", "shape": [1 << 20], "descriptor": 0}]),  # none passed
        _frame([{"dtype": "float32", "shape": [2, 2], "order": [0, 0]}], b"x" * 16),
        _frame([{"dtype": "float32", "shape": [2, 2], "order": [[], 1]}], b"x" * 16),
        _frame([["a"]]),
        _frame(3),
        _frame([{"value": 0}] * (ch.MAX_ARRAYS + 1)),
        _frame([{"dtype": "float32", "shape": [4]}], count=2),
    ],
)
def test_malformed_frames_are_refused(frame: bytes) -> None:
    ours, theirs = ch.pair()
    ours.sendall(frame)
    ours.close()
    with pytest.raises(ch.ChannelError):
        ch.Channel(theirs).receive(deadline=time.monotonic() + 5)


def test_an_unsealed_or_short_memory_file_is_refused() -> None:
    entry = [{"dtype": "float32", "shape": [1 << 20], "descriptor": 0}]
    for seal_it in (False, True):
        ours, theirs = ch.pair()
        fd = os.memfd_create("x", os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, 100 if seal_it else 1 << 22)
        if seal_it:
            import fcntl

            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, ch._SEALS)
        frame = _frame(entry, count=1)
        socket.send_fds(ours, [frame], [fd])
        with pytest.raises(ch.ChannelError, match="sealed"):
            ch.Channel(theirs).receive(deadline=time.monotonic() + 5)
        os.close(fd)


def test_total_size_is_bounded_and_descriptors_do_not_leak() -> None:
    before = len(os.listdir("/proc/self/fd"))
    ours, theirs = ch.pair()
    sender = ch.Channel(ours)
    sender.send({}, [np.zeros(1 << 18), np.zeros(1 << 18)])
    with pytest.raises(ch.ChannelError, match="more than"):
        ch.Channel(theirs, max_bytes=3 << 20).receive(deadline=time.monotonic() + 5)
    ours.close()
    theirs.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_deadline_and_closed_end() -> None:
    ours, theirs = ch.pair()
    with pytest.raises(TimeoutError):
        ch.Channel(ours).receive(deadline=time.monotonic() + 0.05)
    theirs.close()
    with pytest.raises(ch.ChannelClosed):
        ch.Channel(ours).receive(deadline=time.monotonic() + 5)
