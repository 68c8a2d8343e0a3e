"""Pieces of text of a generated Triton file's host side."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from kernelwright.aul.syntax import Binary, Int, IntExpr, Name, Param
from kernelwright.compiler.codegen._triton_index import host_text

LAUNCH = '''class Launch(NamedTuple):
    """One launch: pointer types of its tensors, grid size, all its other arguments."""

    kernel: object
    pointers: tuple
    grid: tuple
    arguments: dict
'''

WARPS = '''def num_warps(each, *elements, columns=0):
    """Warps per program: ``each`` elements of its largest tile to a thread. Where columns are
    reduced they stand side by side, four to a thread, so that no warps must meet."""
    most = max(elements)
    wanted = most // (32 * each)
    if columns:
        wanted = max(columns // 128, most // 2048)
    return min(16, max(wanted, 2 if most >= 512 else 1))
'''

PADDED = '''def padded(size, least=1):
    """The size of a Triton tensor that holds ``size`` elements."""
    return max(least, triton.next_power_of_2(size))
'''

TEAMS = '''@functools.lru_cache(maxsize=None)
def together(size, device):
    """Whether the device surely runs ``size`` programs at once, so that they can wait for one
    another: each multiprocessor holds one at least."""
    if device.type != "cuda" or os.environ.get("TRITON_INTERPRET") == "1":
        return False
    return size <= torch.cuda.get_device_properties(device).multi_processor_count


def launch_teams(launch, size, device, *tensors):
    """Launches programs that wait for their team of ``size``. Where they cannot wait, a second
    launch finds what the first has stored."""
    arrivals = torch.zeros(32 + launch.grid[0] // size, dtype=torch.int32, device=device)
    now = together(size, device)
    for _ in range(1 if now else 2):
        arguments = {**launch.arguments, "TOGETHER": now}
        launch.kernel[launch.grid](*tensors, arrivals, **arguments)
'''

CONVERSIONS = '''def tensor(value):
    """A NumPy array on the device that the kernels run on."""
    value = np.ascontiguousarray(value)
    if value.dtype.name == "bfloat16":
        made = torch.from_numpy(value.view(np.int16)).view(torch.bfloat16)
    else:
        made = torch.from_numpy(value if value.flags.writeable else value.copy())
    return made if os.environ.get("TRITON_INTERPRET") == "1" else made.cuda()


def array(made):
    """A tensor as a NumPy array."""
    if made.dtype == torch.bfloat16:
        import ml_dtypes

        return made.cpu().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return made.cpu().numpy()
'''


SEEN_TENSORS = '''def seen_state(state):
    """What tells whether tensors are as they were: addresses, versions and shapes; and their
    memory, which is kept from being freed and given to others."""
    try:
        key = tuple(x for t in state for x in (t.data_ptr(), t._version, t.shape))
    except RuntimeError:  # tensors of inference mode count no versions
        key = None
    return key, [t.detach() for t in state]


def changed(state, prepared):
    key = prepared[0]
    return key is None or seen_state(state)[0] != key
'''

SEEN_ARRAYS = '''def seen_state(state):
    """What tells whether arrays are as they were: identities, and some of their bytes."""
    samples = [a.reshape(-1)[:: max(1, a.size // 256)].tobytes() for a in state]
    return [id(a) for a in state] + samples, state


def changed(state, prepared):
    return seen_state(state)[0] != prepared[0]
'''


def in_class(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" if line else "" for line in lines) + "\n"


def constant_files(constants: Mapping[str, np.ndarray]) -> Iterable[tuple[str, bytes]]:
    for name, value in constants.items():
        buffer = io.BytesIO()
        plain = value.view(np.int16) if value.dtype.name == "bfloat16" else value
        np.save(buffer, np.ascontiguousarray(plain).reshape(value.shape), allow_pickle=False)
        yield f"constant_{name}.npy", buffer.getvalue()


def constant_reader(constants: Mapping[str, np.ndarray]) -> str:
    halves = sorted(n for n, v in constants.items() if v.dtype.name == "bfloat16")
    view = (
        f"\n    if name in {halves!r}:\n        made = made.view(torch.bfloat16)" if halves else ""
    )
    return (
        "@functools.lru_cache(maxsize=None)\n"
        "def stored_array(name, device):\n"
        '    """A constant of the Model, from the file beside this one."""\n'
        "    folder = os.path.dirname(os.path.abspath(__file__))\n"
        '    path = os.path.join(folder, f"constant_{name}.npy")\n'
        f"    made = torch.from_numpy(np.load(path)){view}\n"
        "    return made.to(device)\n"
    )


def factor_of(dim: IntExpr, name: str) -> int:
    """k when ``dim`` is ``k * name`` or ``name * k``, else 0."""
    if isinstance(dim, Binary) and dim.op == "*":
        for a, b in ((dim.left, dim.right), (dim.right, dim.left)):
            if a == Name(name) and isinstance(b, Int):
                return b.value
    return 0


def unpack(lines: list[str], tensors: Sequence[Param]) -> list[str]:
    """``M = shapes[0][0]``, ``N = shapes[0][1]`` as ``M, N = shapes[0]`` where they are all."""
    for t, p in enumerate(tensors):
        parts = [f"{host_text(e)} = shapes[{t}][{d}]" for d, e in enumerate(p.shape or ())]
        if len(parts) > 1 and all(x in lines for x in parts) and len(set(parts)) == len(parts):
            names = ", ".join(host_text(e) for e in p.shape or ())
            at = lines.index(parts[0])
            lines = [x for x in lines if x not in parts]
            lines.insert(at, f"{names} = shapes[{t}]")
    return lines


def shape_text(param: Param) -> str:
    return tuple_text(host_text(e) for e in param.shape or ())


def elements_text(shape: Sequence[IntExpr]) -> str:
    return " * ".join(f"({host_text(e)})" if isinstance(e, Binary) else host_text(e) for e in shape)


def maximal(texts: Iterable[str]) -> list[str]:
    """Products without those that are plainly factors of another."""
    products = {tuple(sorted(f for f in t.split(" * ") if f != "1")): t for t in texts}

    def inside(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
        return a != b and not Counter(a) - Counter(b)

    return [t for a, t in products.items() if not any(inside(a, b) for b in products)] or ["1"]


def words_in(lines: Iterable[str]) -> set[str]:

    return set(re.findall(r"[A-Za-z_]\w*", "\n".join(lines)))


def tuple_text(items: Iterable[str], bare: bool = False) -> str:
    parts = list(items)
    inner = ", ".join(parts) + ("," if len(parts) == 1 else "")
    return inner if bare else f"({inner})"
