/* The functions of kantor_tiny.h, which exist once per CPU level. */
#ifndef KN_TINY_TABLE_H
#define KN_TINY_TABLE_H

#include "include/kantor_tiny.h"

typedef struct kn_tiny_table {
  int32_t (*pad)(const double *source, int64_t rows, int64_t n, double *matrix, int64_t leading,
                 double *top, double *row_top);
  int32_t (*bounds)(const double *lower, const double *upper, int64_t count, double *low,
                    double *high);
  void (*weights)(const double *transposed, int64_t leading, int64_t n, double *out);
  void (*rows)(const double *matrix, int64_t leading, int64_t rows, const double *x, double *out);
  void (*combine)(const double *matrix, int64_t leading, int64_t rows, const double *weights,
                  double *out);
  double (*values)(const double *transposed, int64_t leading, int64_t n, int64_t rows,
                   const double *x, double *values);
  void (*split)(const double *d, int64_t k, int64_t n, double *norms);
  void (*rank_one)(double *matrix, int64_t leading, int64_t rows, const double *u,
                   const double *v);
  int64_t (*invert_factor)(double *matrix, int64_t leading, int64_t n, const double *least,
                           double *inverse, double *pivot);
  int64_t (*violated)(const double *values, const double *low, const double *high,
                      const double *weight, const int32_t *state, int64_t count, double size,
                      double tolerance);
  double (*back)(const kn_tiny_system *system, const double *d, double *out);
  void (*append)(const kn_tiny_system *system, const double *d, double *z, double beyond);
  void (*remove)(const kn_tiny_system *system, int64_t l, double *d);
  void (*correct)(const kn_tiny_system *system, const double *residual, double *d, double *z,
                  double *x, double *step);
  void (*judge_rows)(const double *matrix, int64_t rows, int64_t n, const double *x, double *out);
  void (*judge_sum)(const double *matrix, int64_t rows, int64_t n, const double *y, double *sum,
                    double *size);
} kn_tiny_table;

extern const kn_tiny_table kn_tiny_base __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const kn_tiny_table kn_tiny_v3 __attribute__((visibility("hidden")));
extern const kn_tiny_table kn_tiny_v4 __attribute__((visibility("hidden")));
#endif

#endif
