// Row softmax.

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <omp.h>

#if defined(__F16C__)
#include <immintrin.h>
#endif

typedef float f32x4 __attribute__((vector_size(16)));
typedef uint16_t f16x8 __attribute__((vector_size(16)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef uint16_t f16x16 __attribute__((vector_size(32)));
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

// The first `count` lanes; the others are zero.
template <class V, class T> static inline V load_first(const T* p, int64_t count) {
  V v = {};
  for (int l = 0; l < (int)lanes<V>; ++l)
    if (l < (int)count) v[l] = p[l];
  return v;
}

template <class V, class T> static inline void store_first(T* p, const V& v, int64_t count) {
  for (int l = 0; l < (int)lanes<V>; ++l)
    if (l < (int)count) p[l] = v[l];
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
}

static inline f32x8 f16_to_f32(const f16x8& h) {
#if defined(__F16C__)
  return (f32x8)_mm256_cvtph_ps((__m128i)h);
#else
  f32x8 x;
  for (int l = 0; l < 8; ++l) x[l] = f16_to_f32(h[l]);
  return x;
#endif
}
static inline f16x8 f32_to_f16(const f32x8& x) {
#if defined(__F16C__)
  return (f16x8)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT);
#else
  f16x8 h;
  for (int l = 0; l < 8; ++l) h[l] = f32_to_f16(x[l]);
  return h;
#endif
}

static inline f32x16 f16_to_f32(const f16x16& h) {
#if defined(__AVX512F__)
  return (f32x16)_mm512_cvtph_ps((__m256i)h);
#else
  return __builtin_shufflevector(f16_to_f32(__builtin_shufflevector(h, h, 0, 1, 2, 3, 4, 5, 6, 7)),
      f16_to_f32(__builtin_shufflevector(h, h, 8, 9, 10, 11, 12, 13, 14, 15)), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
}
static inline f16x16 f32_to_f16(const f32x16& x) {
#if defined(__AVX512F__)
  return (f16x16)_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT);
#else
  return __builtin_shufflevector(f32_to_f16(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7)),
      f32_to_f16(__builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15)), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
}

static void softmax_kernel(const uint16_t* __restrict x, uint16_t* __restrict out, int64_t core) {
  alignas(64) float exp_nonpositive_0[70];
  const int64_t v10 = smaller<int64_t>(((core * (-3)) + 10), 3);
  const int32_t v20 = (int32_t)6;
  const i32x16 v21 = i32x16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const i32x16 v22 = splat<i32x16>(v20);
  const i32x16 v23 = v21 < v22;
  for (int64_t i = 0; i < v10; ++i) {
    const int64_t v42 = (core * 210) + (i * 70);
    const f16x16 v43 = load<f16x16>(x + v42);
    const f32x16 v44 = f16_to_f32(v43);
    const f32x16 v45 = maximum<f32x16>(splat<f32x16>(-__builtin_inff()), v44);
    const int64_t v46 = v42 + 16;
    const f16x16 v47 = load<f16x16>(x + v46);
    const f32x16 v48 = f16_to_f32(v47);
    const f32x16 v49 = maximum<f32x16>(splat<f32x16>(-__builtin_inff()), v48);
    const int64_t v50 = v42 + 32;
    const f16x16 v51 = load<f16x16>(x + v50);
    const f32x16 v52 = f16_to_f32(v51);
    const f32x16 v53 = maximum<f32x16>(splat<f32x16>(-__builtin_inff()), v52);
    const int64_t v54 = v42 + 48;
    const f16x16 v55 = load<f16x16>(x + v54);
    const f32x16 v56 = f16_to_f32(v55);
    const f32x16 v57 = maximum<f32x16>(splat<f32x16>(-__builtin_inff()), v56);
    const int64_t v58 = v42 + 64;
    const f16x16 v59 = load_first<f16x16>(x + v58, 6);
    const f32x16 v60 = f16_to_f32(v59);
    const f32x16 v61 = v23 ? v60 : splat<f32x16>(-__builtin_inff());
    const f32x16 v62 = maximum<f32x16>(v45, v61);
    const f32x16 v63 = maximum<f32x16>(v62, v49);
    const f32x16 v64 = maximum<f32x16>(v53, v57);
    const f32x16 v65 = maximum<f32x16>(v63, v64);
    const f32x8 v66 = __builtin_shufflevector(v65, v65, 0, 1, 2, 3, 4, 5, 6, 7);
    const f32x8 v67 = __builtin_shufflevector(v65, v65, 8, 9, 10, 11, 12, 13, 14, 15);
    const f32x8 v68 = maximum<f32x8>(v66, v67);
    const f32x4 v69 = __builtin_shufflevector(v68, v68, 0, 1, 2, 3);
    const f32x4 v70 = __builtin_shufflevector(v68, v68, 4, 5, 6, 7);
    const f32x4 v71 = maximum<f32x4>(v69, v70);
    const float v72 = v71[0];
    const float v73 = v71[1];
    const float v74 = v71[2];
    const float v75 = v71[3];
    const float v76 = maximum<float>(v72, v74);
    const float v77 = maximum<float>(v73, v75);
    const float v78 = maximum<float>(v76, v77);
    const f32x16 v79 = splat<f32x16>(v78);
    f32x16 carried = splat<f32x16>(0.0f);
    f32x16 carried_2 = splat<f32x16>(0.0f);
    for (int64_t i_2 = 0; i_2 < 64; i_2 += 32) {
      const int64_t v85 = v42 + i_2;
      const f16x16 v86 = load<f16x16>(x + v85);
      const f32x16 v87 = f16_to_f32(v86);
      const f32x16 v88 = v87 - v79;
      const i32x16 v89 = v88 < (-104.0f);
      const f32x16 v90 = v89 ? splat<f32x16>((-104.0f)) : v88;
      const f32x16 v91 = v90 * 1.442695f + 1.2582912e+07f;
      const f32x16 v92 = v91 - 1.2582912e+07f;
      const f32x16 v93 = v92 * (-0.6933594f) + v90;
      const f32x16 v94 = v92 * 0.00021219444f + v93;
      const i32x16 v95 = (i32x16)v91;
      const f32x16 v96 = 0.00019875691f * v94 + 0.0013981999f;
      const f32x16 v97 = v96 * v94 + 0.008333452f;
      const f32x16 v98 = v97 * v94 + 0.041665796f;
      const f32x16 v99 = v98 * v94 + 0.16666666f;
      const f32x16 v100 = v99 * v94 + 0.5f;
      const f32x16 v101 = v94 * v94;
      const f32x16 v102 = v100 * v101 + v94;
      const f32x16 v103 = v102 + 1.0f;
      const i32x16 v104 = v95 - 1262485353;
      const i32x16 v105 = v104 << 23;
      const f32x16 v106 = (f32x16)v105;
      const f32x16 v107 = v103 * v106;
      const f32x16 v108 = v107 * 5.9604645e-08f;
      store(exp_nonpositive_0 + i_2, v108);
      const f32x16 v109 = carried + v108;
      const f16x16 v111 = load<f16x16>(x + (v85 + 16));
      const f32x16 v112 = f16_to_f32(v111);
      const f32x16 v113 = v112 - v79;
      const i32x16 v114 = v113 < (-104.0f);
      const f32x16 v115 = v114 ? splat<f32x16>((-104.0f)) : v113;
      const f32x16 v116 = v115 * 1.442695f + 1.2582912e+07f;
      const f32x16 v117 = v116 - 1.2582912e+07f;
      const f32x16 v118 = v117 * (-0.6933594f) + v115;
      const f32x16 v119 = v117 * 0.00021219444f + v118;
      const i32x16 v120 = (i32x16)v116;
      const f32x16 v121 = 0.00019875691f * v119 + 0.0013981999f;
      const f32x16 v122 = v121 * v119 + 0.008333452f;
      const f32x16 v123 = v122 * v119 + 0.041665796f;
      const f32x16 v124 = v123 * v119 + 0.16666666f;
      const f32x16 v125 = v124 * v119 + 0.5f;
      const f32x16 v126 = v119 * v119;
      const f32x16 v127 = v125 * v126 + v119;
      const f32x16 v128 = v127 + 1.0f;
      const i32x16 v129 = v120 - 1262485353;
      const i32x16 v130 = v129 << 23;
      const f32x16 v131 = (f32x16)v130;
      const f32x16 v132 = v128 * v131;
      const f32x16 v133 = v132 * 5.9604645e-08f;
      store(exp_nonpositive_0 + (i_2 + 16), v133);
      const f32x16 v135 = carried_2 + v133;
      carried = v109;
      carried_2 = v135;
    }
    const f16x16 v136 = load_first<f16x16>(x + v58, 6);
    const f32x16 v137 = f16_to_f32(v136);
    const f32x16 v138 = v137 - v79;
    const i32x16 v139 = v138 < (-104.0f);
    const f32x16 v140 = v139 ? splat<f32x16>((-104.0f)) : v138;
    const f32x16 v141 = v140 * 1.442695f + 1.2582912e+07f;
    const f32x16 v142 = v141 - 1.2582912e+07f;
    const f32x16 v143 = v142 * (-0.6933594f) + v140;
    const f32x16 v144 = v142 * 0.00021219444f + v143;
    const i32x16 v145 = (i32x16)v141;
    const f32x16 v146 = 0.00019875691f * v144 + 0.0013981999f;
    const f32x16 v147 = v146 * v144 + 0.008333452f;
    const f32x16 v148 = v147 * v144 + 0.041665796f;
    const f32x16 v149 = v148 * v144 + 0.16666666f;
    const f32x16 v150 = v149 * v144 + 0.5f;
    const f32x16 v151 = v144 * v144;
    const f32x16 v152 = v150 * v151 + v144;
    const f32x16 v153 = v152 + 1.0f;
    const i32x16 v154 = v145 - 1262485353;
    const i32x16 v155 = v154 << 23;
    const f32x16 v156 = (f32x16)v155;
    const f32x16 v157 = v153 * v156;
    const f32x16 v158 = v157 * 5.9604645e-08f;
    store_first(exp_nonpositive_0 + 64, v158, 6);
    const f32x16 v159 = v23 ? v158 : splat<f32x16>(0.0f);
    const f32x16 v160 = carried + v159;
    const f32x16 v161 = v160 + carried_2;
    const f32x8 v162 = __builtin_shufflevector(v161, v161, 0, 1, 2, 3, 4, 5, 6, 7);
    const f32x8 v163 = __builtin_shufflevector(v161, v161, 8, 9, 10, 11, 12, 13, 14, 15);
    const f32x8 v164 = v162 + v163;
    const f32x4 v165 = __builtin_shufflevector(v164, v164, 0, 1, 2, 3);
    const f32x4 v166 = __builtin_shufflevector(v164, v164, 4, 5, 6, 7);
    const f32x4 v167 = v165 + v166;
    const float v168 = v167[0];
    const float v169 = v167[1];
    const float v170 = v167[2];
    const float v171 = v167[3];
    const float v172 = v168 + v170;
    const float v173 = v169 + v171;
    const float v174 = v172 + v173;
    const f32x16 v175 = load<f32x16>(exp_nonpositive_0);
    const f32x16 v176 = splat<f32x16>(v174);
    const f32x16 v177 = v175 / v176;
    const f16x16 v178 = f32_to_f16(v177);
    store(out + v42, v178);
    const f32x16 v179 = load<f32x16>(exp_nonpositive_0 + 16);
    const f32x16 v180 = v179 / v176;
    const f16x16 v181 = f32_to_f16(v180);
    store(out + v46, v181);
    const f32x16 v182 = load<f32x16>(exp_nonpositive_0 + 32);
    const f32x16 v183 = v182 / v176;
    const f16x16 v184 = f32_to_f16(v183);
    store(out + v50, v184);
    const f32x16 v185 = load<f32x16>(exp_nonpositive_0 + 48);
    const f32x16 v186 = v185 / v176;
    const f16x16 v187 = f32_to_f16(v186);
    store(out + v54, v187);
    const f32x16 v188 = load_first<f32x16>(exp_nonpositive_0 + 64, 6);
    const f32x16 v189 = v188 / v176;
    const f16x16 v190 = f32_to_f16(v189);
    store_first(out + v58, v190, 6);
  }
}

extern "C" int softmax(void** buffers) {
  const uint16_t* x = (const uint16_t*)buffers[0];
  uint16_t* out = (uint16_t*)buffers[1];
#pragma omp parallel for schedule(static)
  for (int64_t core = 0; core < 4; ++core)
    softmax_kernel(x, out, core);
  return 0;
}
