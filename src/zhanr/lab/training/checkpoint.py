"""A run's state in one file: tensors as safetensors, everything else as JSON in its header. Nothing is pickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from zhanr.errors import FileError
from zhanr.files import replacing

FORMAT_VERSION = 1


def save(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write both as one file, which appears whole or not at all. Floats of `state` survive to the last bit."""
    header = {"zhanr": json.dumps({"format_version": FORMAT_VERSION} | state)}
    # a copy of each: two names of one tensor, or a view, is more than the format allows
    copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    with replacing(path, parents=True) as temporary:
        save_file(copies, temporary, header)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote; anything else is a `FileError`."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        state: dict[str, Any] = json.loads(header["zhanr"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise FileError(path, f"it is not a checkpoint of a training run, or it is damaged ({error})") from error
    if state.pop("format_version", None) != FORMAT_VERSION:
        raise FileError(path, f"it is a checkpoint of another version of zhanr (this one writes {FORMAT_VERSION})")
    return tensors, state


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What an optimiser remembers of each parameter: its tensors, and its plain numbers."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for index, memory in optimizer.state_dict()["state"].items():
        for key, value in memory.items():
            (tensors if isinstance(value, Tensor) else numbers)[f"{index}.{key}"] = value
    return tensors, numbers


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    """Put back what `flatten_optimizer` took out; the settings stay those of the new optimiser."""
    memory: dict[int, dict[str, Any]] = {}
    for name, value in (tensors | numbers).items():
        index, key = name.split(".", 1)
        memory.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})
