"""Read TensorFlow v2 checkpoints (``.index`` + ``.data-00000-of-00001``) without TensorFlow.

The index is a LevelDB-style sorted table whose values are ``BundleEntryProto`` messages: the type, shape and place of
each variable in the data file. Only what an uncompressed, single-shard, little-endian checkpoint needs is read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOOTER_BYTES = 48
TABLE_MAGIC = 0xDB4775248B80FB57
NUMPY_TYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 2: np.dtype("<f8"), 3: np.dtype("<i4"), 9: np.dtype("<i8")}


class CheckpointError(ValueError):
    """The files are not a checkpoint this reader understands."""


def read_checkpoint(index_path: Path, data_path: Path) -> dict[str, NDArray[Any]]:
    """Return every variable of a checkpoint by its TensorFlow name."""
    index = index_path.read_bytes()
    data = data_path.read_bytes()
    entries = (entry for entry in _table(index) if entry[0])  # the empty key holds the header
    return {key.decode(): _tensor(value, data) for key, value in entries}


def _tensor(entry: bytes, data: bytes) -> NDArray[Any]:
    """Decode one ``BundleEntryProto``: dtype = 1, shape = 2, shard_id = 3, offset = 4, size = 5."""
    fields = dict(_message(entry))
    if _number(fields, 1) not in NUMPY_TYPES or _number(fields, 3) != 0:
        raise CheckpointError(f"unsupported dtype {fields.get(1)!r} or shard {fields.get(3)!r}")
    shape = _shape(fields.get(2, b""))
    offset, size = _number(fields, 4), _number(fields, 5)
    values = np.frombuffer(data[offset : offset + size], NUMPY_TYPES[_number(fields, 1)])
    return values.reshape(shape).copy()


def _number(fields: dict[int, int | bytes], field: int) -> int:
    value = fields.get(field, 0)
    if not isinstance(value, int):
        raise CheckpointError(f"field {field} is not a number")
    return value


def _shape(message: int | bytes) -> list[int]:
    """Decode a ``TensorShapeProto``: repeated dim = 2, whose size = 1."""
    if not isinstance(message, bytes):
        raise CheckpointError("the shape is not a message")
    dims = [dict(_message(dim)) for field, dim in _message(message) if field == 2 and isinstance(dim, bytes)]
    return [_number(dim, 1) for dim in dims]


def _message(buffer: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field, value) of a protocol-buffer message; later values replace earlier ones in a dict."""
    position = 0
    while position < len(buffer):
        tag, position = _varint(buffer, position)
        wire = tag & 7
        if wire == 0:
            value: int | bytes
            value, position = _varint(buffer, position)
        elif wire == 2:
            length, position = _varint(buffer, position)
            value, position = buffer[position : position + length], position + length
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
            value, position = buffer[position : position + length], position + length
        else:
            raise CheckpointError(f"unsupported wire type {wire}")
        yield tag >> 3, value


def _varint(buffer: bytes, position: int) -> tuple[int, int]:
    """Return (value, next position) of a base-128 number."""
    value = shift = 0
    while True:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _table(index: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) of a sorted table, in order."""
    footer = index[-FOOTER_BYTES:]
    if len(footer) < FOOTER_BYTES or struct.unpack("<Q", footer[-8:])[0] != TABLE_MAGIC:
        raise CheckpointError("not a TensorFlow v2 checkpoint index")
    _, position = _handle(footer, 0)  # the meta-index, not needed
    (offset, size), _ = _handle(footer, position)
    for _, handle in _block(index, offset, size):
        (block_offset, block_size), _ = _handle(handle, 0)
        yield from _block(index, block_offset, block_size)


def _handle(buffer: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Return ((offset, size), next position) of a block handle."""
    offset, position = _varint(buffer, position)
    size, position = _varint(buffer, position)
    return (offset, size), position


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the prefix-compressed entries of one block."""
    if index[offset + size] != 0:
        raise CheckpointError("compressed blocks are not supported")
    block = index[offset : offset + size]
    (restarts,) = struct.unpack("<I", block[-4:])
    end, position, key = len(block) - 4 * (restarts + 1), 0, b""
    while position < end:
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length
