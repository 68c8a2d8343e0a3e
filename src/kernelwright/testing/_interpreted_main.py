"""Child process of ``kernelwright.testing.interpreted``: runs Triton candidates.

``python _interpreted_main.py FOLDER DEVICE``: every subfolder holds a candidate and ``inputs.npz``;
its outputs go to ``outputs.npz``, or what it raised to ``error.txt``. DEVICE "cpu" stands for
Triton's interpreter.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from pathlib import Path
from typing import Any


def run(folder: Path, device: str) -> None:
    import numpy as np
    import torch

    spec = importlib.util.spec_from_file_location(f"candidate_{folder.name}", folder / "kernel.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with np.load(folder / "inputs.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    tensors = {n: torch.from_numpy(a.copy()) for n, a in arrays.items()}
    tensors = {n: t.view(torch.bfloat16) if n.endswith("bf16") else t for n, t in tensors.items()}
    inputs: list[Any] = [t.to(device) for n, t in tensors.items() if n.startswith("input")]
    model = module.ModelNew()
    speaks_torch = isinstance(model, torch.nn.Module)
    if speaks_torch:
        model = model.to(device)
    for name, tensor in tensors.items():
        if not name.startswith("state:"):
            continue
        path = name.removeprefix("state:").removesuffix(":bf16")
        if speaks_torch:
            model.state_dict(keep_vars=True)[path].detach().copy_(tensor)
        else:
            setattr(model, path, arrays[name])
    result: Any
    if speaks_torch:
        result = model(*inputs)
    else:
        import ml_dtypes

        inputs = [
            a.view(ml_dtypes.bfloat16) if n.endswith("bf16") else a
            for n, a in arrays.items()
            if n.startswith("input")
        ]
        result = model(*inputs)
    outputs = {}
    for i, value in enumerate(result if isinstance(result, tuple | list) else [result]):
        if isinstance(value, torch.Tensor):
            half = value.dtype == torch.bfloat16
            value = value.cpu()
            array = value.view(torch.int16).numpy() if half else value.numpy()
        else:
            half = value.dtype.name == "bfloat16"
            array = value.view(np.int16) if half else value
        outputs[f"{i}:bf16" if half else f"{i}"] = array
    np.savez(folder / "outputs.npz", **outputs)


def main() -> None:
    device = sys.argv[2]
    os.environ["TRITON_INTERPRET"] = "1" if device == "cpu" else "0"
    for folder in sorted(p for p in Path(sys.argv[1]).iterdir() if p.is_dir()):
        try:
            run(folder, device)
        except Exception:  # noqa: BLE001 - worker main: the parent reads it
            (folder / "error.txt").write_text(traceback.format_exc())


if __name__ == "__main__":
    main()
