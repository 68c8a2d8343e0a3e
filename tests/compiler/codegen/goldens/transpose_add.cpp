// transpose_add

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512BW__)
#include <immintrin.h>
#endif

typedef float f32x16 __attribute__((vector_size(64)));

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

// The machine's own maximum and minimum: the second operand when either is NaN.
template <class V> static inline V larger(const V& a, const V& b) { return a > b ? a : b; }
template <class V> static inline V smaller(const V& a, const V& b) { return a < b ? a : b; }

static void transpose_add_kernel(
    const float* __restrict xt,
    const float* __restrict y,
    float* __restrict out,
    int64_t core) {
  alignas(64) float transposed_0[128];
  const int64_t v8 = core % 2;
  const int64_t v13 = smaller<int64_t>(16, ((v8 * (-16)) + 20));
  const int64_t v15 = (v13 / 16) * 16;
  const int64_t v17 = core / 2;
  const int64_t v21 = (v17 * 8) + (v8 * 384);
  const bool v38 = 1 < 8;
  const int64_t v39 = v38 ? 16 : 0;
  const bool v41 = 2 < 8;
  const int64_t v42 = v41 ? 16 : 0;
  const bool v44 = 3 < 8;
  const int64_t v45 = v44 ? 16 : 0;
  const bool v48 = 4 < 8;
  const int64_t v49 = v48 ? 16 : 0;
  const bool v52 = 5 < 8;
  const int64_t v53 = v52 ? 16 : 0;
  const bool v55 = 6 < 8;
  const int64_t v56 = v55 ? 16 : 0;
  const bool v59 = 7 < 8;
  const int64_t v60 = v59 ? 16 : 0;
  const bool v62 = 8 < 8;
  const int64_t v63 = v62 ? 16 : 0;
  const bool v65 = 9 < 8;
  const int64_t v66 = v65 ? 16 : 0;
  const bool v69 = 10 < 8;
  const int64_t v70 = v69 ? 16 : 0;
  const bool v73 = 11 < 8;
  const int64_t v74 = v73 ? 16 : 0;
  const bool v76 = 12 < 8;
  const int64_t v77 = v76 ? 16 : 0;
  const bool v80 = 13 < 8;
  const int64_t v81 = v80 ? 16 : 0;
  const bool v84 = 14 < 8;
  const int64_t v85 = v84 ? 16 : 0;
  const bool v87 = 15 < 8;
  const int64_t v88 = v87 ? 16 : 0;
  for (int64_t i = 0; i < v15; i += 16) {
    const int64_t v91 = v21 + (i * 24);
    const f32x16 v92 = load_first<f32x16>(xt + v91, 8);
    const f32x16 v94 = load_first<f32x16>(xt + (v91 + 24), 8);
    const f32x16 v96 = load_first<f32x16>(xt + (v91 + 48), 8);
    const f32x16 v98 = load_first<f32x16>(xt + (v91 + 72), 8);
    const f32x16 v100 = load_first<f32x16>(xt + (v91 + 96), 8);
    const f32x16 v102 = load_first<f32x16>(xt + (v91 + 120), 8);
    const f32x16 v104 = load_first<f32x16>(xt + (v91 + 144), 8);
    const f32x16 v106 = load_first<f32x16>(xt + (v91 + 168), 8);
    const f32x16 v108 = load_first<f32x16>(xt + (v91 + 192), 8);
    const f32x16 v110 = load_first<f32x16>(xt + (v91 + 216), 8);
    const f32x16 v112 = load_first<f32x16>(xt + (v91 + 240), 8);
    const f32x16 v114 = load_first<f32x16>(xt + (v91 + 264), 8);
    const f32x16 v116 = load_first<f32x16>(xt + (v91 + 288), 8);
    const f32x16 v118 = load_first<f32x16>(xt + (v91 + 312), 8);
    const f32x16 v120 = load_first<f32x16>(xt + (v91 + 336), 8);
    const f32x16 v122 = load_first<f32x16>(xt + (v91 + 360), 8);
    const f32x16 v123 = __builtin_shufflevector(v92, v94, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v124 = __builtin_shufflevector(v92, v94, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v125 = __builtin_shufflevector(v96, v98, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v126 = __builtin_shufflevector(v96, v98, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v127 = __builtin_shufflevector(v100, v102, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v128 = __builtin_shufflevector(v100, v102, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v129 = __builtin_shufflevector(v104, v106, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v130 = __builtin_shufflevector(v104, v106, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v131 = __builtin_shufflevector(v108, v110, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v132 = __builtin_shufflevector(v108, v110, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v133 = __builtin_shufflevector(v112, v114, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v134 = __builtin_shufflevector(v112, v114, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v135 = __builtin_shufflevector(v116, v118, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v136 = __builtin_shufflevector(v116, v118, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v137 = __builtin_shufflevector(v120, v122, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v138 = __builtin_shufflevector(v120, v122, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v139 = __builtin_shufflevector(v123, v125, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v140 = __builtin_shufflevector(v123, v125, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v141 = __builtin_shufflevector(v124, v126, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v142 = __builtin_shufflevector(v124, v126, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v143 = __builtin_shufflevector(v127, v129, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v144 = __builtin_shufflevector(v127, v129, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v145 = __builtin_shufflevector(v128, v130, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v146 = __builtin_shufflevector(v128, v130, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v147 = __builtin_shufflevector(v131, v133, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v148 = __builtin_shufflevector(v131, v133, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v149 = __builtin_shufflevector(v132, v134, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v150 = __builtin_shufflevector(v132, v134, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v151 = __builtin_shufflevector(v135, v137, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v152 = __builtin_shufflevector(v135, v137, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v153 = __builtin_shufflevector(v136, v138, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v154 = __builtin_shufflevector(v136, v138, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v155 = __builtin_shufflevector(v139, v143, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v156 = __builtin_shufflevector(v139, v143, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v157 = __builtin_shufflevector(v141, v145, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v158 = __builtin_shufflevector(v141, v145, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v159 = __builtin_shufflevector(v140, v144, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v160 = __builtin_shufflevector(v140, v144, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v161 = __builtin_shufflevector(v142, v146, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v162 = __builtin_shufflevector(v142, v146, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v163 = __builtin_shufflevector(v147, v151, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v164 = __builtin_shufflevector(v147, v151, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v165 = __builtin_shufflevector(v149, v153, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v166 = __builtin_shufflevector(v149, v153, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v167 = __builtin_shufflevector(v148, v152, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v168 = __builtin_shufflevector(v148, v152, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v169 = __builtin_shufflevector(v150, v154, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v170 = __builtin_shufflevector(v150, v154, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v171 = __builtin_shufflevector(v155, v163, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v172 = __builtin_shufflevector(v155, v163, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v173 = __builtin_shufflevector(v157, v165, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v174 = __builtin_shufflevector(v157, v165, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v175 = __builtin_shufflevector(v159, v167, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v176 = __builtin_shufflevector(v159, v167, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v177 = __builtin_shufflevector(v161, v169, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v178 = __builtin_shufflevector(v161, v169, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v179 = __builtin_shufflevector(v156, v164, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v180 = __builtin_shufflevector(v156, v164, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v181 = __builtin_shufflevector(v158, v166, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v182 = __builtin_shufflevector(v158, v166, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v183 = __builtin_shufflevector(v160, v168, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v184 = __builtin_shufflevector(v160, v168, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v185 = __builtin_shufflevector(v162, v170, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v186 = __builtin_shufflevector(v162, v170, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    store(transposed_0 + i, v171);
    store_first(transposed_0 + (i + 16), v173, v39);
    store_first(transposed_0 + (i + 32), v175, v42);
    store_first(transposed_0 + (i + 48), v177, v45);
    store_first(transposed_0 + (i + 64), v179, v49);
    store_first(transposed_0 + (i + 80), v181, v53);
    store_first(transposed_0 + (i + 96), v183, v56);
    store_first(transposed_0 + (i + 112), v185, v60);
    store_first(transposed_0 + (i + 128), v172, v63);
    store_first(transposed_0 + (i + 144), v174, v66);
    store_first(transposed_0 + (i + 160), v176, v70);
    store_first(transposed_0 + (i + 176), v178, v74);
    store_first(transposed_0 + (i + 192), v180, v77);
    store_first(transposed_0 + (i + 208), v182, v81);
    store_first(transposed_0 + (i + 224), v184, v85);
    store_first(transposed_0 + (i + 240), v186, v88);
  }
  for (int64_t i_2 = v15; i_2 < v13; i_2 += 16) {
    const int64_t v206 = smaller<int64_t>((v13 + (i_2 * (-1))), 16);
    const int64_t v208 = v21 + (i_2 * 24);
    const f32x16 v209 = load_first<f32x16>(xt + v208, 8);
    const bool v211 = 1 < v206;
    const int64_t v212 = v211 ? 8 : 0;
    const f32x16 v213 = load_first<f32x16>(xt + (v208 + 24), v212);
    const bool v215 = 2 < v206;
    const int64_t v216 = v215 ? 8 : 0;
    const f32x16 v217 = load_first<f32x16>(xt + (v208 + 48), v216);
    const bool v219 = 3 < v206;
    const int64_t v220 = v219 ? 8 : 0;
    const f32x16 v221 = load_first<f32x16>(xt + (v208 + 72), v220);
    const bool v223 = 4 < v206;
    const int64_t v224 = v223 ? 8 : 0;
    const f32x16 v225 = load_first<f32x16>(xt + (v208 + 96), v224);
    const bool v227 = 5 < v206;
    const int64_t v228 = v227 ? 8 : 0;
    const f32x16 v229 = load_first<f32x16>(xt + (v208 + 120), v228);
    const bool v231 = 6 < v206;
    const int64_t v232 = v231 ? 8 : 0;
    const f32x16 v233 = load_first<f32x16>(xt + (v208 + 144), v232);
    const bool v235 = 7 < v206;
    const int64_t v236 = v235 ? 8 : 0;
    const f32x16 v237 = load_first<f32x16>(xt + (v208 + 168), v236);
    const bool v239 = 8 < v206;
    const int64_t v240 = v239 ? 8 : 0;
    const f32x16 v241 = load_first<f32x16>(xt + (v208 + 192), v240);
    const bool v243 = 9 < v206;
    const int64_t v244 = v243 ? 8 : 0;
    const f32x16 v245 = load_first<f32x16>(xt + (v208 + 216), v244);
    const bool v247 = 10 < v206;
    const int64_t v248 = v247 ? 8 : 0;
    const f32x16 v249 = load_first<f32x16>(xt + (v208 + 240), v248);
    const bool v251 = 11 < v206;
    const int64_t v252 = v251 ? 8 : 0;
    const f32x16 v253 = load_first<f32x16>(xt + (v208 + 264), v252);
    const bool v255 = 12 < v206;
    const int64_t v256 = v255 ? 8 : 0;
    const f32x16 v257 = load_first<f32x16>(xt + (v208 + 288), v256);
    const bool v259 = 13 < v206;
    const int64_t v260 = v259 ? 8 : 0;
    const f32x16 v261 = load_first<f32x16>(xt + (v208 + 312), v260);
    const bool v263 = 14 < v206;
    const int64_t v264 = v263 ? 8 : 0;
    const f32x16 v265 = load_first<f32x16>(xt + (v208 + 336), v264);
    const bool v267 = 15 < v206;
    const int64_t v268 = v267 ? 8 : 0;
    const f32x16 v269 = load_first<f32x16>(xt + (v208 + 360), v268);
    const f32x16 v270 = __builtin_shufflevector(v209, v213, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v271 = __builtin_shufflevector(v209, v213, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v272 = __builtin_shufflevector(v217, v221, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v273 = __builtin_shufflevector(v217, v221, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v274 = __builtin_shufflevector(v225, v229, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v275 = __builtin_shufflevector(v225, v229, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v276 = __builtin_shufflevector(v233, v237, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v277 = __builtin_shufflevector(v233, v237, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v278 = __builtin_shufflevector(v241, v245, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v279 = __builtin_shufflevector(v241, v245, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v280 = __builtin_shufflevector(v249, v253, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v281 = __builtin_shufflevector(v249, v253, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v282 = __builtin_shufflevector(v257, v261, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v283 = __builtin_shufflevector(v257, v261, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v284 = __builtin_shufflevector(v265, v269, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    const f32x16 v285 = __builtin_shufflevector(v265, v269, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    const f32x16 v286 = __builtin_shufflevector(v270, v272, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v287 = __builtin_shufflevector(v270, v272, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v288 = __builtin_shufflevector(v271, v273, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v289 = __builtin_shufflevector(v271, v273, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v290 = __builtin_shufflevector(v274, v276, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v291 = __builtin_shufflevector(v274, v276, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v292 = __builtin_shufflevector(v275, v277, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v293 = __builtin_shufflevector(v275, v277, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v294 = __builtin_shufflevector(v278, v280, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v295 = __builtin_shufflevector(v278, v280, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v296 = __builtin_shufflevector(v279, v281, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v297 = __builtin_shufflevector(v279, v281, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v298 = __builtin_shufflevector(v282, v284, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v299 = __builtin_shufflevector(v282, v284, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v300 = __builtin_shufflevector(v283, v285, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    const f32x16 v301 = __builtin_shufflevector(v283, v285, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    const f32x16 v302 = __builtin_shufflevector(v286, v290, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v303 = __builtin_shufflevector(v286, v290, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v304 = __builtin_shufflevector(v288, v292, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v305 = __builtin_shufflevector(v288, v292, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v306 = __builtin_shufflevector(v287, v291, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v307 = __builtin_shufflevector(v287, v291, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v308 = __builtin_shufflevector(v289, v293, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v309 = __builtin_shufflevector(v289, v293, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v310 = __builtin_shufflevector(v294, v298, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v311 = __builtin_shufflevector(v294, v298, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v312 = __builtin_shufflevector(v296, v300, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v313 = __builtin_shufflevector(v296, v300, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v314 = __builtin_shufflevector(v295, v299, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v315 = __builtin_shufflevector(v295, v299, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v316 = __builtin_shufflevector(v297, v301, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const f32x16 v317 = __builtin_shufflevector(v297, v301, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    const f32x16 v318 = __builtin_shufflevector(v302, v310, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v319 = __builtin_shufflevector(v302, v310, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v320 = __builtin_shufflevector(v304, v312, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v321 = __builtin_shufflevector(v304, v312, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v322 = __builtin_shufflevector(v306, v314, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v323 = __builtin_shufflevector(v306, v314, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v324 = __builtin_shufflevector(v308, v316, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v325 = __builtin_shufflevector(v308, v316, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v326 = __builtin_shufflevector(v303, v311, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v327 = __builtin_shufflevector(v303, v311, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v328 = __builtin_shufflevector(v305, v313, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v329 = __builtin_shufflevector(v305, v313, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v330 = __builtin_shufflevector(v307, v315, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v331 = __builtin_shufflevector(v307, v315, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    const f32x16 v332 = __builtin_shufflevector(v309, v317, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const f32x16 v333 = __builtin_shufflevector(v309, v317, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    store_first(transposed_0 + i_2, v318, v206);
    const int64_t v335 = v38 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 16), v320, v335);
    const int64_t v337 = v41 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 32), v322, v337);
    const int64_t v339 = v44 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 48), v324, v339);
    const int64_t v341 = v48 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 64), v326, v341);
    const int64_t v343 = v52 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 80), v328, v343);
    const int64_t v345 = v55 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 96), v330, v345);
    const int64_t v347 = v59 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 112), v332, v347);
    const int64_t v349 = v62 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 128), v319, v349);
    const int64_t v351 = v65 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 144), v321, v351);
    const int64_t v353 = v69 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 160), v323, v353);
    const int64_t v355 = v73 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 176), v325, v355);
    const int64_t v357 = v76 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 192), v327, v357);
    const int64_t v359 = v80 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 208), v329, v359);
    const int64_t v361 = v84 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 224), v331, v361);
    const int64_t v363 = v87 ? v206 : 0;
    store_first(transposed_0 + (i_2 + 240), v333, v363);
  }
  for (int64_t i_3 = 0; i_3 < 8; ++i_3) {
    const int64_t v368 = i_3 * 16;
    const int64_t v370 = ((v17 * 160) + (v8 * 16)) + (i_3 * 20);
    for (int64_t i_4 = 0; i_4 < v15; i_4 += 16) {
      const f32x16 v373 = load<f32x16>(transposed_0 + (v368 + i_4));
      const int64_t v374 = v370 + i_4;
      const f32x16 v375 = load<f32x16>(y + v374);
      const f32x16 v376 = v373 + v375;
      store(out + v374, v376);
    }
    for (int64_t i_5 = v15; i_5 < v13; i_5 += 16) {
      const int64_t v380 = smaller<int64_t>((v13 + (i_5 * (-1))), 16);
      const f32x16 v382 = load_first<f32x16>(transposed_0 + (v368 + i_5), v380);
      const int64_t v383 = v370 + i_5;
      const f32x16 v384 = load_first<f32x16>(y + v383, v380);
      const f32x16 v385 = v382 + v384;
      store_first(out + v383, v385, v380);
    }
  }
}

extern "C" int launch_transpose_add(void** buffers) {
  const float* y = (const float*)buffers[2];
  float* out = (float*)buffers[3];
  float* product = (float*)buffers[4];
  for (int64_t core = 0; core < 6; ++core)
    transpose_add_kernel(product, y, out, core);
  return 0;
}
