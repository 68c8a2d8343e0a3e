"""The fixed parts of kernel.py, for torch and for NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

IMPORTS = """\
import ctypes
from pathlib import Path
"""

LOAD = """\
def _load():
    path = FOLDER / "libkernel.so"
@BUILD@\
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        ctypes.CDLL("libgomp.so.1", mode=ctypes.RTLD_GLOBAL)  # for a library linked without it
        return ctypes.CDLL(str(path))


_library = _load()"""

BUILD = """\
    if not path.exists():
        import shutil
        import subprocess

        compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
        if compiler is None:
            raise RuntimeError(f"{path} is missing and there is no C++ compiler to build it")
        flags = "@FLAGS@".split()
        subprocess.run([compiler, *flags, str(FOLDER / "kernel.cpp"), "-o", str(path)], check=True)
"""


RESULTS = """\
def _results(made):
    return made if isinstance(made, (tuple, list)) else (made,)"""


@dataclass(frozen=True)
class FrameworkTexts:
    """How one framework says the things that kernel.py needs."""

    needs: str
    call: str  # the method that is called
    entry: tuple[str, ...]  # what stands before it in the class
    state_entry: Callable[[str, str], str]  # (state-dict name, kind) -> the tensor
    check: str
    state: str
    through_torch: str
    test: str  # true for an input that does not fit
    empty: str
    empty_like: str  # "" where ``empty`` is as fast
    address: str
    own: str  # a library call's result as a contiguous tensor
    contiguous: Callable[[str], list[str]]


def _of_module(name: str, kind: str) -> str:
    """A parameter or buffer by the dictionaries of its module: torch finds attributes slowly."""
    *path, leaf = name.split(".")
    inner = "".join(f"._modules[{part!r}]" for part in path)
    return f"self{inner}._{kind}s[{leaf!r}]"


def _of_object(name: str, kind: str) -> str:
    """``self.a.b``; parts that are no names, as in ``layers.0.weight``, by getattr."""
    text = "self"
    for part in name.split("."):
        text = f"{text}.{part}" if part.isidentifier() else f"getattr({text}, {part!r})"
    return text


TORCH_TEXTS = FrameworkTexts(
    needs="Python, NumPy and torch",
    call="forward",
    entry=(
        "",
        "    def __call__(self, *inputs, **named):",
        "        if self._forward_hooks or self._forward_pre_hooks:",
        "            return super().__call__(*inputs, **named)",
        "        return self.forward(*inputs, **named)",
    ),
    state_entry=_of_module,
    check="""\
def _refuse(what, value, shape, dtype):
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{what}: expected a tensor, got {type(value).__name__}")
    if value.dtype != dtype:
        raise TypeError(f"{what}: this kernel is for {dtype}, got {value.dtype}")
    if tuple(value.shape) != tuple(shape):
        raise ValueError(f"{what}: this kernel is for shape {shape}, got {tuple(value.shape)}")
    raise ValueError(f"{what}: this kernel runs on the CPU, got a tensor on {value.device}")""",
    state="""\
def _add_state(module, name, shape, dtype, kind):
    *path, leaf = name.split(".")
    for part in path:
        if part not in module._modules:
            module.add_module(part, torch.nn.Module())
        module = module._modules[part]
    value = torch.zeros(shape, dtype=dtype)
    if kind == "parameter":
        module.register_parameter(leaf, torch.nn.Parameter(value, requires_grad=False))
    else:
        module.register_buffer(leaf, value)""",
    through_torch="",
    test=(
        "not isinstance({name}, torch.Tensor) or {name}.shape != {shape} "
        "or {name}.dtype is not {dtype} or not {name}.is_cpu"
    ),
    empty="torch.empty",
    empty_like="torch.empty_like({name})",
    address="{name}.data_ptr()",
    own="{text}.contiguous()",
    contiguous=lambda name: [f"{name} = {name}.contiguous()"],
)

NUMPY_TEXTS = FrameworkTexts(
    needs="Python and NumPy",
    call="__call__",
    entry=(),
    state_entry=_of_object,
    check="""\
def _refuse(what, value, shape, dtype):
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{what}: expected an array, got {type(value).__name__}")
    if value.dtype != dtype:
        raise TypeError(f"{what}: this kernel is for {np.dtype(dtype)}, got {value.dtype}")
    raise ValueError(f"{what}: this kernel is for shape {shape}, got {value.shape}")""",
    state="""\
class _Holder:
    pass


def _add_state(module, name, shape, dtype, kind):
    *path, leaf = name.split(".")
    for part in path:
        if not hasattr(module, part):
            setattr(module, part, _Holder())
        module = getattr(module, part)
    setattr(module, leaf, np.zeros(shape, dtype))""",
    through_torch='''\
def _through_torch(op, *arguments, **kwargs):
    """A torch operation on NumPy arrays: no copies on the way in."""

    def native(value):
        return torch.from_numpy(value) if isinstance(value, np.ndarray) else value

    result = op(*map(native, arguments), **{k: native(v) for k, v in kwargs.items()})
    if isinstance(result, torch.Tensor):
        return result.numpy()
    return tuple(t.numpy() for t in result)''',
    test="not isinstance({name}, np.ndarray) or {name}.shape != {shape} or {name}.dtype != {dtype}",
    empty="np.empty",
    empty_like="",
    address='{name}.__array_interface__["data"][0]',
    own="np.ascontiguousarray({text})",
    contiguous=lambda name: [
        f"if not {name}.flags.c_contiguous:",
        f"    {name} = np.ascontiguousarray({name})",
    ],
)
