/* Measured peaks of this CPU with all threads: bytes per second for a working set of a given size,
 * and fused multiply-adds per second. Prints one JSON object.
 *
 *   stream THREADS BYTES...
 *
 * Every thread works on memory of its own; the rate is the best of several runs. */
#define _GNU_SOURCE
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX__)
#define WIDTH 32
#else
#define WIDTH 16
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef int64_t ivec __attribute__((vector_size(WIDTH), may_alias));
typedef float fvec __attribute__((vector_size(WIDTH)));
typedef double dvec __attribute__((vector_size(WIDTH)));

#define RUNS 12
#define RUN_SECONDS 0.02
#define FORGET() __asm__ volatile("" ::: "memory")

static volatile int64_t sink;

static void store_past_cache(ivec *to, ivec value) {
#if defined(__AVX512F__)
  _mm512_stream_si512((__m512i *)to, (__m512i)value);
#elif defined(__AVX__)
  _mm256_stream_si256((__m256i *)to, (__m256i)value);
#elif defined(__x86_64__)
  _mm_stream_si128((__m128i *)to, (__m128i)value);
#else
  *to = value;
#endif
}

enum kernel { READ, COPY, STREAM_COPY, WRITE };

static void pass(enum kernel kernel, ivec *a, ivec *b, size_t n) {
  if (kernel == READ) { /* a and b are one block of 2 n vectors */
    ivec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, s4 = {0}, s5 = {0}, s6 = {0}, s7 = {0};
    for (size_t i = 0; i + 8 <= 2 * n; i += 8) {
      s0 += a[i], s1 += a[i + 1], s2 += a[i + 2], s3 += a[i + 3];
      s4 += a[i + 4], s5 += a[i + 5], s6 += a[i + 6], s7 += a[i + 7];
    }
    s0 += s1 + s2 + s3 + s4 + s5 + s6 + s7;
    sink = s0[0];
  } else if (kernel == COPY) {
    for (size_t i = 0; i + 4 <= n; i += 4)
      b[i] = a[i], b[i + 1] = a[i + 1], b[i + 2] = a[i + 2], b[i + 3] = a[i + 3];
  } else if (kernel == STREAM_COPY) {
    for (size_t i = 0; i < n; i++) store_past_cache(b + i, a[i]);
  } else {
    ivec value = a[0];
    for (size_t i = 0; i < 2 * n; i++) store_past_cache(a + i, value);
  }
  FORGET();
}

/* Bytes per second of `kernel` over `bytes` in all, shared out among the threads. */
static double bandwidth(enum kernel kernel, char *block, size_t bytes, int threads) {
  size_t half = bytes / (size_t)threads / 2 / (8 * WIDTH) * 8; /* vectors */
  double best = 0;
  long repeats = 1;
  if (half == 0) return 0;
  for (int run = 0; run < RUNS;) {
    double seconds = 0;
#pragma omp parallel num_threads(threads) reduction(max : seconds)
    {
      ivec *a = (ivec *)(block + (size_t)omp_get_thread_num() * half * 2 * WIDTH);
      pass(kernel, a, a + half, half);
#pragma omp barrier
      double start = omp_get_wtime();
      for (long r = 0; r < repeats; r++) pass(kernel, a, a + half, half);
      seconds = omp_get_wtime() - start;
    }
    double moved = (double)half * 2 * WIDTH * threads * (double)repeats;
    if (moved / seconds > best) best = moved / seconds;
    if (seconds < RUN_SECONDS / 4 && run == 0) repeats *= 4;
    else run++;
  }
  return best;
}

/* 12 chains hide the latency of two FMA units (4 cycles each) and fit in 16 registers. */
#define DEFINE_FMA(NAME, VEC, SCALAR)                                                              \
  static double NAME(long repeats) {                                                               \
    VEC s[12], x, y;                                                                               \
    for (int j = 0; j < 12; j++)                                                                   \
      for (size_t i = 0; i < WIDTH / sizeof(SCALAR); i++) s[j][i] = (SCALAR)(j + 1);               \
    for (size_t i = 0; i < WIDTH / sizeof(SCALAR); i++) x[i] = (SCALAR)0.5, y[i] = (SCALAR)0.25;   \
    double start = omp_get_wtime();                                                                \
    for (long r = 0; r < repeats; r++) {                                                           \
      s[0] = s[0] * x + y, s[1] = s[1] * x + y, s[2] = s[2] * x + y, s[3] = s[3] * x + y;          \
      s[4] = s[4] * x + y, s[5] = s[5] * x + y, s[6] = s[6] * x + y, s[7] = s[7] * x + y;          \
      s[8] = s[8] * x + y, s[9] = s[9] * x + y, s[10] = s[10] * x + y, s[11] = s[11] * x + y;      \
    }                                                                                              \
    double seconds = omp_get_wtime() - start;                                                      \
    double total = 0;                                                                              \
    for (int j = 0; j < 12; j++) total += (double)s[j][0];                                         \
    sink = (int64_t)total;                                                                         \
    return (double)repeats * 12 * 2 * (WIDTH / sizeof(SCALAR)) / seconds;                          \
  }
DEFINE_FMA(fma_float, fvec, float)
DEFINE_FMA(fma_double, dvec, double)

static double all_threads(double (*one)(long), int threads) {
  double best = 0;
  for (int run = 0; run < RUNS; run++) {
    double rate = 0;
#pragma omp parallel num_threads(threads) reduction(+ : rate)
    {
#pragma omp barrier
      rate = one(4000000);
    }
    if (rate > best) best = rate;
  }
  return best;
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1;
  size_t most = 0;
  for (int i = 2; i < argc; i++)
    if ((size_t)atoll(argv[i]) > most) most = (size_t)atoll(argv[i]);
  if (threads < 1 || most == 0) {
    fprintf(stderr, "usage: stream THREADS BYTES...\n");
    return 2;
  }
  char *block = aligned_alloc(4096, (most + 8191) / 4096 * 4096);
  if (!block) {
    fprintf(stderr, "cannot get %zu bytes\n", most);
    return 1;
  }
  memset(block, 1, most);
  printf("{\"threads\": %d, \"vector_bytes\": %d, \"bandwidth\": {", threads, WIDTH);
  for (int i = 2; i < argc; i++) {
    size_t bytes = (size_t)atoll(argv[i]);
    printf("%s\"%zu\": {\"read\": %.6g, \"copy\": %.6g, \"stream_copy\": %.6g, \"write\": %.6g}",
           i > 2 ? ", " : "", bytes, bandwidth(READ, block, bytes, threads),
           bandwidth(COPY, block, bytes, threads), bandwidth(STREAM_COPY, block, bytes, threads),
           bandwidth(WRITE, block, bytes, threads));
  }
  printf("}, \"flops\": {\"float32\": %.6g, \"float64\": %.6g}}\n",
         all_threads(fma_float, threads), all_threads(fma_double, threads));
  free(block);
  return 0;
}
