"""C++ texts that kernel.cpp starts with; only what a kernel uses is printed."""

from __future__ import annotations

from collections.abc import Iterable

# our dtype -> (C++ element type, the short name that vector types are made of)
CPP_TYPES = {
    "float16": ("uint16_t", "f16"),  # held as bits, see f16_to_f32
    "bfloat16": ("uint16_t", "bf16"),  # held as bits
    "float32": ("float", "f32"),
    "float64": ("double", "f64"),
    "int8": ("int8_t", "i8"),
    "uint8": ("uint8_t", "u8"),
    "int16": ("int16_t", "i16"),
    "int32": ("int32_t", "i32"),
    "int64": ("int64_t", "i64"),
    "uint16": ("uint16_t", "u16"),
    "uint32": ("uint32_t", "u32"),
    "uint64": ("uint64_t", "u64"),
    "bool": ("uint8_t", "u8"),  # in memory
}

_PIECES: dict[str, tuple[tuple[str, ...], str]] = {
    "lanes": (
        (),
        """\
template <class V> constexpr int64_t lanes = sizeof(V) / sizeof(V{}[0]);""",
    ),
    "load": (
        (),
        """\
template <class V, class T> static inline V load(const T* p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}""",
    ),
    "store": (
        (),
        """\
template <class V, class T> static inline void store(T* p, const V& v) {
  memcpy(p, &v, sizeof v);
}""",
    ),
    "any_lane": (
        ("lanes",),
        """\
template <class M> static inline bool any_lane(const M& m) {
#if defined(__AVX512F__)
  if constexpr (sizeof m == 64) {
    __m512i r;
    memcpy(&r, &m, sizeof r);
    return _mm512_test_epi64_mask(r, r) != 0;
  }
#endif
#if defined(__AVX__)
  if constexpr (sizeof m == 32) {
    __m256i r;
    memcpy(&r, &m, sizeof r);
    return !_mm256_testz_si256(r, r);
  }
#endif
  bool any = false;
  for (int64_t l = 0; l < lanes<M>; ++l) any |= m[l] != 0;
  return any;
}""",
    ),
    "stream": (
        (),
        """\
// A store that goes around the caches where the address allows it.
template <class V, class T> static inline void stream(T* p, const V& v) {
#if defined(__clang__)
  if ((uintptr_t)p % sizeof v == 0) {
    __builtin_nontemporal_store(v, (V*)p);
    return;
  }
#elif defined(__SSE2__)
  if ((uintptr_t)p % sizeof v == 0) {
    typedef long long v2di __attribute__((vector_size(16)));
    if constexpr (sizeof v == 16) {
      __builtin_ia32_movntdq((v2di*)p, (v2di)v);
      return;
    }
#if defined(__AVX__)
    typedef long long v4di __attribute__((vector_size(32)));
    if constexpr (sizeof v == 32) {
      __builtin_ia32_movntdq256((v4di*)p, (v4di)v);
      return;
    }
#endif
#if defined(__AVX512F__)
    typedef long long v8di __attribute__((vector_size(64)));
    if constexpr (sizeof v == 64) {
      __builtin_ia32_movntdq512((v8di*)p, (v8di)v);
      return;
    }
#endif
  }
#endif
  memcpy(p, &v, sizeof v);
}
// Streamed stores are seen by other cores only after this.
static inline void finish_streams() {
#if defined(__SSE2__)
  __builtin_ia32_sfence();
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}""",
    ),
    "first_lanes": (
        ("lanes",),
        """\
// Masked moves of the machine. Elsewhere plain copies: some compilers get conditional ones wrong
// when they vectorise the loop around them.
template <class V> static inline uint64_t first_lanes(int64_t count) {
  const int64_t n = count < 0 ? 0 : count < lanes<V> ? count : lanes<V>;
  return n < 64 ? ((uint64_t)1 << n) - 1 : ~(uint64_t)0;
}""",
    ),
    "load_first": (
        ("lanes", "first_lanes"),
        """\
// The lanes from `first` to `count`; the others are zero.
template <class V, class T>
static inline V load_first(const T* p, int64_t count, int64_t first = 0) {
  V v = {};
#if defined(__AVX512VL__) && defined(__AVX512BW__)
  const uint64_t m = first_lanes<V>(count) & ~first_lanes<V>(first);
  constexpr size_t bytes = sizeof v, each = sizeof(T);
  if constexpr (bytes == 64) {
    __m512i r;
    if constexpr (each == 8) r = _mm512_maskz_loadu_epi64(m, p);
    if constexpr (each == 4) r = _mm512_maskz_loadu_epi32(m, p);
    if constexpr (each == 2) r = _mm512_maskz_loadu_epi16(m, p);
    if constexpr (each == 1) r = _mm512_maskz_loadu_epi8(m, p);
    memcpy(&v, &r, bytes);
    return v;
  } else if constexpr (bytes == 32) {
    __m256i r;
    if constexpr (each == 8) r = _mm256_maskz_loadu_epi64(m, p);
    if constexpr (each == 4) r = _mm256_maskz_loadu_epi32(m, p);
    if constexpr (each == 2) r = _mm256_maskz_loadu_epi16(m, p);
    if constexpr (each == 1) r = _mm256_maskz_loadu_epi8(m, p);
    memcpy(&v, &r, bytes);
    return v;
  } else if constexpr (bytes <= 16) {
    __m128i r;
    if constexpr (each == 8) r = _mm_maskz_loadu_epi64(m, p);
    if constexpr (each == 4) r = _mm_maskz_loadu_epi32(m, p);
    if constexpr (each == 2) r = _mm_maskz_loadu_epi16(m, p);
    if constexpr (each == 1) r = _mm_maskz_loadu_epi8(m, p);
    memcpy(&v, &r, bytes);
    return v;
  }
#endif
  const int64_t n = count < lanes<V> ? count : lanes<V>;
  if (n > first) memcpy((T*)&v + first, p + first, (n - first) * sizeof(T));
  return v;
}""",
    ),
    "store_first": (
        ("lanes", "first_lanes"),
        """\
template <class V, class T> static inline void store_first(T* p, const V& v, int64_t count) {
#if defined(__AVX512VL__) && defined(__AVX512BW__)
  const uint64_t m = first_lanes<V>(count);
  constexpr size_t bytes = sizeof v, each = sizeof(T);
  if constexpr (bytes == 64) {
    __m512i r;
    memcpy(&r, &v, bytes);
    if constexpr (each == 8) _mm512_mask_storeu_epi64(p, m, r);
    if constexpr (each == 4) _mm512_mask_storeu_epi32(p, m, r);
    if constexpr (each == 2) _mm512_mask_storeu_epi16(p, m, r);
    if constexpr (each == 1) _mm512_mask_storeu_epi8(p, m, r);
    return;
  } else if constexpr (bytes == 32) {
    __m256i r;
    memcpy(&r, &v, bytes);
    if constexpr (each == 8) _mm256_mask_storeu_epi64(p, m, r);
    if constexpr (each == 4) _mm256_mask_storeu_epi32(p, m, r);
    if constexpr (each == 2) _mm256_mask_storeu_epi16(p, m, r);
    if constexpr (each == 1) _mm256_mask_storeu_epi8(p, m, r);
    return;
  } else if constexpr (bytes <= 16) {
    __m128i r = _mm_setzero_si128();
    memcpy(&r, &v, bytes);
    if constexpr (each == 8) _mm_mask_storeu_epi64(p, m, r);
    if constexpr (each == 4) _mm_mask_storeu_epi32(p, m, r);
    if constexpr (each == 2) _mm_mask_storeu_epi16(p, m, r);
    if constexpr (each == 1) _mm_mask_storeu_epi8(p, m, r);
    return;
  }
#endif
  const int64_t n = count < 0 ? 0 : count < lanes<V> ? count : lanes<V>;
  memcpy(p, &v, n * sizeof(T));
}""",
    ),
    "gather": (
        ("lanes",),
        """\
template <class V, class T>
static inline V gather(const T* p, int64_t stride, int64_t count = lanes<V>) {
  V v = {};
  if (count >= lanes<V>) {
    for (int64_t l = 0; l < lanes<V>; ++l) v[l] = p[l * stride];
  } else {
    for (int64_t l = 0; l < count; ++l) v[l] = p[l * stride];
  }
  return v;
}""",
    ),
    "lookup": (
        ("lanes",),
        """\
// Elements from anywhere. One instruction for 16 lanes; for fewer, loads are as fast or faster.
template <class V, class T, class I> static inline V lookup(const T* p, const I& index) {
  V v;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && sizeof(V) == 64 && sizeof(I) == 64) {
    const __m512 none = _mm512_setzero_ps();
    const __m512 r = _mm512_mask_i32gather_ps(none, 0xffff, (__m512i)index, p, 4);
    memcpy(&v, &r, sizeof v);
    return v;
  }
#endif
  for (int64_t l = 0; l < lanes<V>; ++l) v[l] = p[index[l]];
  return v;
}""",
    ),
    "scatter": (
        ("lanes",),
        """\
template <class V, class T>
static inline void scatter(T* p, int64_t stride, const V& v, int64_t count = lanes<V>) {
  if (count >= lanes<V>) {
    for (int64_t l = 0; l < lanes<V>; ++l) p[l * stride] = v[l];
  } else {
    for (int64_t l = 0; l < count; ++l) p[l * stride] = v[l];
  }
}""",
    ),
    "splat": (
        (),
        """\
template <class V, class T> static inline V splat(T x) { return x - V{}; }""",
    ),
    "larger": (
        (),
        """\
// The machine's own maximum and minimum: the second operand when either is NaN.
template <class V> static inline V larger(const V& a, const V& b) { return a > b ? a : b; }
template <class V> static inline V smaller(const V& a, const V& b) { return a < b ? a : b; }""",
    ),
    "maximum": (
        ("larger",),
        """\
// NaN when either operand is NaN.
template <class V> static inline V maximum(const V& a, const V& b) {
  return a != a ? a : larger(a, b);
}
template <class V> static inline V minimum(const V& a, const V& b) {
  return a != a ? a : smaller(a, b);
}""",
    ),
    "each": (
        ("lanes",),
        """\
template <class V, class F> static inline V each(const V& a, F f) {
  V r;
  for (int64_t l = 0; l < lanes<V>; ++l) r[l] = f(a[l]);
  return r;
}""",
    ),
    "each2": (
        ("lanes",),
        """\
template <class V, class F> static inline V each2(const V& a, const V& b, F f) {
  V r;
  for (int64_t l = 0; l < lanes<V>; ++l) r[l] = f(a[l], b[l]);
  return r;
}""",
    ),
    "chunks": (
        (),
        """\
// Vectors wider than a register: compilers take comparisons of those lane by lane.
template <class M, class V, class F> static inline M chunked(const V& a, const V& b, F f) {
  typedef __typeof__(V{}[0]) Element;
  typedef Element Chunk __attribute__((vector_size(NATIVE_BYTES)));
  M result;
  for (unsigned k = 0; k < sizeof(V); k += NATIVE_BYTES) {
    Chunk x, y;
    memcpy(&x, (const char*)&a + k, sizeof x);
    memcpy(&y, (const char*)&b + k, sizeof y);
    const auto r = f(x, y);
    memcpy((char*)&result + k, &r, sizeof r);
  }
  return result;
}""",
    ),
    "bits": (
        (),
        """\
template <class To, class From> static inline To bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From), "bits() keeps the size");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}""",
    ),
    "f16": (
        (),
        """\
// IEEE half precision, one number. Lanes below use the machine's own conversion where it has one.
static inline float f16_to_f32(uint16_t h) {
#if defined(__F16C__)
  return _cvtsh_ss(h);
#elif defined(__FLT16_MAX__)
  _Float16 x;
  memcpy(&x, &h, sizeof x);
  return (float)x;
#else
  // 2^112 moves the exponent from half's bias to single's; subnormals come out right as well
  const uint32_t moved = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
  float x;
  memcpy(&x, &moved, sizeof x);
  x *= 0x1p112f;
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  if ((h & 0x7c00) == 0x7c00) u = moved | 0x7f800000u;
  u |= sign;
  memcpy(&x, &u, sizeof x);
  return x;
#endif
}
static inline uint16_t f32_to_f16(float x) {
#if defined(__F16C__)
  return _cvtss_sh(x, 0);
#elif defined(__FLT16_MAX__)
  const _Float16 y = (_Float16)x;
  uint16_t h;
  memcpy(&h, &y, sizeof h);
  return h;
#else
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  const uint16_t sign = (u >> 16) & 0x8000;
  u &= 0x7fffffff;
  if (u > 0x7f800000) return sign | 0x7e00;  // NaN
  if (u >= 0x477ff000) return sign | 0x7c00;  // rounds to infinity
  if (u < 0x38800000) {  // subnormal in half: adding 0.5 rounds at the right bit
    float y;
    memcpy(&y, &u, sizeof y);
    y += 0.5f;
    memcpy(&u, &y, sizeof u);
    return sign | (uint16_t)(u - 0x3f000000);
  }
  return sign | (uint16_t)((u - 0x38000000 + 0xfff + ((u >> 13) & 1)) >> 13);
#endif
}""",
    ),
    "huge_pages": (
        (),
        """\
// Memory just taken from the system is mapped as it is touched: with small pages that costs more
// than filling it does. A hint; nothing depends on it.
static inline void huge_pages(void* data, size_t bytes) {
#if defined(MADV_HUGEPAGE)
  uintptr_t first = ((uintptr_t)data + 4095) & ~(uintptr_t)4095;
  madvise((void*)first, ((uintptr_t)data + bytes - first) & ~(uintptr_t)4095, MADV_HUGEPAGE);
#endif
}""",
    ),
    "pool": (
        (),
        """\
// One block of memory stays between calls, so that its pages are touched once. A second call at the
// same time finds none and takes its own.
struct Block {
  size_t bytes;
  void* data;
};
static std::atomic<Block*> spare{nullptr};
static Block* take_block(size_t bytes) {
  Block* block = spare.exchange(nullptr);
  if (block && block->bytes >= bytes) return block;
  if (block) free(block->data), delete block;
  void* data = aligned_alloc(64, (bytes + 63) / 64 * 64);
  return data ? new Block{bytes, data} : nullptr;
}
static void give_block(Block* block) {
  block = spare.exchange(block);
  if (block) free(block->data), delete block;
}""",
    ),
}


def vector_name(dtype: str, lanes: int) -> str:
    """``f32x16``; for one lane the C++ element type."""
    return CPP_TYPES[dtype][0] if lanes == 1 else f"{CPP_TYPES[dtype][1]}x{lanes}"


def _half_conversion(lanes: int) -> str:
    """f16 vectors to f32 vectors and back, for ``lanes`` >= 2."""
    h, f = f"f16x{lanes}", f"f32x{lanes}"
    intrinsic = {
        16: (
            "__AVX512F__",
            f"return ({f})_mm512_cvtph_ps((__m256i)h);",
            f"return ({h})_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT);",
        ),
        8: (
            "__F16C__",
            f"return ({f})_mm256_cvtph_ps((__m128i)h);",
            f"return ({h})_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT);",
        ),
    }.get(lanes)
    if lanes > 8:
        half = lanes // 2
        low = ", ".join(map(str, range(half)))
        high = ", ".join(map(str, range(half, lanes)))
        both = ", ".join(map(str, range(lanes)))
        up = (
            f"return __builtin_shufflevector(f16_to_f32(__builtin_shufflevector(h, h, {low})),\n"
            f"      f16_to_f32(__builtin_shufflevector(h, h, {high})), {both});"
        )
        down = (
            f"return __builtin_shufflevector(f32_to_f16(__builtin_shufflevector(x, x, {low})),\n"
            f"      f32_to_f16(__builtin_shufflevector(x, x, {high})), {both});"
        )
    else:
        up = f"{f} x;\n  for (int l = 0; l < {lanes}; ++l) x[l] = f16_to_f32(h[l]);\n  return x;"
        down = f"{h} h;\n  for (int l = 0; l < {lanes}; ++l) h[l] = f32_to_f16(x[l]);\n  return h;"
    if intrinsic:
        guard, fast_up, fast_down = intrinsic
        up = f"\n#if defined({guard})\n  {fast_up}\n#else\n  {up}\n#endif\n".strip("\n")
        down = f"\n#if defined({guard})\n  {fast_down}\n#else\n  {down}\n#endif\n".strip("\n")
        return (
            f"static inline {f} f16_to_f32(const {h}& h) {{\n{up}\n}}\n"
            f"static inline {h} f32_to_f16(const {f}& x) {{\n{down}\n}}"
        )
    return (
        f"static inline {f} f16_to_f32(const {h}& h) {{\n  {up}\n}}\n"
        f"static inline {h} f32_to_f16(const {f}& x) {{\n  {down}\n}}"
    )


def prelude(
    pieces: Iterable[str],
    vectors: Iterable[tuple[str, int]],
    half_lanes: Iterable[int],
    native_bytes: int,
    threads: bool,
) -> str:
    """Includes, vector types (dtype, lanes), helper templates and half conversions, in order."""
    wanted: set[str] = set()
    for piece in pieces:
        wanted |= {piece, *_PIECES[piece][0]}
    halves = {n for lanes in half_lanes for n in _with_halves(lanes)}
    if halves:
        wanted.add("f16")
    types = {(d, n) for d, n in vectors if n > 1}
    types |= {(d, n) for n in halves if n > 1 for d in ("float16", "float32")}
    includes = ["#include <math.h>", "#include <stdint.h>", "#include <string.h>"]
    if "pool" in wanted:
        includes += ["#include <stdlib.h>", "#include <atomic>", "#include <new>"]
    if threads:
        includes.append("#include <omp.h>")
    if "huge_pages" in wanted:
        includes.append("#if defined(__linux__)\n#include <sys/mman.h>\n#endif")
    lines = ["\n".join(includes)]
    tests = [
        ("f16", "__F16C__"),
        ("first_lanes", "__AVX512BW__"),
        ("lookup", "__AVX512F__"),
        ("any_lane", "__AVX__"),
    ]
    if wanted & {piece for piece, _ in tests}:
        shown = " || ".join(f"defined({macro})" for piece, macro in tests if piece in wanted)
        lines.append(f"#if {shown}\n#include <immintrin.h>\n#endif")
    if "chunks" in wanted:
        lines.append(f"#define NATIVE_BYTES {native_bytes}")
    lines.append("\n".join(_typedef(d, n) for d, n in sorted(types, key=_type_order)))
    lines += [text for name, (_, text) in _PIECES.items() if name in wanted]
    lines += [_half_conversion(n) for n in sorted(halves) if n > 1]
    return "\n\n".join(part for part in lines if part)


def _with_halves(lanes: int) -> list[int]:
    return [lanes, *(_with_halves(lanes // 2) if lanes > 8 else [])]


def _type_order(item: tuple[str, int]) -> tuple[int, str]:
    return item[1], CPP_TYPES[item[0]][1]


def _typedef(dtype: str, lanes: int) -> str:
    from kernelwright.compiler.codegen._legalize import SIZE_BYTES

    element, name = CPP_TYPES[dtype]
    size = SIZE_BYTES.get(dtype) or int(dtype.removeprefix("uint")) // 8
    return f"typedef {element} {name}x{lanes} __attribute__((vector_size({size * lanes})));"
