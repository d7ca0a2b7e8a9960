/* The passes of kantor_entropic.h that exist once per CPU level. */
#ifndef KN_ENTROPIC_TABLE_H
#define KN_ENTROPIC_TABLE_H

#include "include/kantor_entropic.h"

typedef struct kn_entropic_table {
  void (*count)(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                const double *phi, const double *gamma, const double *log_a, const double *log_b,
                double cut, int64_t *count);
  void (*fill)(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
               const double *phi, const double *gamma, const double *log_a, const double *log_b,
               double cut, const int64_t *row_start, int32_t *column, double *entry_cost);
} kn_entropic_table;

extern const kn_entropic_table kn_entropic_base __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const kn_entropic_table kn_entropic_v3 __attribute__((visibility("hidden")));
extern const kn_entropic_table kn_entropic_v4 __attribute__((visibility("hidden")));
#endif

#endif
