"""A framed channel between the judge and a child: JSON header, then arrays; nothing is pickled.

A frame is a 16-byte preamble (magic, header length, number of passed file descriptors), the header
as JSON and the bytes of small arrays in order. An array above ``SHARED_BYTES`` travels as a sealed
memfd whose descriptor is passed over the socket: the receiver maps it copy-on-write, so neither
side can change or shrink what the other has already accepted, and nothing is copied twice.
"""

from __future__ import annotations

import fcntl
import json
import math
import mmap
import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

Value = Any  # np.ndarray, int, float, bool, str or None

MAGIC = b"KWf1"
PREAMBLE = struct.Struct("<4sIII")  # magic, header bytes, passed descriptors, reserved
SHARED_BYTES = 1 << 20  # below this a copy through the socket is cheaper than a memfd and its map
MAX_HEADER_BYTES = 64 << 20
MAX_DESCRIPTORS = 200  # the kernel's own limit of one message is 253
MAX_ARRAYS = 4096
MAX_ARRAY_BYTES = 1 << 36
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

_NAMES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
_FLOAT8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
DTYPES: Mapping[str, np.dtype] = {
    **{name: np.dtype(name) for name in _NAMES},
    **{name: np.dtype(getattr(ml_dtypes, name)) for name in ("bfloat16", *_FLOAT8)},
}


class ChannelError(Exception):
    """The other side sent something that is no frame, or more than the limits allow."""


class ChannelClosed(ChannelError):
    """The other side is gone."""


@dataclass(frozen=True)
class Message:
    """``header`` is JSON data; ``arrays`` are NumPy arrays, Python scalars or None, in order."""

    header: dict[str, Any]
    arrays: list[Value]


class Channel:
    """One end of a connected ``AF_UNIX`` stream socket. Not thread-safe.

    ``max_bytes`` bounds what one received message may hold in all.
    """

    def __init__(self, sock: socket.socket, *, max_bytes: int = MAX_ARRAY_BYTES) -> None:
        self._sock = sock
        self._max_bytes = max_bytes

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def send(
        self,
        header: Mapping[str, Any],
        arrays: Sequence[Value] = (),
        *,
        deadline: float | None = None,
    ) -> None:
        """Sends one message. ``deadline`` is in ``time.monotonic`` seconds.

        Raises TimeoutError past the deadline, ChannelClosed when the other side is gone and
        TypeError for a value that cannot travel.
        """
        entries: list[dict[str, Any]] = []
        inline: list[np.ndarray] = []
        descriptors: list[int] = []
        try:
            for value in arrays:
                entries.append(_encode(value, inline, descriptors))
            body = json.dumps({"header": header, "arrays": entries}).encode()
            if len(body) > MAX_HEADER_BYTES:
                raise ChannelError(f"header of {len(body)} bytes exceeds {MAX_HEADER_BYTES}")
            self._send_parts(body, inline, descriptors, deadline)
        finally:
            for fd in descriptors:
                os.close(fd)

    def _send_parts(
        self,
        body: bytes,
        inline: Sequence[np.ndarray],
        descriptors: Sequence[int],
        deadline: float | None,
    ) -> None:
        preamble = PREAMBLE.pack(MAGIC, len(body), len(descriptors), 0)
        try:
            self._sock.settimeout(_remaining(deadline))
            if descriptors:
                sent = socket.send_fds(self._sock, [preamble], list(descriptors))
                if sent < len(preamble):
                    self._sock.sendall(preamble[sent:])
                self._sock.sendall(body)
            else:
                self._sock.sendall(preamble + body)
            for array in inline:
                self._sock.settimeout(_remaining(deadline))
                self._sock.sendall(_bytes_of(array))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosed("the other side closed the channel") from error

    def receive(self, *, deadline: float | None = None) -> Message:
        """Waits for one message.

        Raises TimeoutError past the deadline, ChannelClosed at the end of the stream, ChannelError
        for a malformed or oversized frame.
        """
        descriptors: list[int] = []
        try:
            preamble = self._receive_preamble(descriptors, deadline)
            magic, length, count, _ = PREAMBLE.unpack(preamble)
            if magic != MAGIC or length > MAX_HEADER_BYTES or count != len(descriptors):
                raise ChannelError("the other side sent no valid frame")
            try:
                body = json.loads(bytes(self._receive_exactly(length, deadline)))
                header, entries = body["header"], body["arrays"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ChannelError(f"malformed header: {error}") from error
            if not isinstance(header, dict) or not isinstance(entries, list):
                raise ChannelError("malformed header: not an object with a list of arrays")
            return Message(header, self._decode_all(entries, descriptors, deadline))
        finally:
            for fd in descriptors:
                os.close(fd)

    def _receive_preamble(self, descriptors: list[int], deadline: float | None) -> bytes:
        data = b""
        while len(data) < PREAMBLE.size:
            self._sock.settimeout(_remaining(deadline))
            try:
                part, fds, _, _ = socket.recv_fds(
                    self._sock, PREAMBLE.size - len(data), MAX_DESCRIPTORS
                )
            except ConnectionResetError as error:
                raise ChannelClosed("the other side closed the channel") from error
            descriptors.extend(fds)
            for fd in fds:  # recvmsg leaves them open across exec
                os.set_inheritable(fd, False)
            if not part:
                raise ChannelClosed("the other side closed the channel")
            data += part
        return data

    def _receive_exactly(self, size: int, deadline: float | None) -> memoryview:
        buffer = memoryview(bytearray(size))
        self._receive_into(buffer, deadline)
        return buffer

    def _receive_into(self, buffer: memoryview, deadline: float | None) -> None:
        done = 0
        while done < len(buffer):
            self._sock.settimeout(_remaining(deadline))
            try:
                count = self._sock.recv_into(buffer[done:])
            except ConnectionResetError as error:
                raise ChannelClosed("the other side closed the channel") from error
            if count == 0:
                raise ChannelClosed("the other side closed the channel in the middle of a message")
            done += count

    def _decode_all(
        self, entries: list[Any], descriptors: list[int], deadline: float | None
    ) -> list[Value]:
        if len(entries) > MAX_ARRAYS:
            raise ChannelError(f"{len(entries)} arrays exceed the limit of {MAX_ARRAYS}")
        total = 0
        values: list[Value] = []
        for entry in entries:
            if isinstance(entry, dict) and "value" in entry:
                values.append(entry["value"])
                continue
            dtype, shape, order, nbytes = _checked_type(entry)
            total += nbytes
            if total > self._max_bytes:
                raise ChannelError(f"message holds more than {self._max_bytes} bytes")
            position = entry.get("descriptor")
            if position is None:
                if nbytes > SHARED_BYTES:
                    raise ChannelError("an array above the inline limit must be shared")
                array = np.empty(shape, dtype)
                self._receive_into(_bytes_of(array), deadline)
            else:
                if not isinstance(position, int) or not 0 <= position < len(descriptors):
                    raise ChannelError("array names a descriptor that was not passed")
                array = _map_sealed(descriptors[position], dtype, shape, nbytes)
            values.append(array.transpose(np.argsort(order)) if order else array)
        return values


def _remaining(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def _encode(value: Value, inline: list[np.ndarray], descriptors: list[int]) -> dict[str, Any]:
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    if not isinstance(value, np.ndarray | np.generic):
        raise TypeError(f"a {type(value).__name__} cannot travel over the channel")
    array = np.asarray(value)
    if array.dtype.name not in DTYPES:
        raise TypeError(f"an array of dtype {array.dtype} cannot travel over the channel")
    array = array.astype(DTYPES[array.dtype.name], copy=False)  # native byte order
    entry: dict[str, Any] = {"dtype": array.dtype.name, "shape": list(array.shape)}
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    if not array.flags.c_contiguous and array.transpose(order).flags.c_contiguous:
        # A dense array in another axis order (a transpose, channels last) keeps that layout.
        entry["order"] = order
        array = array.transpose(order)
    array = np.require(array, None, ["C"])
    if array.nbytes > SHARED_BYTES and len(descriptors) < MAX_DESCRIPTORS:
        entry["descriptor"] = len(descriptors)
        descriptors.append(_sealed_memfd(array))
    elif array.nbytes > SHARED_BYTES:
        raise ChannelError(f"more than {MAX_DESCRIPTORS} large arrays in one message")
    else:
        inline.append(array)
    return entry


def _bytes_of(array: np.ndarray) -> memoryview:
    flat: Any = array.reshape(-1).view(np.uint8)  # NumPy's stubs do not say that it is a buffer
    return memoryview(flat)


def _sealed_memfd(array: np.ndarray) -> int:
    fd = os.memfd_create("kernelwright", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = _bytes_of(array)
        done = 0
        while done < len(view):
            done += os.write(fd, view[done : done + (1 << 30)])
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _checked_type(entry: Any) -> tuple[np.dtype, tuple[int, ...], list[int], int]:
    """(dtype, shape in memory order, order of the axes in memory or [], bytes)."""
    try:
        dtype = DTYPES[entry["dtype"]]
        shape = tuple(entry["shape"])
        order = entry.get("order", [])
    except (KeyError, TypeError, AttributeError) as error:
        raise ChannelError(f"malformed array entry: {error!r}") from error
    if len(shape) > 64 or any(type(n) is not int or not 0 <= n < 1 << 48 for n in shape):
        raise ChannelError(f"malformed array shape {shape!r}")
    if order:
        if not isinstance(order, list) or any(type(axis) is not int for axis in order):
            raise ChannelError("malformed order of axes")
        if sorted(order) != list(range(len(shape))):
            raise ChannelError("malformed order of axes")
        shape = tuple(shape[axis] for axis in order)
    # Zeros count as ones: NumPy refuses an empty array whose other extents overflow, too.
    extent = math.prod(max(n, 1) for n in shape) * dtype.itemsize
    if extent > MAX_ARRAY_BYTES:
        raise ChannelError(f"array of {extent} bytes exceeds {MAX_ARRAY_BYTES}")
    return dtype, shape, order, math.prod(shape) * dtype.itemsize


def _map_sealed(fd: int, dtype: np.dtype, shape: tuple[int, ...], nbytes: int) -> np.ndarray:
    """A writable private map: later writes stay here, and the seals keep the pages under it."""
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError as error:
        raise ChannelError("a shared array is no memory file") from error
    if seals & _SEALS != _SEALS or os.fstat(fd).st_size < nbytes or nbytes == 0:
        raise ChannelError("a shared array is not sealed or shorter than it claims")
    pages = mmap.mmap(fd, nbytes, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    return np.frombuffer(pages, dtype=dtype).reshape(shape)


def pair() -> tuple[socket.socket, socket.socket]:
    """A connected pair of sockets that a Channel can sit on."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
