// mse

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include <atomic>
#include <new>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x4 __attribute__((vector_size(32)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef int64_t i64x4 __attribute__((vector_size(32)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));

template <class V> constexpr int64_t lanes = sizeof(V) / sizeof(V{}[0]);

template <class V, class T> static inline V load(const T* p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}

// Masked moves of the machine. Elsewhere plain copies: some compilers get conditional ones wrong
// when they vectorise the loop around them.
template <class V> static inline uint64_t first_lanes(int64_t count) {
  const int64_t n = count < 0 ? 0 : count < lanes<V> ? count : lanes<V>;
  return n < 64 ? ((uint64_t)1 << n) - 1 : ~(uint64_t)0;
}

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
}

template <class V, class T> static inline V splat(T x) { return x - V{}; }

// The machine's own maximum and minimum: the second operand when either is NaN.
template <class V> static inline V larger(const V& a, const V& b) { return a > b ? a : b; }
template <class V> static inline V smaller(const V& a, const V& b) { return a < b ? a : b; }

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
}

static void partial_sums(
    const float* __restrict x,
    const float* __restrict y,
    double* __restrict partial,
    int64_t core) {
  const i32x16 v20 = i32x16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  double carried = 0.0;
  for (int64_t i = 0; i < 5; ++i) {
    const int64_t v27 = smaller<int64_t>(1024, (((core * (-5120)) + (i * (-1024))) + 9990));
    const int64_t v29 = (v27 / 64) * 64;
    const int64_t v31 = (core * 5120) + (i * 1024);
    f32x16 carried_2 = splat<f32x16>(0.0f);
    f32x16 carried_3 = splat<f32x16>(0.0f);
    f32x16 carried_4 = splat<f32x16>(0.0f);
    f32x16 carried_5 = splat<f32x16>(0.0f);
    for (int64_t i_2 = 0; i_2 < v29; i_2 += 64) {
      const int64_t v41 = v31 + i_2;
      const f32x16 v42 = load<f32x16>(x + v41);
      const f32x16 v43 = load<f32x16>(y + v41);
      const f32x16 v44 = v42 - v43;
      const f32x16 v45 = v44 * v44;
      const f32x16 v46 = carried_2 + v45;
      const int64_t v47 = v41 + 16;
      const f32x16 v48 = load<f32x16>(x + v47);
      const f32x16 v49 = load<f32x16>(y + v47);
      const f32x16 v50 = v48 - v49;
      const f32x16 v51 = v50 * v50;
      const f32x16 v52 = carried_3 + v51;
      const int64_t v53 = v41 + 32;
      const f32x16 v54 = load<f32x16>(x + v53);
      const f32x16 v55 = load<f32x16>(y + v53);
      const f32x16 v56 = v54 - v55;
      const f32x16 v57 = v56 * v56;
      const f32x16 v58 = carried_4 + v57;
      const int64_t v59 = v41 + 48;
      const f32x16 v60 = load<f32x16>(x + v59);
      const f32x16 v61 = load<f32x16>(y + v59);
      const f32x16 v62 = v60 - v61;
      const f32x16 v63 = v62 * v62;
      const f32x16 v64 = carried_5 + v63;
      carried_2 = v46;
      carried_3 = v52;
      carried_4 = v58;
      carried_5 = v64;
    }
    f32x16 carried_6 = carried_2;
    f32x16 carried_7 = carried_3;
    f32x16 carried_8 = carried_4;
    f32x16 carried_9 = carried_5;
    for (int64_t i_3 = v29; i_3 < v27; i_3 += 16) {
      const int64_t v76 = smaller<int64_t>((v27 + (i_3 * (-1))), 16);
      const int64_t v77 = v31 + i_3;
      const f32x16 v78 = load_first<f32x16>(x + v77, v76);
      const f32x16 v79 = load_first<f32x16>(y + v77, v76);
      const f32x16 v80 = v78 - v79;
      const f32x16 v81 = v80 * v80;
      const int32_t v82 = (int32_t)v76;
      const i32x16 v83 = splat<i32x16>(v82);
      const i32x16 v84 = v20 < v83;
      const f32x16 v85 = v84 ? v81 : splat<f32x16>(0.0f);
      const f32x16 v86 = carried_6 + v85;
      carried_6 = v86;
    }
    const f32x16 v87 = carried_6 + carried_7;
    const f32x16 v88 = carried_8 + carried_9;
    const f32x16 v89 = v87 + v88;
    const f32x8 v90 = __builtin_shufflevector(v89, v89, 0, 1, 2, 3, 4, 5, 6, 7);
    const f32x8 v91 = __builtin_shufflevector(v89, v89, 8, 9, 10, 11, 12, 13, 14, 15);
    const f32x8 v92 = v90 + v91;
    const f32x4 v93 = __builtin_shufflevector(v92, v92, 0, 1, 2, 3);
    const f32x4 v94 = __builtin_shufflevector(v92, v92, 4, 5, 6, 7);
    const f32x4 v95 = v93 + v94;
    const float v96 = v95[0];
    const float v97 = v95[1];
    const float v98 = v95[2];
    const float v99 = v95[3];
    const float v100 = v96 + v98;
    const float v101 = v97 + v99;
    const float v102 = v100 + v101;
    const double v103 = (double)v102;
    const double v104 = carried + v103;
    carried = v104;
  }
  partial[core] = carried;
}

static void finish(const double* __restrict partial, float* __restrict out, int64_t core) {
  const f64x4 v6 = load_first<f64x4>(partial, 2);
  const int32_t v7 = (int32_t)2;
  const i32x4 v8 = i32x4{0, 1, 2, 3};
  const i32x4 v9 = splat<i32x4>(v7);
  const i32x4 v10 = v8 < v9;
  const f64x4 v11 = __builtin_convertvector(v10, i64x4) ? v6 : splat<f64x4>(0.0);
  const f64x4 v12 = 0.0 + v11;
  const double v13 = v12[0];
  const double v14 = v12[1];
  const double v15 = v12[2];
  const double v16 = v12[3];
  const double v17 = v13 + v15;
  const double v18 = v14 + v16;
  const double v19 = v17 + v18;
  const double v21 = v19 / 9990.0;
  const float v22 = (float)v21;
  out[0] = v22;
}

extern "C" int launch_mse(void** buffers) {
  const float* x = (const float*)buffers[0];
  const float* y = (const float*)buffers[1];
  float* out = (float*)buffers[2];
  Block* block = take_block(64);
  if (!block) return 1;
  double* partial = (double*)((char*)block->data + 0);
  for (int64_t core = 0; core < 2; ++core)
    partial_sums(x, y, partial, core);
  finish(partial, out, 0);
  give_block(block);
  return 0;
}
