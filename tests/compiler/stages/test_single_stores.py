"""A masked store of one lane writes one element and nothing beside it."""

from __future__ import annotations

import ctypes

import pytest

from kernelwright.compiler.stages.single_stores import single_stores

pytest.importorskip("llvmlite")

_CALL = (
    "  call void @llvm.masked.store.v4i32.p0(<4 x i32> %v, ptr align 4 %p, "
    "<4 x i1> <{}>), !noalias !3"
)


def _mask(*lanes: int) -> str:
    return ", ".join("i1 true" if i in lanes else "i1 false" for i in range(4))


def test_only_single_lanes_change() -> None:
    for lanes in ((), (0, 1), (0, 1, 2, 3)):
        text = _CALL.format(_mask(*lanes))
        assert single_stores(text) == text
    assert single_stores(_CALL.format(_mask(2))).splitlines() == [
        "  %single.1 = extractelement <4 x i32> %v, i64 2",
        "  %single.at.1 = getelementptr i32, ptr %p, i64 2",
        "  store i32 %single.1, ptr %single.at.1, align 4, !noalias !3",
    ]


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("lane", [0, 2])
def test_bytes_beside_the_element_stay(bits: int, lane: int) -> None:
    from llvmlite import binding

    from kernelwright.compiler.stages import llvm

    mask = ", ".join("i1 true" if i == lane else "i1 false" for i in range(4))
    kind = f"<4 x i{bits}>"
    module = llvm.optimized(
        f"""
        declare void @llvm.masked.store.v4i{bits}.p0({kind}, ptr, <4 x i1>)
        define void @f(ptr %from, ptr %to) {{
          %wide = load <4 x i64>, ptr %from, align 8
          %v = trunc <4 x i64> %wide to {kind}
          call void @llvm.masked.store.v4i{bits}.p0({kind} %v, ptr align 1 %to, <4 x i1> <{mask}>)
          ret void
        }}
        """,
        {"f"},
    )
    target = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target)
    engine.add_object_file(binding.ObjectFileRef.from_data(llvm.object_code(module)))
    engine.finalize_object()
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(
        engine.get_function_address("f")
    )
    source, room = (ctypes.c_int64 * 4)(-1, -2, -3, -4), (ctypes.c_uint8 * 64)(*[7] * 64)
    call(ctypes.addressof(source), ctypes.addressof(room))
    size = bits // 8
    expected = bytearray([7] * 64)
    expected[lane * size : (lane + 1) * size] = (source[lane] & (2**bits - 1)).to_bytes(
        size, "little"
    )
    assert bytes(room) == bytes(expected)
