// row_sum_column_max

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
typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));

template <class V> constexpr int64_t lanes = sizeof(V) / sizeof(V{}[0]);

template <class V, class T> static inline V load(const T* p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}

template <class V, class T> static inline void store(T* p, const V& v) {
  memcpy(p, &v, sizeof v);
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
}

template <class V, class T> static inline V splat(T x) { return x - V{}; }

// The machine's own maximum and minimum: the second operand when either is NaN.
template <class V> static inline V larger(const V& a, const V& b) { return a > b ? a : b; }
template <class V> static inline V smaller(const V& a, const V& b) { return a < b ? a : b; }

// NaN when either operand is NaN.
template <class V> static inline V maximum(const V& a, const V& b) {
  return a != a ? a : larger(a, b);
}
template <class V> static inline V minimum(const V& a, const V& b) {
  return a != a ? a : smaller(a, b);
}

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

static void pass_one(
    const float* __restrict x,
    float* __restrict row_sum,
    float* __restrict partial,
    int64_t core) {
  alignas(64) float acc_0[90];
  store(acc_0, splat<f32x16>(-__builtin_inff()));
  store(acc_0 + 16, splat<f32x16>(-__builtin_inff()));
  store(acc_0 + 32, splat<f32x16>(-__builtin_inff()));
  store(acc_0 + 48, splat<f32x16>(-__builtin_inff()));
  store(acc_0 + 64, splat<f32x16>(-__builtin_inff()));
  store_first(acc_0 + 80, splat<f32x16>(-__builtin_inff()), 10);
  const int32_t v18 = (int32_t)10;
  const i32x16 v19 = i32x16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const i32x16 v20 = splat<i32x16>(v18);
  const i32x16 v21 = v19 < v20;
  for (int64_t i = 0; i < 25; ++i) {
    const int64_t v25 = (core * 2250) + (i * 90);
    const f32x16 v26 = load<f32x16>(x + v25);
    const f32x16 v27 = 0.0f + v26;
    const f32x16 v28 = load<f32x16>(acc_0);
    const f32x16 v29 = maximum<f32x16>(v28, v26);
    store(acc_0, v29);
    const f32x16 v31 = load<f32x16>(x + (v25 + 16));
    const f32x16 v32 = 0.0f + v31;
    const f32x16 v33 = load<f32x16>(acc_0 + 16);
    const f32x16 v34 = maximum<f32x16>(v33, v31);
    store(acc_0 + 16, v34);
    const f32x16 v36 = load<f32x16>(x + (v25 + 32));
    const f32x16 v37 = 0.0f + v36;
    const f32x16 v38 = load<f32x16>(acc_0 + 32);
    const f32x16 v39 = maximum<f32x16>(v38, v36);
    store(acc_0 + 32, v39);
    const f32x16 v41 = load<f32x16>(x + (v25 + 48));
    const f32x16 v42 = 0.0f + v41;
    const f32x16 v43 = load<f32x16>(acc_0 + 48);
    const f32x16 v44 = maximum<f32x16>(v43, v41);
    store(acc_0 + 48, v44);
    const f32x16 v46 = load<f32x16>(x + (v25 + 64));
    const f32x16 v47 = v27 + v46;
    const f32x16 v48 = load<f32x16>(acc_0 + 64);
    const f32x16 v49 = maximum<f32x16>(v48, v46);
    store(acc_0 + 64, v49);
    const f32x16 v51 = load_first<f32x16>(x + (v25 + 80), 10);
    const f32x16 v52 = v21 ? v51 : splat<f32x16>(0.0f);
    const f32x16 v53 = v47 + v52;
    const f32x16 v54 = load_first<f32x16>(acc_0 + 80, 10);
    const f32x16 v55 = maximum<f32x16>(v54, v51);
    store_first(acc_0 + 80, v55, 10);
    const f32x16 v56 = v53 + v32;
    const f32x16 v57 = v37 + v42;
    const f32x16 v58 = v56 + v57;
    const f32x8 v59 = __builtin_shufflevector(v58, v58, 0, 1, 2, 3, 4, 5, 6, 7);
    const f32x8 v60 = __builtin_shufflevector(v58, v58, 8, 9, 10, 11, 12, 13, 14, 15);
    const f32x8 v61 = v59 + v60;
    const f32x4 v62 = __builtin_shufflevector(v61, v61, 0, 1, 2, 3);
    const f32x4 v63 = __builtin_shufflevector(v61, v61, 4, 5, 6, 7);
    const f32x4 v64 = v62 + v63;
    const float v65 = v64[0];
    const float v66 = v64[1];
    const float v67 = v64[2];
    const float v68 = v64[3];
    const float v69 = v65 + v67;
    const float v70 = v66 + v68;
    const float v71 = v69 + v70;
    row_sum[((core * 25) + i)] = v71;
  }
  const f32x16 v73 = load<f32x16>(acc_0);
  const int64_t v74 = core * 90;
  store(partial + v74, v73);
  const f32x16 v75 = load<f32x16>(acc_0 + 16);
  store(partial + (v74 + 16), v75);
  const f32x16 v77 = load<f32x16>(acc_0 + 32);
  store(partial + (v74 + 32), v77);
  const f32x16 v79 = load<f32x16>(acc_0 + 48);
  store(partial + (v74 + 48), v79);
  const f32x16 v81 = load<f32x16>(acc_0 + 64);
  store(partial + (v74 + 64), v81);
  const f32x16 v83 = load_first<f32x16>(acc_0 + 80, 10);
  store_first(partial + (v74 + 80), v83, 10);
}

static void pass_two(const float* __restrict partial, float* __restrict column_max, int64_t core) {
  alignas(64) float max_0[32];
  for (int64_t i = 0; i < 32; i += 16) {
    store(max_0 + (0 + i), splat<f32x16>(-__builtin_inff()));
  }
  const int64_t v14 = smaller<int64_t>(32, ((core * (-32)) + 90));
  const int64_t v16 = (v14 / 32) * 32;
  const int64_t v17 = core * 32;
  for (int64_t i_2 = 0; i_2 < 2; ++i_2) {
    const int64_t v22 = v17 + (i_2 * 90);
    for (int64_t i_3 = 0; i_3 < v16; i_3 += 32) {
      const int64_t v24 = v22 + i_3;
      const f32x16 v25 = load<f32x16>(partial + v24);
      const f32x16 v26 = load<f32x16>(max_0 + i_3);
      const f32x16 v27 = maximum<f32x16>(v26, v25);
      store(max_0 + i_3, v27);
      const f32x16 v29 = load<f32x16>(partial + (v24 + 16));
      const int64_t v30 = i_3 + 16;
      const f32x16 v31 = load<f32x16>(max_0 + v30);
      const f32x16 v32 = maximum<f32x16>(v31, v29);
      store(max_0 + v30, v32);
    }
    for (int64_t i_4 = v16; i_4 < v14; i_4 += 16) {
      const int64_t v36 = smaller<int64_t>((v14 + (i_4 * (-1))), 16);
      const f32x16 v38 = load_first<f32x16>(partial + (v22 + i_4), v36);
      const f32x16 v39 = load_first<f32x16>(max_0 + i_4, v36);
      const f32x16 v40 = maximum<f32x16>(v39, v38);
      store_first(max_0 + i_4, v40, v36);
    }
  }
  for (int64_t i_5 = 0; i_5 < v16; i_5 += 32) {
    const f32x16 v42 = load<f32x16>(max_0 + i_5);
    const int64_t v43 = v17 + i_5;
    store(column_max + v43, v42);
    const f32x16 v45 = load<f32x16>(max_0 + (i_5 + 16));
    store(column_max + (v43 + 16), v45);
  }
  for (int64_t i_6 = v16; i_6 < v14; i_6 += 16) {
    const int64_t v50 = smaller<int64_t>((v14 + (i_6 * (-1))), 16);
    const f32x16 v51 = load_first<f32x16>(max_0 + i_6, v50);
    store_first(column_max + (v17 + i_6), v51, v50);
  }
}

extern "C" int launch_row_sum_column_max(void** buffers) {
  const float* x = (const float*)buffers[0];
  float* row_sum = (float*)buffers[1];
  float* column_max = (float*)buffers[2];
  Block* block = take_block(768);
  if (!block) return 1;
  float* partial = (float*)((char*)block->data + 0);
  for (int64_t core = 0; core < 2; ++core)
    pass_one(x, row_sum, partial, core);
  for (int64_t core = 0; core < 3; ++core)
    pass_two(partial, column_max, core);
  give_block(block);
  return 0;
}
