// swish

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

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

static void swish_kernel(const float* __restrict x, float* __restrict out, int64_t core) {
  const int64_t v9 = smaller<int64_t>(1024, ((core * (-1024)) + 4773));
  const int64_t v12 = (v9 / 32) * 32;
  const int64_t v13 = core * 1024;
  for (int64_t i = 0; i < v12; i += 32) {
    const int64_t v33 = v13 + i;
    const f32x16 v34 = load<f32x16>(x + v33);
    const f32x16 v35 = v34 * 1.5f;
    const f32x16 v36 = (f32x16)((i32x16)v35 & 0x7fffffff);
    const f32x16 v37 = -v36;
    const i32x16 v38 = v37 < (-104.0f);
    const f32x16 v39 = v38 ? splat<f32x16>((-104.0f)) : v37;
    const f32x16 v40 = v39 * 1.442695f + 1.2582912e+07f;
    const f32x16 v41 = v40 - 1.2582912e+07f;
    const f32x16 v42 = v41 * (-0.6933594f) + v39;
    const f32x16 v43 = v41 * 0.00021219444f + v42;
    const i32x16 v44 = (i32x16)v40;
    const f32x16 v45 = 0.00019875691f * v43 + 0.0013981999f;
    const f32x16 v46 = v45 * v43 + 0.008333452f;
    const f32x16 v47 = v46 * v43 + 0.041665796f;
    const f32x16 v48 = v47 * v43 + 0.16666666f;
    const f32x16 v49 = v48 * v43 + 0.5f;
    const f32x16 v50 = v43 * v43;
    const f32x16 v51 = v49 * v50 + v43;
    const f32x16 v52 = v51 + 1.0f;
    const i32x16 v53 = v44 - 1262485353;
    const i32x16 v54 = v53 << 23;
    const f32x16 v55 = (f32x16)v54;
    const f32x16 v56 = v52 * v55;
    const f32x16 v57 = v56 * 5.9604645e-08f;
    const i32x16 v58 = v35 < 0.0f;
    const f32x16 v59 = v58 ? v57 : splat<f32x16>(1.0f);
    const f32x16 v60 = v57 + 1.0f;
    const f32x16 v61 = v59 / v60;
    const f32x16 v62 = v34 * v61;
    store(out + v33, v62);
    const int64_t v63 = v33 + 16;
    const f32x16 v64 = load<f32x16>(x + v63);
    const f32x16 v65 = v64 * 1.5f;
    const f32x16 v66 = (f32x16)((i32x16)v65 & 0x7fffffff);
    const f32x16 v67 = -v66;
    const i32x16 v68 = v67 < (-104.0f);
    const f32x16 v69 = v68 ? splat<f32x16>((-104.0f)) : v67;
    const f32x16 v70 = v69 * 1.442695f + 1.2582912e+07f;
    const f32x16 v71 = v70 - 1.2582912e+07f;
    const f32x16 v72 = v71 * (-0.6933594f) + v69;
    const f32x16 v73 = v71 * 0.00021219444f + v72;
    const i32x16 v74 = (i32x16)v70;
    const f32x16 v75 = 0.00019875691f * v73 + 0.0013981999f;
    const f32x16 v76 = v75 * v73 + 0.008333452f;
    const f32x16 v77 = v76 * v73 + 0.041665796f;
    const f32x16 v78 = v77 * v73 + 0.16666666f;
    const f32x16 v79 = v78 * v73 + 0.5f;
    const f32x16 v80 = v73 * v73;
    const f32x16 v81 = v79 * v80 + v73;
    const f32x16 v82 = v81 + 1.0f;
    const i32x16 v83 = v74 - 1262485353;
    const i32x16 v84 = v83 << 23;
    const f32x16 v85 = (f32x16)v84;
    const f32x16 v86 = v82 * v85;
    const f32x16 v87 = v86 * 5.9604645e-08f;
    const i32x16 v88 = v65 < 0.0f;
    const f32x16 v89 = v88 ? v87 : splat<f32x16>(1.0f);
    const f32x16 v90 = v87 + 1.0f;
    const f32x16 v91 = v89 / v90;
    const f32x16 v92 = v64 * v91;
    store(out + v63, v92);
  }
  for (int64_t i_2 = v12; i_2 < v9; i_2 += 16) {
    const int64_t v97 = smaller<int64_t>((v9 + (i_2 * (-1))), 16);
    const int64_t v98 = v13 + i_2;
    const f32x16 v99 = load_first<f32x16>(x + v98, v97);
    const f32x16 v100 = v99 * 1.5f;
    const f32x16 v101 = (f32x16)((i32x16)v100 & 0x7fffffff);
    const f32x16 v102 = -v101;
    const i32x16 v103 = v102 < (-104.0f);
    const f32x16 v104 = v103 ? splat<f32x16>((-104.0f)) : v102;
    const f32x16 v105 = v104 * 1.442695f + 1.2582912e+07f;
    const f32x16 v106 = v105 - 1.2582912e+07f;
    const f32x16 v107 = v106 * (-0.6933594f) + v104;
    const f32x16 v108 = v106 * 0.00021219444f + v107;
    const i32x16 v109 = (i32x16)v105;
    const f32x16 v110 = 0.00019875691f * v108 + 0.0013981999f;
    const f32x16 v111 = v110 * v108 + 0.008333452f;
    const f32x16 v112 = v111 * v108 + 0.041665796f;
    const f32x16 v113 = v112 * v108 + 0.16666666f;
    const f32x16 v114 = v113 * v108 + 0.5f;
    const f32x16 v115 = v108 * v108;
    const f32x16 v116 = v114 * v115 + v108;
    const f32x16 v117 = v116 + 1.0f;
    const i32x16 v118 = v109 - 1262485353;
    const i32x16 v119 = v118 << 23;
    const f32x16 v120 = (f32x16)v119;
    const f32x16 v121 = v117 * v120;
    const f32x16 v122 = v121 * 5.9604645e-08f;
    const i32x16 v123 = v100 < 0.0f;
    const f32x16 v124 = v123 ? v122 : splat<f32x16>(1.0f);
    const f32x16 v125 = v122 + 1.0f;
    const f32x16 v126 = v124 / v125;
    const f32x16 v127 = v99 * v126;
    store_first(out + v98, v127, v97);
  }
}

extern "C" int launch_swish(void** buffers) {
  const float* x = (const float*)buffers[0];
  float* out = (float*)buffers[1];
  for (int64_t core = 0; core < 5; ++core)
    swish_kernel(x, out, core);
  return 0;
}
