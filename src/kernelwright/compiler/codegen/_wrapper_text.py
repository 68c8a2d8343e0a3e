"""The fixed parts of kernel.py, for torch and for NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


SEEN_FIELDS = 3  # of what _seen returns


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
    seen: str  # _seen([(tensor, first byte, bytes), ...]): how the state was
    now: Callable[[list[str]], list[str]]  # lines that set ``now`` as _seen()[0] was set
    changed: Callable[[int, int, int, int], str] | None  # (index, of how many, first byte, bytes)
    dtype: Callable[[str], str]
    test: str  # true for an input that does not fit
    test_kind: str  # the same but for the shape
    empty: str
    empty_like: str  # "" where ``empty`` is as fast
    address: str
    own: str  # a library call's result as a contiguous tensor
    write: str  # into a tensor of the caller's
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


def _versions(names: list[str]) -> list[str]:
    fields = [f"{n}.{field}" for n in names for field in ("data_ptr()", "_version", "shape")]
    return [
        "try:",
        f"    now = ({', '.join(fields)})",
        "except RuntimeError:  # tensors of inference mode count no versions",
        "    now = ()",
    ]


def _bytes_differ(index: int, count: int, first: int, size: int) -> str:
    offset = f" + {first}" if first else ""
    return f"_memcmp(now[{3 * index}]{offset}, prepared[1][{index}], {size})"


def _identities(names: list[str]) -> list[str]:
    return [f"now = ({''.join(f'id({n}), _sample({n}), ' for n in names).rstrip(' ')})"]


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
    if shape is not None and tuple(value.shape) != tuple(shape):
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
    seen='''\
_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]


def _seen(parts):
    """What tells whether tensors are as they were: addresses, versions and shapes; some of their
    bytes, for writes that torch does not count; and their memory, which is kept from being freed
    and given to others. Of tensors that cannot be told so, nothing that ever compares equal."""
    tensors = [t for t, _, _ in parts]
    if not all(t.is_contiguous() and not t.is_inference() for t in tensors):
        return float("nan"), None, None
    key = tuple(x for t in tensors for x in (t.data_ptr(), t._version, t.shape))
    samples = [ctypes.string_at(t.data_ptr() + first, size) for t, first, size in parts]
    return key, samples, [t.detach() for t in tensors]''',
    now=_versions,
    changed=_bytes_differ,
    dtype=lambda name: f"torch.{name}",
    test_kind=(
        "not isinstance({name}, torch.Tensor) or {name}.dtype is not {dtype} or not {name}.is_cpu"
    ),
    test=(
        "not isinstance({name}, torch.Tensor) or {name}.shape != {shape} "
        "or {name}.dtype is not {dtype} or not {name}.is_cpu"
    ),
    empty="torch.empty",
    empty_like="torch.empty_like({name})",
    address="{name}.data_ptr()",
    own="{text}.contiguous()",
    write="{to}.copy_({text})",
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
    seen='''\
def _sample(array):
    """Some of the bytes of an array, from everywhere in it."""
    return array.reshape(-1)[:: max(1, array.size // 256)].tobytes()


def _seen(parts):
    """What tells whether arrays are as they were: identities, and some of their bytes."""
    arrays = [a for a, _, _ in parts]
    return tuple(x for a in arrays for x in (id(a), _sample(a))), None, arrays''',
    now=_identities,
    changed=None,
    dtype=lambda name: (
        "ml_dtypes.bfloat16" if name == "bfloat16" else f"np.{'bool_' if name == 'bool' else name}"
    ),
    test_kind="not isinstance({name}, np.ndarray) or {name}.dtype != {dtype}",
    test="not isinstance({name}, np.ndarray) or {name}.shape != {shape} or {name}.dtype != {dtype}",
    empty="np.empty",
    empty_like="",
    address='{name}.__array_interface__["data"][0]',
    own="np.ascontiguousarray({text})",
    write="np.copyto({to}, {text})",
    contiguous=lambda name: [
        f"if not {name}.flags.c_contiguous:",
        f"    {name} = np.ascontiguousarray({name})",
    ],
)
