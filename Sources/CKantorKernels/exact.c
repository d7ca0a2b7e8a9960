#include "kantor_exact.h"

#include <math.h>
#include <stddef.h>

#include "kantor_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define KN_V4 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma,bmi,bmi2,popcnt")))
#endif

/* ---- pricing of listed arcs ------------------------------------------------------------------ */

static int64_t price_arcs_scalar(const int32_t *tail, const int32_t *head, const double *cost,
                                 const double *potential, int64_t begin, int64_t end,
                                 double tolerance, double best, int64_t found) {
  for (int64_t k = begin; k < end; k++) {
    double c = cost[k], u = potential[tail[k]], v = potential[head[k]];
    double score = (c - u + v) + tolerance * (fabs(c) + fabs(u) + fabs(v));
    if (score < best) {
      best = score;
      found = k;
    }
  }
  return found;
}

#if defined(__x86_64__)
/* Lanes keep their own best; ties between lanes go to the lowest index, as in the scalar form. */
KN_V4 static int64_t price_arcs_v4(const int32_t *tail, const int32_t *head, const double *cost,
                                   const double *potential, int64_t begin, int64_t end,
                                   double tolerance) {
  __m512d best = _mm512_setzero_pd(), tol = _mm512_set1_pd(tolerance);
  __m512i index = _mm512_set1_epi64(-1);
  __m512i current = _mm512_add_epi64(_mm512_set1_epi64(begin),
                                     _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
  for (int64_t k = begin; k < end; k += 8) {
    __mmask8 live = end - k >= 8 ? 0xff : (__mmask8)((1u << (end - k)) - 1);
    __m512d c = _mm512_maskz_loadu_pd(live, cost + k);
    __m256i t = _mm256_maskz_loadu_epi32(live, tail + k);
    __m256i h = _mm256_maskz_loadu_epi32(live, head + k);
    __m512d u = _mm512_mask_i32gather_pd(_mm512_setzero_pd(), live, t, potential, 8);
    __m512d v = _mm512_mask_i32gather_pd(_mm512_setzero_pd(), live, h, potential, 8);
    __m512d size = _mm512_add_pd(_mm512_add_pd(_mm512_abs_pd(c), _mm512_abs_pd(u)),
                                 _mm512_abs_pd(v));
    __m512d score = _mm512_fmadd_pd(tol, size, _mm512_add_pd(_mm512_sub_pd(c, u), v));
    __mmask8 wins = _mm512_mask_cmp_pd_mask(live, score, best, _CMP_LT_OQ);
    best = _mm512_mask_mov_pd(best, wins, score);
    index = _mm512_mask_mov_epi64(index, wins, current);
    current = _mm512_add_epi64(current, _mm512_set1_epi64(8));
  }
  double least = _mm512_reduce_min_pd(best);
  if (!(least < 0)) return -1;
  __mmask8 winners = _mm512_cmp_pd_mask(best, _mm512_set1_pd(least), _CMP_EQ_OQ);
  return _mm512_mask_reduce_min_epi64(winners, index);
}
#endif

int64_t kn_price_arcs_f64(const int32_t *tail, const int32_t *head, const double *cost,
                          const double *potential, int64_t begin, int64_t end, double tolerance) {
#if defined(__x86_64__)
  if (kn_level() >= 4) {
    return price_arcs_v4(tail, head, cost, potential, begin, end, tolerance);
  }
#endif
  return price_arcs_scalar(tail, head, cost, potential, begin, end, tolerance, 0, -1);
}

/* ---- selection of arcs with a small reduced cost --------------------------------------------- */

static int64_t select_below_scalar(const double *c, const double *v, int64_t begin, int64_t end,
                                   double limit, int32_t *out, int64_t capacity) {
  int64_t count = 0;
  for (int64_t j = begin; j < end && count < capacity; j++) {
    if (c[j] - v[j] <= limit) out[count++] = (int32_t)j;
  }
  return count;
}

#if defined(__x86_64__)
KN_V4 static int64_t select_below_v4(const double *c, const double *v, int64_t begin, int64_t end,
                                     double limit, int32_t *out, int64_t capacity) {
  int64_t count = 0, j = begin;
  __m512d bound = _mm512_set1_pd(limit);
  __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (; j + 16 <= end && count < capacity; j += 16) {
    __m512d r0 = _mm512_sub_pd(_mm512_loadu_pd(c + j), _mm512_loadu_pd(v + j));
    __m512d r1 = _mm512_sub_pd(_mm512_loadu_pd(c + j + 8), _mm512_loadu_pd(v + j + 8));
    uint32_t hits = (uint32_t)_mm512_cmp_pd_mask(r0, bound, _CMP_LE_OQ) |
                    (uint32_t)_mm512_cmp_pd_mask(r1, bound, _CMP_LE_OQ) << 8;
    if (hits == 0) continue;
    __m512i index = _mm512_add_epi32(lanes, _mm512_set1_epi32((int32_t)j));
    _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi32((__mmask16)hits, index));
    count += __builtin_popcount(hits);
  }
  if (count >= capacity) return capacity;
  return count + select_below_scalar(c, v, j, end, limit, out + count, capacity - count);
}
#endif

int64_t kn_select_below_f64(const double *c, const double *v, int64_t begin, int64_t end,
                            double limit, int32_t *out, int64_t capacity) {
#if defined(__x86_64__)
  if (kn_level() >= 4) return select_below_v4(c, v, begin, end, limit, out, capacity);
#endif
  return select_below_scalar(c, v, begin, end, limit, out, capacity);
}
