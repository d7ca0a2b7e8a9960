/* Small dense matrices of padded rows; see kantor_tiny.h. */

#include "vector.h"

static int32_t kn_body_pad(const double *source, int64_t rows, int64_t n, double *matrix,
                                int64_t leading) {
  /* x - x is 0 for finite x and NaN for all others. */
  double rubbish = 0;
  for (int64_t i = 0; i < rows; i++) {
    const double *from = source + i * n;
    double *to = matrix + i * leading;
    int64_t j = 0;
    kn_vd found = kn_splat_d(0);
    for (; j + KN_LANES_D <= n; j += KN_LANES_D) {
      const kn_vd v = kn_load_d(from + j);
      found += v - v;
      kn_store_d(to + j, v);
    }
    rubbish += kn_sum_d(found);
    for (; j < n; j++) {
      rubbish += from[j] - from[j];
      to[j] = from[j];
    }
    for (; j < leading; j++) to[j] = 0;
  }
  return rubbish == 0;
}

KN_INLINE double kn_tiny_dot(const double *a, const double *b, int64_t leading) {
  kn_vd sum = kn_load_d(a) * kn_load_d(b);
  for (int64_t j = KN_LANES_D; j < leading; j += KN_LANES_D) {
    sum = kn_fma_d(kn_load_d(a + j), kn_load_d(b + j), sum);
  }
  return kn_sum_d(sum);
}

static void kn_body_rows(const double *matrix, int64_t leading, int64_t rows, const double *x,
                              double *out) {
  for (int64_t i = 0; i < rows; i++) out[i] = kn_tiny_dot(matrix + i * leading, x, leading);
}

static void kn_body_combine(const double *matrix, int64_t leading, int64_t rows,
                                 const double *weights, double *out) {
  for (int64_t j = 0; j < leading; j += KN_LANES_D) {
    kn_vd sum = kn_splat_d(0);
    for (int64_t i = 0; i < rows; i++) {
      sum = kn_fma_d(kn_splat_d(weights[i]), kn_load_d(matrix + i * leading + j), sum);
    }
    kn_store_d(out + j, sum);
  }
}

/* row -= factor * v, from the vector that holds `first` on. */
KN_INLINE void kn_tiny_subtract(double *row, double factor, const double *v, int64_t first,
                                int64_t leading) {
  const kn_vd f = kn_splat_d(-factor);
  for (int64_t j = first / KN_LANES_D * KN_LANES_D; j < leading; j += KN_LANES_D) {
    kn_store_d(row + j, kn_fma_d(f, kn_load_d(v + j), kn_load_d(row + j)));
  }
}

static void kn_body_rank_one(double *matrix, int64_t leading, int64_t rows, const double *u,
                                  const double *v) {
  for (int64_t i = 0; i < rows; i++) kn_tiny_subtract(matrix + i * leading, u[i], v, 0, leading);
}

static int64_t kn_body_invert_factor(double *matrix, int64_t leading, int64_t n,
                                          const double *least, double *inverse, double *pivot) {
  for (int64_t k = 0; k < n; k++) {
    double *row = matrix + k * leading;
    if (!(row[k] > least[k])) {
      *pivot = row[k];
      return k;
    }
    const double scale = 1 / sqrt(row[k]);
    for (int64_t j = k / KN_LANES_D * KN_LANES_D; j < leading; j += KN_LANES_D) {
      kn_store_d(row + j, kn_splat_d(scale) * kn_load_d(row + j));
    }
    for (int64_t i = k + 1; i < n; i++) {
      kn_tiny_subtract(matrix + i * leading, row[i], row, i, leading);
    }
  }
  for (int64_t k = n - 1; k >= 0; k--) {
    const double *row = matrix + k * leading;
    double *out = inverse + k * leading;
    const double scale = 1 / row[k];
    for (int64_t j = 0; j < leading; j++) out[j] = 0;
    for (int64_t i = k + 1; i < n; i++) {
      kn_tiny_subtract(out, row[i] * scale, inverse + i * leading, i, leading);
    }
    out[k] = scale;
  }
  return n;
}

const kn_tiny_table KN_TINY_TABLE = {
    .pad = kn_body_pad,
    .rows = kn_body_rows,
    .combine = kn_body_combine,
    .rank_one = kn_body_rank_one,
    .invert_factor = kn_body_invert_factor,
};
