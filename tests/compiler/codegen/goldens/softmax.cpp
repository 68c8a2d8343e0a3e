// softmax

#include <math.h>
#include <stdint.h>
#include <string.h>

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

static void softmax_kernel(const float* __restrict x, float* __restrict out, int64_t core) {
  alignas(64) float exp_nonpositive_0[70];
  const int64_t v10 = smaller<int64_t>(3, ((core * (-3)) + 10));
  const int32_t v20 = (int32_t)6;
  const i32x16 v21 = i32x16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const i32x16 v22 = splat<i32x16>(v20);
  const i32x16 v23 = v21 < v22;
  for (int64_t i = 0; i < v10; ++i) {
    const int64_t v42 = (core * 210) + (i * 70);
    const f32x16 v43 = load<f32x16>(x + v42);
    const f32x16 v44 = maximum<f32x16>(splat<f32x16>(-__builtin_inff()), v43);
    const int64_t v45 = v42 + 16;
    const f32x16 v46 = load<f32x16>(x + v45);
    const f32x16 v47 = maximum<f32x16>(splat<f32x16>(-__builtin_inff()), v46);
    const int64_t v48 = v42 + 32;
    const f32x16 v49 = load<f32x16>(x + v48);
    const f32x16 v50 = maximum<f32x16>(splat<f32x16>(-__builtin_inff()), v49);
    const int64_t v51 = v42 + 48;
    const f32x16 v52 = load<f32x16>(x + v51);
    const f32x16 v53 = maximum<f32x16>(splat<f32x16>(-__builtin_inff()), v52);
    const int64_t v54 = v42 + 64;
    const f32x16 v55 = load_first<f32x16>(x + v54, 6);
    const f32x16 v56 = v23 ? v55 : splat<f32x16>(-__builtin_inff());
    const f32x16 v57 = maximum<f32x16>(v44, v56);
    const f32x16 v58 = maximum<f32x16>(v57, v47);
    const f32x16 v59 = maximum<f32x16>(v50, v53);
    const f32x16 v60 = maximum<f32x16>(v58, v59);
    const f32x8 v61 = __builtin_shufflevector(v60, v60, 0, 1, 2, 3, 4, 5, 6, 7);
    const f32x8 v62 = __builtin_shufflevector(v60, v60, 8, 9, 10, 11, 12, 13, 14, 15);
    const f32x8 v63 = maximum<f32x8>(v61, v62);
    const f32x4 v64 = __builtin_shufflevector(v63, v63, 0, 1, 2, 3);
    const f32x4 v65 = __builtin_shufflevector(v63, v63, 4, 5, 6, 7);
    const f32x4 v66 = maximum<f32x4>(v64, v65);
    const float v67 = v66[0];
    const float v68 = v66[1];
    const float v69 = v66[2];
    const float v70 = v66[3];
    const float v71 = maximum<float>(v67, v69);
    const float v72 = maximum<float>(v68, v70);
    const float v73 = maximum<float>(v71, v72);
    const f32x16 v74 = splat<f32x16>(v73);
    f32x16 carried = splat<f32x16>(0.0f);
    f32x16 carried_2 = splat<f32x16>(0.0f);
    for (int64_t i_2 = 0; i_2 < 64; i_2 += 32) {
      const int64_t v80 = v42 + i_2;
      const f32x16 v81 = load<f32x16>(x + v80);
      const f32x16 v82 = v81 - v74;
      const i32x16 v83 = v82 < (-104.0f);
      const f32x16 v84 = v83 ? splat<f32x16>((-104.0f)) : v82;
      const f32x16 v85 = v84 * 1.442695f + 1.2582912e+07f;
      const f32x16 v86 = v85 - 1.2582912e+07f;
      const f32x16 v87 = v86 * (-0.6933594f) + v84;
      const f32x16 v88 = v86 * 0.00021219444f + v87;
      const i32x16 v89 = (i32x16)v85;
      const f32x16 v90 = 0.00019875691f * v88 + 0.0013981999f;
      const f32x16 v91 = v90 * v88 + 0.008333452f;
      const f32x16 v92 = v91 * v88 + 0.041665796f;
      const f32x16 v93 = v92 * v88 + 0.16666666f;
      const f32x16 v94 = v93 * v88 + 0.5f;
      const f32x16 v95 = v88 * v88;
      const f32x16 v96 = v94 * v95 + v88;
      const f32x16 v97 = v96 + 1.0f;
      const i32x16 v98 = v89 - 1262485353;
      const i32x16 v99 = v98 << 23;
      const f32x16 v100 = (f32x16)v99;
      const f32x16 v101 = v97 * v100;
      const f32x16 v102 = v101 * 5.9604645e-08f;
      store(exp_nonpositive_0 + i_2, v102);
      const f32x16 v103 = carried + v102;
      const f32x16 v105 = load<f32x16>(x + (v80 + 16));
      const f32x16 v106 = v105 - v74;
      const i32x16 v107 = v106 < (-104.0f);
      const f32x16 v108 = v107 ? splat<f32x16>((-104.0f)) : v106;
      const f32x16 v109 = v108 * 1.442695f + 1.2582912e+07f;
      const f32x16 v110 = v109 - 1.2582912e+07f;
      const f32x16 v111 = v110 * (-0.6933594f) + v108;
      const f32x16 v112 = v110 * 0.00021219444f + v111;
      const i32x16 v113 = (i32x16)v109;
      const f32x16 v114 = 0.00019875691f * v112 + 0.0013981999f;
      const f32x16 v115 = v114 * v112 + 0.008333452f;
      const f32x16 v116 = v115 * v112 + 0.041665796f;
      const f32x16 v117 = v116 * v112 + 0.16666666f;
      const f32x16 v118 = v117 * v112 + 0.5f;
      const f32x16 v119 = v112 * v112;
      const f32x16 v120 = v118 * v119 + v112;
      const f32x16 v121 = v120 + 1.0f;
      const i32x16 v122 = v113 - 1262485353;
      const i32x16 v123 = v122 << 23;
      const f32x16 v124 = (f32x16)v123;
      const f32x16 v125 = v121 * v124;
      const f32x16 v126 = v125 * 5.9604645e-08f;
      store(exp_nonpositive_0 + (i_2 + 16), v126);
      const f32x16 v128 = carried_2 + v126;
      carried = v103;
      carried_2 = v128;
    }
    const f32x16 v129 = load_first<f32x16>(x + v54, 6);
    const f32x16 v130 = v129 - v74;
    const i32x16 v131 = v130 < (-104.0f);
    const f32x16 v132 = v131 ? splat<f32x16>((-104.0f)) : v130;
    const f32x16 v133 = v132 * 1.442695f + 1.2582912e+07f;
    const f32x16 v134 = v133 - 1.2582912e+07f;
    const f32x16 v135 = v134 * (-0.6933594f) + v132;
    const f32x16 v136 = v134 * 0.00021219444f + v135;
    const i32x16 v137 = (i32x16)v133;
    const f32x16 v138 = 0.00019875691f * v136 + 0.0013981999f;
    const f32x16 v139 = v138 * v136 + 0.008333452f;
    const f32x16 v140 = v139 * v136 + 0.041665796f;
    const f32x16 v141 = v140 * v136 + 0.16666666f;
    const f32x16 v142 = v141 * v136 + 0.5f;
    const f32x16 v143 = v136 * v136;
    const f32x16 v144 = v142 * v143 + v136;
    const f32x16 v145 = v144 + 1.0f;
    const i32x16 v146 = v137 - 1262485353;
    const i32x16 v147 = v146 << 23;
    const f32x16 v148 = (f32x16)v147;
    const f32x16 v149 = v145 * v148;
    const f32x16 v150 = v149 * 5.9604645e-08f;
    store_first(exp_nonpositive_0 + 64, v150, 6);
    const f32x16 v151 = v23 ? v150 : splat<f32x16>(0.0f);
    const f32x16 v152 = carried + v151;
    const f32x16 v153 = v152 + carried_2;
    const f32x8 v154 = __builtin_shufflevector(v153, v153, 0, 1, 2, 3, 4, 5, 6, 7);
    const f32x8 v155 = __builtin_shufflevector(v153, v153, 8, 9, 10, 11, 12, 13, 14, 15);
    const f32x8 v156 = v154 + v155;
    const f32x4 v157 = __builtin_shufflevector(v156, v156, 0, 1, 2, 3);
    const f32x4 v158 = __builtin_shufflevector(v156, v156, 4, 5, 6, 7);
    const f32x4 v159 = v157 + v158;
    const float v160 = v159[0];
    const float v161 = v159[1];
    const float v162 = v159[2];
    const float v163 = v159[3];
    const float v164 = v160 + v162;
    const float v165 = v161 + v163;
    const float v166 = v164 + v165;
    const f32x16 v167 = load<f32x16>(exp_nonpositive_0);
    const f32x16 v168 = splat<f32x16>(v166);
    const f32x16 v169 = v167 / v168;
    store(out + v42, v169);
    const f32x16 v170 = load<f32x16>(exp_nonpositive_0 + 16);
    const f32x16 v171 = v170 / v168;
    store(out + v45, v171);
    const f32x16 v172 = load<f32x16>(exp_nonpositive_0 + 32);
    const f32x16 v173 = v172 / v168;
    store(out + v48, v173);
    const f32x16 v174 = load<f32x16>(exp_nonpositive_0 + 48);
    const f32x16 v175 = v174 / v168;
    store(out + v51, v175);
    const f32x16 v176 = load_first<f32x16>(exp_nonpositive_0 + 64, 6);
    const f32x16 v177 = v176 / v168;
    store_first(out + v54, v177, 6);
  }
}

extern "C" int launch_softmax(void** buffers) {
  const float* x = (const float*)buffers[0];
  float* out = (float*)buffers[1];
  for (int64_t core = 0; core < 4; ++core)
    softmax_kernel(x, out, core);
  return 0;
}
