/* Choice of the level, and the loops on stored entries: these gather and scatter, which wider
   vectors do not speed up much, so they exist once. */
#include "entropic_table.h"

#include <math.h>

static const kn_entropic_table *chosen_table(void) {
#if defined(__x86_64__)
  switch (kn_level()) {
    case 3: return &kn_entropic_v3;
    case 4: return &kn_entropic_v4;
    default: break;
  }
#endif
  return &kn_entropic_base;
}

void kn_matter_count(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                     const double *phi, const double *gamma, const double *log_a,
                     const double *log_b, double cut, int64_t *count) {
  chosen_table()->count(cost, row_begin, row_end, inv_eps, phi, gamma, log_a, log_b, cut, count);
}

void kn_matter_fill(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                    const double *phi, const double *gamma, const double *log_a,
                    const double *log_b, double cut, const int64_t *row_start, int32_t *column,
                    double *entry_cost) {
  chosen_table()->fill(cost, row_begin, row_end, inv_eps, phi, gamma, log_a, log_b, cut,
                       row_start, column, entry_cost);
}

void kn_sparse_sweep(const int64_t *row_start, const int32_t *column, const double *entry_cost,
                     int64_t row_begin, int64_t row_end, double inv_eps, const double *a,
                     double *phi, const double *gamma, double *value, double *column_sum) {
  for (int64_t i = row_begin; i < row_end; i++) {
    const int64_t first = row_start[i], end = row_start[i + 1];
    if (first == end) continue;
    double high = -INFINITY;
    for (int64_t k = first; k < end; k++) {
      double e = gamma[column[k]] - entry_cost[k] * inv_eps;
      value[k] = e;
      high = e > high ? e : high;
    }
    if (high == -INFINITY) continue;
    for (int64_t k = first; k < end; k++) value[k] -= high;
    kn_exp_f64(value + first, value + first, end - first);
    double sum = 0;
    for (int64_t k = first; k < end; k++) sum += value[k];
    double scale = a[i] / sum;
    phi[i] = log(scale) - high;
    for (int64_t k = first; k < end; k++) {
      value[k] *= scale;
      column_sum[column[k]] += value[k];
    }
  }
}

void kn_sparse_plan(const int64_t *row_start, const int32_t *column, const double *entry_cost,
                    int64_t row_begin, int64_t row_end, double inv_eps, const double *phi,
                    const double *gamma, double *value) {
  for (int64_t i = row_begin; i < row_end; i++) {
    const int64_t first = row_start[i], end = row_start[i + 1];
    for (int64_t k = first; k < end; k++) {
      value[k] = phi[i] + (gamma[column[k]] - entry_cost[k] * inv_eps);
    }
    kn_exp_f64(value + first, value + first, end - first);
  }
}

void kn_sparse_schur(const int64_t *row_start, const int32_t *column, const double *value,
                     int64_t row_begin, int64_t row_end, const double *inverse_row,
                     const double *x, double *out) {
  for (int64_t i = row_begin; i < row_end; i++) {
    const int64_t first = row_start[i], end = row_start[i + 1];
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t k = first;
    for (; k + 4 <= end; k += 4) {
      s0 += value[k] * x[column[k]];
      s1 += value[k + 1] * x[column[k + 1]];
      s2 += value[k + 2] * x[column[k + 2]];
      s3 += value[k + 3] * x[column[k + 3]];
    }
    for (; k < end; k++) s0 += value[k] * x[column[k]];
    const double t = ((s0 + s1) + (s2 + s3)) * inverse_row[i];
    for (k = first; k < end; k++) out[column[k]] += value[k] * t;
  }
}

void kn_sparse_schur_diagonal(const int64_t *row_start, const int32_t *column,
                              const double *value, int64_t row_begin, int64_t row_end,
                              const double *inverse_row, double *out) {
  for (int64_t i = row_begin; i < row_end; i++) {
    for (int64_t k = row_start[i]; k < row_start[i + 1]; k++) {
      out[column[k]] += value[k] * value[k] * inverse_row[i];
    }
  }
}
