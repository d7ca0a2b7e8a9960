/* Small dense matrices of padded rows; see kantor_tiny.h. */

#include "vector.h"

/* The first `count` lanes of v, zero in the others. */
KN_INLINE kn_vd kn_tiny_head(kn_vd v, int64_t count) {
  kn_vl lane;
  for (int k = 0; k < KN_LANES_D; k++) lane[k] = k;
  return lane < count ? v : kn_splat_d(0);
}

static int32_t kn_body_pad(const double *source, int64_t rows, int64_t n, double *matrix,
                           int64_t leading, double *top, double *row_top) {
  /* x - x is 0 for finite x and NaN for all others. */
  kn_vd rubbish = kn_splat_d(0);
  const double *end = source + rows * n;
  for (int64_t i = 0; i < rows; i++) {
    const double *from = source + i * n;
    double *to = matrix + i * leading;
    kn_vd largest = kn_splat_d(0);
    for (int64_t j = 0; j < leading; j += KN_LANES_D) {
      const int64_t left = n - j;
      kn_vd v = kn_splat_d(0);
      if (left >= KN_LANES_D) {
        v = kn_load_d(from + j);
      } else if (left > 0) {
        /* The next row begins there, if there is one. */
        v = end - (from + j) >= KN_LANES_D ? kn_tiny_head(kn_load_d(from + j), left)
                                           : kn_load_part_d(from + j, left, 0);
      }
      const kn_vd size = kn_abs_d(v);
      rubbish += v - v;
      largest = kn_max_d(largest, size);
      kn_store_d(top + j, kn_max_d(kn_load_d(top + j), size));
      kn_store_d(to + j, v);
    }
    if (row_top) row_top[i] = kn_highest_d(largest);
  }
  return kn_sum_d(rubbish) == 0;
}

static int32_t kn_body_bounds(const double *lower, const double *upper, int64_t count, double *low,
                              double *high) {
  int32_t wrong = 0;
  for (int64_t c = 0; c < count; c++) low[c] = lower ? lower[c] : -INFINITY;
  for (int64_t c = 0; c < count; c++) high[c] = upper ? upper[c] : INFINITY;
  for (int64_t c = 0; c < count; c++) {
    wrong |= !((low[c] <= high[c]) & (low[c] < INFINITY) & (high[c] > -INFINITY));
  }
  return !wrong;
}

KN_INLINE double kn_tiny_dot(const double *a, const double *b, int64_t leading) {
  kn_vd sum = kn_load_d(a) * kn_load_d(b);
  for (int64_t j = KN_LANES_D; j < leading; j += KN_LANES_D) {
    sum = kn_fma_d(kn_load_d(a + j), kn_load_d(b + j), sum);
  }
  return kn_sum_d(sum);
}

static void kn_body_weights(const double *transposed, int64_t leading, int64_t n, double *out) {
  for (int64_t i = 0; i < leading; i += KN_LANES_D) {
    kn_vd square = kn_splat_d(0);
    for (int64_t j = 0; j < n; j++) {
      const kn_vd v = kn_load_d(transposed + j * leading + i);
      square = kn_fma_d(v, v, square);
    }
    const kn_vd weight = kn_splat_d(1) / __builtin_elementwise_sqrt(square);
    const kn_vl is_size = (square > 0) & (square < (double)INFINITY);
    kn_store_d(out + i, is_size ? weight : kn_splat_d(1));
  }
}

/* Four rows at a time: their sums do not wait for each other. */
static void kn_body_rows(const double *matrix, int64_t leading, int64_t rows, const double *x,
                         double *out) {
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const double *a = matrix + i * leading, *b = a + leading, *c = b + leading, *d = c + leading;
    kn_vd first = kn_load_d(x);
    kn_vd s = kn_load_d(a) * first, t = kn_load_d(b) * first;
    kn_vd u = kn_load_d(c) * first, v = kn_load_d(d) * first;
    for (int64_t j = KN_LANES_D; j < leading; j += KN_LANES_D) {
      first = kn_load_d(x + j);
      s = kn_fma_d(kn_load_d(a + j), first, s);
      t = kn_fma_d(kn_load_d(b + j), first, t);
      u = kn_fma_d(kn_load_d(c + j), first, u);
      v = kn_fma_d(kn_load_d(d + j), first, v);
    }
    kn_store_sums_d(s, t, u, v, out + i);
  }
  for (; i < rows; i++) out[i] = kn_tiny_dot(matrix + i * leading, x, leading);
}

static void kn_body_combine(const double *matrix, int64_t leading, int64_t rows,
                            const double *weights, double *out) {
  int64_t j = 0;
  for (; j + 4 * KN_LANES_D <= leading; j += 4 * KN_LANES_D) {
    kn_vd s = kn_splat_d(0), t = s, u = s, v = s;
    for (int64_t i = 0; i < rows; i++) {
      const double *row = matrix + i * leading + j;
      const kn_vd w = kn_splat_d(weights[i]);
      s = kn_fma_d(w, kn_load_d(row), s);
      t = kn_fma_d(w, kn_load_d(row + KN_LANES_D), t);
      u = kn_fma_d(w, kn_load_d(row + 2 * KN_LANES_D), u);
      v = kn_fma_d(w, kn_load_d(row + 3 * KN_LANES_D), v);
    }
    kn_store_d(out + j, s);
    kn_store_d(out + j + KN_LANES_D, t);
    kn_store_d(out + j + 2 * KN_LANES_D, u);
    kn_store_d(out + j + 3 * KN_LANES_D, v);
  }
  for (; j + 2 * KN_LANES_D <= leading; j += 2 * KN_LANES_D) {
    kn_vd s = kn_splat_d(0), t = s;
    for (int64_t i = 0; i < rows; i++) {
      const double *row = matrix + i * leading + j;
      const kn_vd w = kn_splat_d(weights[i]);
      s = kn_fma_d(w, kn_load_d(row), s);
      t = kn_fma_d(w, kn_load_d(row + KN_LANES_D), t);
    }
    kn_store_d(out + j, s);
    kn_store_d(out + j + KN_LANES_D, t);
  }
  for (; j < leading; j += KN_LANES_D) {
    kn_vd sum = kn_splat_d(0);
    for (int64_t i = 0; i < rows; i++) {
      sum = kn_fma_d(kn_splat_d(weights[i]), kn_load_d(matrix + i * leading + j), sum);
    }
    kn_store_d(out + j, sum);
  }
}

static double kn_body_values(const double *transposed, int64_t leading, int64_t n, int64_t rows,
                             const double *x, double *values) {
  kn_body_combine(transposed, leading, n, x, values);
  double size = 0;
  for (int64_t j = 0; j < n; j++) {
    values[rows + j] = x[j];
    size = size > fabs(x[j]) ? size : fabs(x[j]);
  }
  return size;
}

/* row -= factor * v from the vector that holds `first` on, up to `end`. */
KN_INLINE void kn_tiny_subtract(double *row, double factor, const double *v, int64_t first,
                                int64_t end) {
  const kn_vd f = kn_splat_d(-factor);
  for (int64_t j = first / KN_LANES_D * KN_LANES_D; j < end; j += KN_LANES_D) {
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
  for (int64_t k = 0; k < n; k++) {
    double *out = inverse + k * leading;
    const double scale = 1 / matrix[k * leading + k];
    for (int64_t j = 0; j < leading; j++) out[j] = 0;
    for (int64_t i = 0; i < k; i++) {
      kn_tiny_subtract(out, matrix[i * leading + k] * scale, inverse + i * leading, 0, i + 1);
    }
    out[k] = scale;
  }
  return n;
}

static int64_t kn_body_violated(const double *values, const double *low, const double *high,
                                const double *weight, const int32_t *state, int64_t count,
                                double size, double tolerance) {
  kn_vd best = kn_splat_d(0);
  kn_vl place = (kn_vl)(int64_t)-1, here;
  for (int k = 0; k < KN_LANES_D; k++) here[k] = k;
  for (int64_t c = 0; c < count; c += KN_LANES_D, here += KN_LANES_D) {
    const kn_vd value = kn_load_d(values + c), w = kn_load_d(weight + c);
    const kn_vd l = kn_load_d(low + c), u = kn_load_d(high + c);
    const kn_vd below = l - value, above = value - u;
    const kn_vd score = kn_max_d(below, above) * w;
    const kn_vd bound = kn_abs_d(below > above ? l : u);
    const kn_vd least = tolerance * (size + bound * w);
    kn_vn words;
    __builtin_memcpy(&words, state + c, sizeof words);
    const kn_vl free = __builtin_convertvector(words, kn_vl) == 0;
    const kn_vl better = free & (score > best) & (score > least);
    best = better ? score : best;
    place = better ? here : place;
  }
  double most = 0;
  int64_t found = -1;
  for (int k = 0; k < KN_LANES_D; k++) {
    if (best[k] > most || (best[k] == most && found >= 0 && place[k] >= 0 && place[k] < found)) {
      most = best[k];
      found = place[k];
    }
  }
  return found;
}

static void kn_body_split(const double *d, int64_t k, int64_t n, double *norms) {
  kn_vd within = kn_splat_d(0), beyond = within;
  for (int64_t i = 0; i < n; i += KN_LANES_D) {
    const kn_vd v = kn_load_d(d + i), square = v * v, head = kn_tiny_head(square, k - i);
    within += head;
    beyond += square - head;
  }
  norms[0] = kn_sum_d(within);
  norms[1] = kn_sum_d(beyond);
}

static double kn_body_back(const kn_tiny_system *s, const double *d, double *out) {
  const int64_t k = s->k;
  for (int64_t i = 0; i < s->leading; i += KN_LANES_D) {
    kn_store_d(out + i, kn_tiny_head(kn_load_d(d + i), k - i));
  }
  double largest = 0;
  for (int64_t c = k - 1; c >= 0; c--) {
    const double value = out[c] * s->inverse[c], size = fabs(value);
    kn_tiny_subtract(out, value, s->columns + c * s->leading, 0, c);
    out[c] = value;
    largest = size > largest ? size : largest;
  }
  return largest;
}

static void kn_body_append(const kn_tiny_system *s, const double *d, double *z, double beyond) {
  const int64_t k = s->k, leading = s->leading;
  const double root = sqrt(beyond), diagonal = d[k] > 0 ? -root : root;
  const double factor = 1 / (beyond - diagonal * d[k]);
  double *first = s->basis + k * leading, *column = s->columns + k * leading;
  for (int64_t j = 0; j < leading; j += KN_LANES_D) {
    const kn_vd v = kn_load_d(first + j);
    kn_store_d(z + j, kn_splat_d(factor) * kn_fma_d(kn_splat_d(-diagonal), v, kn_load_d(z + j)));
  }
  kn_tiny_subtract(first, d[k] - diagonal, z, 0, leading);
  for (int64_t c = k + 1; c < s->n; c++) {
    kn_tiny_subtract(s->basis + c * leading, d[c], z, 0, leading);
  }
  for (int64_t i = 0; i < leading; i += KN_LANES_D) {
    kn_store_d(column + i, kn_tiny_head(kn_load_d(d + i), k - i));
  }
  s->diagonal[k] = diagonal;
  s->inverse[k] = 1 / diagonal;
}

static void kn_body_remove(const kn_tiny_system *s, int64_t l, double *d) {
  const int64_t leading = s->leading, last = s->k - 1;
  for (int64_t c = l; c < last; c++) {
    double *to = s->columns + c * leading;
    for (int64_t i = 0; i < leading; i += KN_LANES_D) {
      kn_store_d(to + i, kn_load_d(to + leading + i));
    }
  }
  for (int64_t i = l; i < last; i++) {
    double *column = s->columns + i * leading;
    const double p = column[i], q = s->diagonal[i + 1], length = sqrt(p * p + q * q);
    column[i] = 0;
    s->diagonal[i] = length;
    s->inverse[i] = 1 / length;
    if (!(length > 0)) continue;
    const double cosine = p / length, sine = q / length;
    for (int64_t c = i + 1; c < last; c++) {
      double *other = s->columns + c * leading + i;
      const double u = other[0], v = other[1];
      other[0] = cosine * u + sine * v;
      other[1] = cosine * v - sine * u;
    }
    double *upper = s->basis + i * leading, *lower = upper + leading;
    for (int64_t j = 0; j < leading; j += KN_LANES_D) {
      const kn_vd u = kn_load_d(upper + j), v = kn_load_d(lower + j);
      kn_store_d(upper + j, cosine * u + sine * v);
      kn_store_d(lower + j, cosine * v - sine * u);
    }
    const double u = d[i], v = d[i + 1];
    d[i] = cosine * u + sine * v;
    d[i + 1] = cosine * v - sine * u;
  }
}

static void kn_body_correct(const kn_tiny_system *s, const double *residual, double *d, double *z,
                            double *x, double *step) {
  const int64_t n = s->n, k = s->k, leading = s->leading;
  kn_body_rows(s->basis, leading, n, residual, z);
  for (int64_t i = k; i < leading; i++) d[i] = 0;
  for (int64_t c = 0; c < k; c++) {
    const double *column = s->columns + c * leading;
    const double sum = c > 0 ? kn_tiny_dot(column, d, (c + KN_LANES_D - 1) / KN_LANES_D *
                                                           KN_LANES_D) : 0;
    d[c] = (d[c] - sum) * s->inverse[c];
  }
  for (int64_t i = k; i < n; i++) d[i] = -z[i];
  kn_body_combine(s->basis, leading, n, d, step);
  for (int64_t j = 0; j < leading; j += KN_LANES_D) {
    kn_store_d(x + j, kn_load_d(x + j) + kn_load_d(step + j));
  }
  for (int64_t i = 0; i < k; i++) d[i] += z[i];
  kn_body_back(s, d, step);
}

static void kn_body_judge_rows(const double *matrix, int64_t rows, int64_t n, const double *x,
                               double *out) {
  for (int64_t i = 0; i < rows; i++) {
    const double *row = matrix + i * n;
    kn_vd sum = kn_splat_d(0);
    double rest = 0;
    int64_t j = 0;
    for (; j + KN_LANES_D <= n; j += KN_LANES_D) {
      sum = kn_fma_d(kn_load_d(row + j), kn_load_d(x + j), sum);
    }
    for (; j < n; j++) rest += row[j] * x[j];
    out[i] = kn_sum_d(sum) + rest;
  }
}

static void kn_body_judge_sum(const double *matrix, int64_t rows, int64_t n, const double *y,
                              double *sum, double *size) {
  for (int64_t i = 0; i < rows; i++) {
    if (y[i] == 0) continue;
    const double *row = matrix + i * n;
    const kn_vd w = kn_splat_d(y[i]);
    int64_t j = 0;
    for (; j + KN_LANES_D <= n; j += KN_LANES_D) {
      const kn_vd term = w * kn_load_d(row + j);
      kn_store_d(sum + j, kn_load_d(sum + j) + term);
      kn_store_d(size + j, kn_max_d(kn_load_d(size + j), kn_abs_d(term)));
    }
    for (; j < n; j++) {
      const double term = y[i] * row[j];
      sum[j] += term;
      size[j] = size[j] > fabs(term) ? size[j] : fabs(term);
    }
  }
}

const kn_tiny_table KN_TINY_TABLE = {
    .pad = kn_body_pad,
    .bounds = kn_body_bounds,
    .weights = kn_body_weights,
    .rows = kn_body_rows,
    .combine = kn_body_combine,
    .values = kn_body_values,
    .split = kn_body_split,
    .rank_one = kn_body_rank_one,
    .invert_factor = kn_body_invert_factor,
    .violated = kn_body_violated,
    .back = kn_body_back,
    .append = kn_body_append,
    .remove = kn_body_remove,
    .correct = kn_body_correct,
    .judge_rows = kn_body_judge_rows,
    .judge_sum = kn_body_judge_sum,
};
