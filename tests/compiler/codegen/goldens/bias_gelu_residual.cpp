// bias_gelu_residual

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

typedef uint16_t bf16x16 __attribute__((vector_size(32)));
typedef float f32x16 __attribute__((vector_size(64)));
typedef int16_t i16x16 __attribute__((vector_size(32)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));

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

static void bias_gelu_residual_kernel(
    const uint16_t* __restrict x,
    const uint16_t* __restrict bias,
    const uint16_t* __restrict y,
    uint16_t* __restrict out,
    int64_t core) {
  const int64_t v8 = core / 2;
  const int64_t v13 = smaller<int64_t>(4, ((v8 * (-4)) + 13));
  const int64_t v15 = core % 2;
  const int64_t v20 = smaller<int64_t>(64, ((v15 * (-64)) + 100));
  const int64_t v23 = (v20 / 32) * 32;
  const int64_t v26 = v15 * 64;
  for (int64_t i = 0; i < v13; ++i) {
    const int64_t v49 = ((v8 * 400) + v26) + (i * 100);
    for (int64_t i_2 = 0; i_2 < v23; i_2 += 32) {
      const int64_t v51 = v49 + i_2;
      const bf16x16 v52 = load<bf16x16>(x + v51);
      const i16x16 v53 = (i16x16)v52;
      const i32x16 v54 = (i32x16)__builtin_convertvector(v53, i32x16);
      const i32x16 v56 = v54 << 16;
      const f32x16 v57 = (f32x16)v56;
      const int64_t v58 = v26 + i_2;
      const bf16x16 v59 = load<bf16x16>(bias + v58);
      const i16x16 v60 = (i16x16)v59;
      const i32x16 v61 = (i32x16)__builtin_convertvector(v60, i32x16);
      const i32x16 v63 = v61 << 16;
      const f32x16 v64 = (f32x16)v63;
      const f32x16 v65 = v57 + v64;
      const f32x16 v66 = v65 * 0.5f;
      const f32x16 v67 = v65 * 0.70710677f;
      const i32x16 v68 = v67 < (-3.92f);
      const f32x16 v69 = v68 ? splat<f32x16>((-3.92f)) : v67;
      const i32x16 v70 = v69 > 3.92f;
      const f32x16 v71 = v70 ? splat<f32x16>(3.92f) : v69;
      const f32x16 v72 = v71 * v71;
      const f32x16 v73 = (-7.667204e-06f) * v72 + (-1.1682502e-05f);
      const f32x16 v74 = v73 * v72 + (-5.3056847e-05f);
      const f32x16 v75 = v74 * v72 + 0.023639265f;
      const f32x16 v76 = v75 * v72 + 0.062325917f;
      const f32x16 v77 = v76 * v72 + 0.8732771f;
      const f32x16 v78 = 3.8091803e-05f * v72 + 0.0011625382f;
      const f32x16 v79 = v78 * v72 + 0.014969231f;
      const f32x16 v80 = v79 * v72 + 0.114109166f;
      const f32x16 v81 = v80 * v72 + 0.50207615f;
      const f32x16 v82 = v81 * v72 + 1.0f;
      const f32x16 v83 = v77 / v82;
      const f32x16 v84 = v71 * v83;
      const f32x16 v85 = v71 * 0.25510204f + v84;
      const f32x16 v86 = v85 + 1.0f;
      const f32x16 v87 = v66 * v86;
      const bf16x16 v88 = load<bf16x16>(y + v51);
      const i16x16 v89 = (i16x16)v88;
      const i32x16 v90 = (i32x16)__builtin_convertvector(v89, i32x16);
      const i32x16 v92 = v90 << 16;
      const f32x16 v93 = (f32x16)v92;
      const f32x16 v94 = v87 + v93;
      const i32x16 v95 = (i32x16)v94;
      const i32x16 v97 = (i32x16)((u32x16)v95 >> splat<i32x16>(16));
      const i32x16 v99 = v97 & 1;
      const i32x16 v101 = v99 + 32767;
      const i32x16 v102 = v95 + v101;
      const i32x16 v103 = (i32x16)((u32x16)v102 >> splat<i32x16>(16));
      const i32x16 v105 = v97 | 64;
      const i32x16 v106 = v94 != v94;
      const i32x16 v107 = v106 ? v105 : v103;
      const i16x16 v108 = (i16x16)__builtin_convertvector(v107, i16x16);
      const bf16x16 v109 = (bf16x16)v108;
      store(out + v51, v109);
      const int64_t v110 = v51 + 16;
      const bf16x16 v111 = load<bf16x16>(x + v110);
      const i16x16 v112 = (i16x16)v111;
      const i32x16 v113 = (i32x16)__builtin_convertvector(v112, i32x16);
      const i32x16 v115 = v113 << 16;
      const f32x16 v116 = (f32x16)v115;
      const bf16x16 v118 = load<bf16x16>(bias + (v58 + 16));
      const i16x16 v119 = (i16x16)v118;
      const i32x16 v120 = (i32x16)__builtin_convertvector(v119, i32x16);
      const i32x16 v122 = v120 << 16;
      const f32x16 v123 = (f32x16)v122;
      const f32x16 v124 = v116 + v123;
      const f32x16 v125 = v124 * 0.5f;
      const f32x16 v126 = v124 * 0.70710677f;
      const i32x16 v127 = v126 < (-3.92f);
      const f32x16 v128 = v127 ? splat<f32x16>((-3.92f)) : v126;
      const i32x16 v129 = v128 > 3.92f;
      const f32x16 v130 = v129 ? splat<f32x16>(3.92f) : v128;
      const f32x16 v131 = v130 * v130;
      const f32x16 v132 = (-7.667204e-06f) * v131 + (-1.1682502e-05f);
      const f32x16 v133 = v132 * v131 + (-5.3056847e-05f);
      const f32x16 v134 = v133 * v131 + 0.023639265f;
      const f32x16 v135 = v134 * v131 + 0.062325917f;
      const f32x16 v136 = v135 * v131 + 0.8732771f;
      const f32x16 v137 = 3.8091803e-05f * v131 + 0.0011625382f;
      const f32x16 v138 = v137 * v131 + 0.014969231f;
      const f32x16 v139 = v138 * v131 + 0.114109166f;
      const f32x16 v140 = v139 * v131 + 0.50207615f;
      const f32x16 v141 = v140 * v131 + 1.0f;
      const f32x16 v142 = v136 / v141;
      const f32x16 v143 = v130 * v142;
      const f32x16 v144 = v130 * 0.25510204f + v143;
      const f32x16 v145 = v144 + 1.0f;
      const f32x16 v146 = v125 * v145;
      const bf16x16 v147 = load<bf16x16>(y + v110);
      const i16x16 v148 = (i16x16)v147;
      const i32x16 v149 = (i32x16)__builtin_convertvector(v148, i32x16);
      const i32x16 v151 = v149 << 16;
      const f32x16 v152 = (f32x16)v151;
      const f32x16 v153 = v146 + v152;
      const i32x16 v154 = (i32x16)v153;
      const i32x16 v156 = (i32x16)((u32x16)v154 >> splat<i32x16>(16));
      const i32x16 v158 = v156 & 1;
      const i32x16 v160 = v158 + 32767;
      const i32x16 v161 = v154 + v160;
      const i32x16 v162 = (i32x16)((u32x16)v161 >> splat<i32x16>(16));
      const i32x16 v164 = v156 | 64;
      const i32x16 v165 = v153 != v153;
      const i32x16 v166 = v165 ? v164 : v162;
      const i16x16 v167 = (i16x16)__builtin_convertvector(v166, i16x16);
      const bf16x16 v168 = (bf16x16)v167;
      store(out + v110, v168);
    }
    for (int64_t i_3 = v23; i_3 < v20; i_3 += 16) {
      const int64_t v172 = smaller<int64_t>((v20 + (i_3 * (-1))), 16);
      const int64_t v173 = v49 + i_3;
      const bf16x16 v174 = load_first<bf16x16>(x + v173, v172);
      const i16x16 v175 = (i16x16)v174;
      const i32x16 v176 = (i32x16)__builtin_convertvector(v175, i32x16);
      const i32x16 v178 = v176 << 16;
      const f32x16 v179 = (f32x16)v178;
      const bf16x16 v181 = load_first<bf16x16>(bias + (v26 + i_3), v172);
      const i16x16 v182 = (i16x16)v181;
      const i32x16 v183 = (i32x16)__builtin_convertvector(v182, i32x16);
      const i32x16 v185 = v183 << 16;
      const f32x16 v186 = (f32x16)v185;
      const f32x16 v187 = v179 + v186;
      const f32x16 v188 = v187 * 0.5f;
      const f32x16 v189 = v187 * 0.70710677f;
      const i32x16 v190 = v189 < (-3.92f);
      const f32x16 v191 = v190 ? splat<f32x16>((-3.92f)) : v189;
      const i32x16 v192 = v191 > 3.92f;
      const f32x16 v193 = v192 ? splat<f32x16>(3.92f) : v191;
      const f32x16 v194 = v193 * v193;
      const f32x16 v195 = (-7.667204e-06f) * v194 + (-1.1682502e-05f);
      const f32x16 v196 = v195 * v194 + (-5.3056847e-05f);
      const f32x16 v197 = v196 * v194 + 0.023639265f;
      const f32x16 v198 = v197 * v194 + 0.062325917f;
      const f32x16 v199 = v198 * v194 + 0.8732771f;
      const f32x16 v200 = 3.8091803e-05f * v194 + 0.0011625382f;
      const f32x16 v201 = v200 * v194 + 0.014969231f;
      const f32x16 v202 = v201 * v194 + 0.114109166f;
      const f32x16 v203 = v202 * v194 + 0.50207615f;
      const f32x16 v204 = v203 * v194 + 1.0f;
      const f32x16 v205 = v199 / v204;
      const f32x16 v206 = v193 * v205;
      const f32x16 v207 = v193 * 0.25510204f + v206;
      const f32x16 v208 = v207 + 1.0f;
      const f32x16 v209 = v188 * v208;
      const bf16x16 v210 = load_first<bf16x16>(y + v173, v172);
      const i16x16 v211 = (i16x16)v210;
      const i32x16 v212 = (i32x16)__builtin_convertvector(v211, i32x16);
      const i32x16 v214 = v212 << 16;
      const f32x16 v215 = (f32x16)v214;
      const f32x16 v216 = v209 + v215;
      const i32x16 v217 = (i32x16)v216;
      const i32x16 v219 = (i32x16)((u32x16)v217 >> splat<i32x16>(16));
      const i32x16 v221 = v219 & 1;
      const i32x16 v223 = v221 + 32767;
      const i32x16 v224 = v217 + v223;
      const i32x16 v225 = (i32x16)((u32x16)v224 >> splat<i32x16>(16));
      const i32x16 v227 = v219 | 64;
      const i32x16 v228 = v216 != v216;
      const i32x16 v229 = v228 ? v227 : v225;
      const i16x16 v230 = (i16x16)__builtin_convertvector(v229, i16x16);
      const bf16x16 v231 = (bf16x16)v230;
      store_first(out + v173, v231, v172);
    }
  }
}

extern "C" int launch_bias_gelu_residual(void** buffers) {
  const uint16_t* x = (const uint16_t*)buffers[0];
  const uint16_t* bias = (const uint16_t*)buffers[1];
  const uint16_t* y = (const uint16_t*)buffers[2];
  uint16_t* out = (uint16_t*)buffers[3];
  for (int64_t core = 0; core < 8; ++core)
    bias_gelu_residual_kernel(x, bias, y, out, core);
  return 0;
}
