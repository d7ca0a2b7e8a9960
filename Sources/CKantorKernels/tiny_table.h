/* The functions of kantor_tiny.h, which exist once per CPU level. */
#ifndef KN_TINY_TABLE_H
#define KN_TINY_TABLE_H

#include "include/kantor_tiny.h"

typedef struct kn_tiny_table {
  int32_t (*pad)(const double *source, int64_t rows, int64_t n, double *matrix, int64_t leading);
  void (*rows)(const double *matrix, int64_t leading, int64_t rows, const double *x, double *out);
  void (*combine)(const double *matrix, int64_t leading, int64_t rows, const double *weights,
                  double *out);
  void (*rank_one)(double *matrix, int64_t leading, int64_t rows, const double *u,
                   const double *v);
  int64_t (*invert_factor)(double *matrix, int64_t leading, int64_t n, const double *least,
                           double *inverse, double *pivot);
} kn_tiny_table;

extern const kn_tiny_table kn_tiny_base __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const kn_tiny_table kn_tiny_v3 __attribute__((visibility("hidden")));
extern const kn_tiny_table kn_tiny_v4 __attribute__((visibility("hidden")));
#endif

#endif
