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
    const int64_t v64 = ((v8 * 400) + v26) + (i * 100);
    for (int64_t i_2 = 0; i_2 < v23; i_2 += 32) {
      const int64_t v66 = v64 + i_2;
      const bf16x16 v67 = load<bf16x16>(x + v66);
      const i16x16 v68 = (i16x16)v67;
      const i32x16 v69 = (i32x16)__builtin_convertvector(v68, i32x16);
      const i32x16 v71 = v69 << 16;
      const f32x16 v72 = (f32x16)v71;
      const int64_t v73 = v26 + i_2;
      const bf16x16 v74 = load<bf16x16>(bias + v73);
      const i16x16 v75 = (i16x16)v74;
      const i32x16 v76 = (i32x16)__builtin_convertvector(v75, i32x16);
      const i32x16 v78 = v76 << 16;
      const f32x16 v79 = (f32x16)v78;
      const f32x16 v80 = v72 + v79;
      const f32x16 v81 = v80 * 0.5f;
      const f32x16 v82 = v80 * 0.70710677f;
      const f32x16 v83 = (f32x16)((i32x16)v82 & 0x7fffffff);
      const i32x16 v84 = v83 > 4.0f;
      const f32x16 v85 = v84 ? splat<f32x16>(4.0f) : v83;
      const f32x16 v86 = v82 * v82;
      const f32x16 v87 = v85 * (-1.7285347e-05f) + 0.00038319713f;
      const f32x16 v88 = v85 * (-0.0038839644f) + 0.024254622f;
      const f32x16 v89 = v85 * v85;
      const f32x16 v90 = v87 * v89 + v88;
      const f32x16 v91 = v90 * v85 + (-0.10677788f);
      const f32x16 v92 = v91 * v85 + (-0.6348467f);
      const f32x16 v93 = v92 * v85 + (-0.12871751f);
      const f32x16 v94 = -v85;
      const f32x16 v95 = v93 * v85 + v94;
      const f32x16 v96 = v95 * 1.442695f + 1.2582912e+07f;
      const f32x16 v97 = v96 - 1.2582912e+07f;
      const f32x16 v98 = v97 * (-0.6933594f) + v95;
      const f32x16 v99 = v97 * 0.00021219444f + v98;
      const i32x16 v100 = (i32x16)v96;
      const f32x16 v101 = 0.00019875691f * v99 + 0.0013981999f;
      const f32x16 v102 = v101 * v99 + 0.008333452f;
      const f32x16 v103 = v102 * v99 + 0.041665796f;
      const f32x16 v104 = v103 * v99 + 0.16666666f;
      const f32x16 v105 = v104 * v99 + 0.5f;
      const f32x16 v106 = v99 * v99;
      const f32x16 v107 = v105 * v106 + v99;
      const f32x16 v108 = v107 + 1.0f;
      const i32x16 v109 = v100 - 1262485377;
      const i32x16 v110 = v109 << 23;
      const f32x16 v111 = (f32x16)v110;
      const f32x16 v112 = v108 * v111;
      const f32x16 v113 = 1.0f - v112;
      const i32x16 v114 = (i32x16)v113;
      const i32x16 v115 = v114 & 2147483647;
      const i32x16 v116 = (i32x16)v82;
      const i32x16 v117 = v116 & INT32_MIN;
      const i32x16 v118 = v115 | v117;
      const f32x16 v119 = (f32x16)v118;
      const f32x16 v120 = (-0.0005967617f) * v86 + 0.0049911942f;
      const f32x16 v121 = v120 * v86 + (-0.026768135f);
      const f32x16 v122 = v121 * v86 + 0.112819925f;
      const f32x16 v123 = v122 * v86 + (-0.37612534f);
      const f32x16 v124 = v123 * v86 + 0.12837917f;
      const f32x16 v125 = v124 * v82 + v82;
      const i32x16 v126 = v85 > 0.9277344f;
      const f32x16 v127 = v126 ? v119 : v125;
      const f32x16 v128 = v127 + 1.0f;
      const f32x16 v129 = v81 * v128;
      const bf16x16 v130 = load<bf16x16>(y + v66);
      const i16x16 v131 = (i16x16)v130;
      const i32x16 v132 = (i32x16)__builtin_convertvector(v131, i32x16);
      const i32x16 v134 = v132 << 16;
      const f32x16 v135 = (f32x16)v134;
      const f32x16 v136 = v129 + v135;
      const i32x16 v137 = (i32x16)v136;
      const i32x16 v139 = (i32x16)((u32x16)v137 >> splat<i32x16>(16));
      const i32x16 v141 = v139 & 1;
      const i32x16 v143 = v141 + 32767;
      const i32x16 v144 = v137 + v143;
      const i32x16 v145 = (i32x16)((u32x16)v144 >> splat<i32x16>(16));
      const i32x16 v147 = v139 | 64;
      const i32x16 v148 = v136 != v136;
      const i32x16 v149 = v148 ? v147 : v145;
      const i16x16 v150 = (i16x16)__builtin_convertvector(v149, i16x16);
      const bf16x16 v151 = (bf16x16)v150;
      store(out + v66, v151);
      const int64_t v152 = v66 + 16;
      const bf16x16 v153 = load<bf16x16>(x + v152);
      const i16x16 v154 = (i16x16)v153;
      const i32x16 v155 = (i32x16)__builtin_convertvector(v154, i32x16);
      const i32x16 v157 = v155 << 16;
      const f32x16 v158 = (f32x16)v157;
      const bf16x16 v160 = load<bf16x16>(bias + (v73 + 16));
      const i16x16 v161 = (i16x16)v160;
      const i32x16 v162 = (i32x16)__builtin_convertvector(v161, i32x16);
      const i32x16 v164 = v162 << 16;
      const f32x16 v165 = (f32x16)v164;
      const f32x16 v166 = v158 + v165;
      const f32x16 v167 = v166 * 0.5f;
      const f32x16 v168 = v166 * 0.70710677f;
      const f32x16 v169 = (f32x16)((i32x16)v168 & 0x7fffffff);
      const i32x16 v170 = v169 > 4.0f;
      const f32x16 v171 = v170 ? splat<f32x16>(4.0f) : v169;
      const f32x16 v172 = v168 * v168;
      const f32x16 v173 = v171 * (-1.7285347e-05f) + 0.00038319713f;
      const f32x16 v174 = v171 * (-0.0038839644f) + 0.024254622f;
      const f32x16 v175 = v171 * v171;
      const f32x16 v176 = v173 * v175 + v174;
      const f32x16 v177 = v176 * v171 + (-0.10677788f);
      const f32x16 v178 = v177 * v171 + (-0.6348467f);
      const f32x16 v179 = v178 * v171 + (-0.12871751f);
      const f32x16 v180 = -v171;
      const f32x16 v181 = v179 * v171 + v180;
      const f32x16 v182 = v181 * 1.442695f + 1.2582912e+07f;
      const f32x16 v183 = v182 - 1.2582912e+07f;
      const f32x16 v184 = v183 * (-0.6933594f) + v181;
      const f32x16 v185 = v183 * 0.00021219444f + v184;
      const i32x16 v186 = (i32x16)v182;
      const f32x16 v187 = 0.00019875691f * v185 + 0.0013981999f;
      const f32x16 v188 = v187 * v185 + 0.008333452f;
      const f32x16 v189 = v188 * v185 + 0.041665796f;
      const f32x16 v190 = v189 * v185 + 0.16666666f;
      const f32x16 v191 = v190 * v185 + 0.5f;
      const f32x16 v192 = v185 * v185;
      const f32x16 v193 = v191 * v192 + v185;
      const f32x16 v194 = v193 + 1.0f;
      const i32x16 v195 = v186 - 1262485377;
      const i32x16 v196 = v195 << 23;
      const f32x16 v197 = (f32x16)v196;
      const f32x16 v198 = v194 * v197;
      const f32x16 v199 = 1.0f - v198;
      const i32x16 v200 = (i32x16)v199;
      const i32x16 v201 = v200 & 2147483647;
      const i32x16 v202 = (i32x16)v168;
      const i32x16 v203 = v202 & INT32_MIN;
      const i32x16 v204 = v201 | v203;
      const f32x16 v205 = (f32x16)v204;
      const f32x16 v206 = (-0.0005967617f) * v172 + 0.0049911942f;
      const f32x16 v207 = v206 * v172 + (-0.026768135f);
      const f32x16 v208 = v207 * v172 + 0.112819925f;
      const f32x16 v209 = v208 * v172 + (-0.37612534f);
      const f32x16 v210 = v209 * v172 + 0.12837917f;
      const f32x16 v211 = v210 * v168 + v168;
      const i32x16 v212 = v171 > 0.9277344f;
      const f32x16 v213 = v212 ? v205 : v211;
      const f32x16 v214 = v213 + 1.0f;
      const f32x16 v215 = v167 * v214;
      const bf16x16 v216 = load<bf16x16>(y + v152);
      const i16x16 v217 = (i16x16)v216;
      const i32x16 v218 = (i32x16)__builtin_convertvector(v217, i32x16);
      const i32x16 v220 = v218 << 16;
      const f32x16 v221 = (f32x16)v220;
      const f32x16 v222 = v215 + v221;
      const i32x16 v223 = (i32x16)v222;
      const i32x16 v225 = (i32x16)((u32x16)v223 >> splat<i32x16>(16));
      const i32x16 v227 = v225 & 1;
      const i32x16 v229 = v227 + 32767;
      const i32x16 v230 = v223 + v229;
      const i32x16 v231 = (i32x16)((u32x16)v230 >> splat<i32x16>(16));
      const i32x16 v233 = v225 | 64;
      const i32x16 v234 = v222 != v222;
      const i32x16 v235 = v234 ? v233 : v231;
      const i16x16 v236 = (i16x16)__builtin_convertvector(v235, i16x16);
      const bf16x16 v237 = (bf16x16)v236;
      store(out + v152, v237);
    }
    for (int64_t i_3 = v23; i_3 < v20; i_3 += 16) {
      const int64_t v241 = smaller<int64_t>((v20 + (i_3 * (-1))), 16);
      const int64_t v242 = v64 + i_3;
      const bf16x16 v243 = load_first<bf16x16>(x + v242, v241);
      const i16x16 v244 = (i16x16)v243;
      const i32x16 v245 = (i32x16)__builtin_convertvector(v244, i32x16);
      const i32x16 v247 = v245 << 16;
      const f32x16 v248 = (f32x16)v247;
      const bf16x16 v250 = load_first<bf16x16>(bias + (v26 + i_3), v241);
      const i16x16 v251 = (i16x16)v250;
      const i32x16 v252 = (i32x16)__builtin_convertvector(v251, i32x16);
      const i32x16 v254 = v252 << 16;
      const f32x16 v255 = (f32x16)v254;
      const f32x16 v256 = v248 + v255;
      const f32x16 v257 = v256 * 0.5f;
      const f32x16 v258 = v256 * 0.70710677f;
      const f32x16 v259 = (f32x16)((i32x16)v258 & 0x7fffffff);
      const i32x16 v260 = v259 > 4.0f;
      const f32x16 v261 = v260 ? splat<f32x16>(4.0f) : v259;
      const f32x16 v262 = v258 * v258;
      const f32x16 v263 = v261 * (-1.7285347e-05f) + 0.00038319713f;
      const f32x16 v264 = v261 * (-0.0038839644f) + 0.024254622f;
      const f32x16 v265 = v261 * v261;
      const f32x16 v266 = v263 * v265 + v264;
      const f32x16 v267 = v266 * v261 + (-0.10677788f);
      const f32x16 v268 = v267 * v261 + (-0.6348467f);
      const f32x16 v269 = v268 * v261 + (-0.12871751f);
      const f32x16 v270 = -v261;
      const f32x16 v271 = v269 * v261 + v270;
      const f32x16 v272 = v271 * 1.442695f + 1.2582912e+07f;
      const f32x16 v273 = v272 - 1.2582912e+07f;
      const f32x16 v274 = v273 * (-0.6933594f) + v271;
      const f32x16 v275 = v273 * 0.00021219444f + v274;
      const i32x16 v276 = (i32x16)v272;
      const f32x16 v277 = 0.00019875691f * v275 + 0.0013981999f;
      const f32x16 v278 = v277 * v275 + 0.008333452f;
      const f32x16 v279 = v278 * v275 + 0.041665796f;
      const f32x16 v280 = v279 * v275 + 0.16666666f;
      const f32x16 v281 = v280 * v275 + 0.5f;
      const f32x16 v282 = v275 * v275;
      const f32x16 v283 = v281 * v282 + v275;
      const f32x16 v284 = v283 + 1.0f;
      const i32x16 v285 = v276 - 1262485377;
      const i32x16 v286 = v285 << 23;
      const f32x16 v287 = (f32x16)v286;
      const f32x16 v288 = v284 * v287;
      const f32x16 v289 = 1.0f - v288;
      const i32x16 v290 = (i32x16)v289;
      const i32x16 v291 = v290 & 2147483647;
      const i32x16 v292 = (i32x16)v258;
      const i32x16 v293 = v292 & INT32_MIN;
      const i32x16 v294 = v291 | v293;
      const f32x16 v295 = (f32x16)v294;
      const f32x16 v296 = (-0.0005967617f) * v262 + 0.0049911942f;
      const f32x16 v297 = v296 * v262 + (-0.026768135f);
      const f32x16 v298 = v297 * v262 + 0.112819925f;
      const f32x16 v299 = v298 * v262 + (-0.37612534f);
      const f32x16 v300 = v299 * v262 + 0.12837917f;
      const f32x16 v301 = v300 * v258 + v258;
      const i32x16 v302 = v261 > 0.9277344f;
      const f32x16 v303 = v302 ? v295 : v301;
      const f32x16 v304 = v303 + 1.0f;
      const f32x16 v305 = v257 * v304;
      const bf16x16 v306 = load_first<bf16x16>(y + v242, v241);
      const i16x16 v307 = (i16x16)v306;
      const i32x16 v308 = (i32x16)__builtin_convertvector(v307, i32x16);
      const i32x16 v310 = v308 << 16;
      const f32x16 v311 = (f32x16)v310;
      const f32x16 v312 = v305 + v311;
      const i32x16 v313 = (i32x16)v312;
      const i32x16 v315 = (i32x16)((u32x16)v313 >> splat<i32x16>(16));
      const i32x16 v317 = v315 & 1;
      const i32x16 v319 = v317 + 32767;
      const i32x16 v320 = v313 + v319;
      const i32x16 v321 = (i32x16)((u32x16)v320 >> splat<i32x16>(16));
      const i32x16 v323 = v315 | 64;
      const i32x16 v324 = v312 != v312;
      const i32x16 v325 = v324 ? v323 : v321;
      const i16x16 v326 = (i16x16)__builtin_convertvector(v325, i16x16);
      const bf16x16 v327 = (bf16x16)v326;
      store_first(out + v242, v327, v241);
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
