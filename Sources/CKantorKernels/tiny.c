/* Choice of the level of small dense matrices. */
#include "table.h"
#include "tiny_table.h"

#include "include/kantor_kernels.h"

/* These are called for a few dozen nanoseconds of work: the choice is a load. */
static inline const kn_tiny_table *chosen_table(void) {
#if defined(__x86_64__)
  static const kn_tiny_table *const levels[] = {
      &kn_tiny_base, &kn_tiny_base, &kn_tiny_base, &kn_tiny_v3, &kn_tiny_v4};
  return levels[kn_active_level];
#else
  return &kn_tiny_base;
#endif
}

int32_t kn_tiny_pad(const double *source, int64_t rows, int64_t n, double *matrix, int64_t leading,
                    double *top, double *row_top) {
  return chosen_table()->pad(source, rows, n, matrix, leading, top, row_top);
}

int32_t kn_tiny_is_symmetric(const double *matrix, int64_t leading, int64_t n) {
  int32_t differences = 0;
  for (int64_t i = 1; i < n; i++) {
    const double *row = matrix + i * leading, *column = matrix + i;
    for (int64_t j = 0; j < i; j++) differences += row[j] != column[j * leading];
  }
  return differences == 0;
}

void kn_tiny_transpose(const double *matrix, int64_t leading, int64_t rows, int64_t n,
                       double *transposed, int64_t transposed_leading) {
  for (int64_t j = 0; j < n; j++) {
    double *to = transposed + j * transposed_leading;
    for (int64_t i = 0; i < rows; i++) to[i] = matrix[i * leading + j];
    for (int64_t i = rows; i < transposed_leading; i++) to[i] = 0;
  }
}

int32_t kn_tiny_bounds(const double *lower, const double *upper, int64_t count, double *low,
                       double *high) {
  return chosen_table()->bounds(lower, upper, count, low, high);
}

void kn_tiny_weights(const double *transposed, int64_t leading, int64_t n, double *out) {
  chosen_table()->weights(transposed, leading, n, out);
}

void kn_tiny_rows(const double *matrix, int64_t leading, int64_t rows, const double *x,
                  double *out) {
  chosen_table()->rows(matrix, leading, rows, x, out);
}

void kn_tiny_combine(const double *matrix, int64_t leading, int64_t rows, const double *weights,
                     double *out) {
  chosen_table()->combine(matrix, leading, rows, weights, out);
}

double kn_tiny_values(const double *transposed, int64_t leading, int64_t n, int64_t rows,
                      const double *x, double *values) {
  return chosen_table()->values(transposed, leading, n, rows, x, values);
}

void kn_tiny_split(const double *d, int64_t k, int64_t n, double *norms) {
  chosen_table()->split(d, k, n, norms);
}

void kn_tiny_rank_one(double *matrix, int64_t leading, int64_t rows, const double *u,
                      const double *v) {
  chosen_table()->rank_one(matrix, leading, rows, u, v);
}

int64_t kn_tiny_invert_factor(double *matrix, int64_t leading, int64_t n, const double *least,
                              double *inverse, double *pivot) {
  return chosen_table()->invert_factor(matrix, leading, n, least, inverse, pivot);
}

int64_t kn_tiny_violated(const double *values, const double *low, const double *high,
                         const double *weight, const int32_t *state, int64_t count, double size,
                         double tolerance) {
  return chosen_table()->violated(values, low, high, weight, state, count, size, tolerance);
}

double kn_tiny_back(const kn_tiny_system *system, const double *d, double *out) {
  return chosen_table()->back(system, d, out);
}

void kn_tiny_append(const kn_tiny_system *system, const double *d, double *z, double beyond) {
  chosen_table()->append(system, d, z, beyond);
}

void kn_tiny_remove(const kn_tiny_system *system, int64_t l, double *d) {
  chosen_table()->remove(system, l, d);
}

void kn_tiny_correct(const kn_tiny_system *system, const double *residual, double *d, double *z,
                     double *x, double *step) {
  chosen_table()->correct(system, residual, d, z, x, step);
}

void kn_tiny_judge_rows(const double *matrix, int64_t rows, int64_t n, const double *x,
                        double *out) {
  chosen_table()->judge_rows(matrix, rows, n, x, out);
}

void kn_tiny_judge_sum(const double *matrix, int64_t rows, int64_t n, const double *y, double *sum,
                       double *size) {
  chosen_table()->judge_sum(matrix, rows, n, y, sum, size);
}
