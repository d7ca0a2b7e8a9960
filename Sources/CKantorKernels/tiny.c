/* Choice of the level of small dense matrices. */
#include "tiny_table.h"

#include "include/kantor_kernels.h"

static const kn_tiny_table *chosen_table(void) {
#if defined(__x86_64__)
  switch (kn_level()) {
    case 3: return &kn_tiny_v3;
    case 4: return &kn_tiny_v4;
    default: break;
  }
#endif
  return &kn_tiny_base;
}

int32_t kn_tiny_pad(const double *source, int64_t rows, int64_t n, double *matrix,
                    int64_t leading) {
  return chosen_table()->pad(source, rows, n, matrix, leading);
}

void kn_tiny_rows(const double *matrix, int64_t leading, int64_t rows, const double *x,
                  double *out) {
  chosen_table()->rows(matrix, leading, rows, x, out);
}

void kn_tiny_combine(const double *matrix, int64_t leading, int64_t rows, const double *weights,
                     double *out) {
  chosen_table()->combine(matrix, leading, rows, weights, out);
}

void kn_tiny_rank_one(double *matrix, int64_t leading, int64_t rows, const double *u,
                      const double *v) {
  chosen_table()->rank_one(matrix, leading, rows, u, v);
}

int64_t kn_tiny_invert_factor(double *matrix, int64_t leading, int64_t n, const double *least,
                              double *inverse, double *pivot) {
  return chosen_table()->invert_factor(matrix, leading, n, least, inverse, pivot);
}
