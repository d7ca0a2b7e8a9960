/* The list of kernels that exist once per CPU level, and the table that holds one level. */
#ifndef KN_TABLE_H
#define KN_TABLE_H

#include "include/kantor_kernels.h"

#define KN_SWEEP_PARAMETERS \
  const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps

/* X(result type, name, (parameters), (arguments)): everything of the header that is dispatched. */
#define KN_KERNELS(X) \
  X(void, exp_f64, (const double *x, double *y, int64_t n), (x, y, n)) \
  X(void, exp_f32, (const float *x, float *y, int64_t n), (x, y, n)) \
  X(void, log_f64, (const double *x, double *y, int64_t n), (x, y, n)) \
  X(void, log_f32, (const float *x, float *y, int64_t n), (x, y, n)) \
  X(double, logsumexp_f64, (const double *x, int64_t n), (x, n)) \
  X(float, logsumexp_f32, (const float *x, int64_t n), (x, n)) \
  X(void, cost_row_f64, \
    (const kn_cost *cost, int64_t row, int64_t first, int64_t count, double *out), \
    (cost, row, first, count, out)) \
  X(void, cost_row_f32, \
    (const kn_cost *cost, int64_t row, int64_t first, int64_t count, float *out), \
    (cost, row, first, count, out)) \
  X(int64_t, sinkhorn_sweep_f64, \
    (KN_SWEEP_PARAMETERS, const double *a, double *phi, const double *gamma, \
     double *column_sum, double *error, void *scratch), \
    (cost, row_begin, row_end, inv_eps, a, phi, gamma, column_sum, error, scratch)) \
  X(int64_t, sinkhorn_sweep_f32, \
    (KN_SWEEP_PARAMETERS, const double *a, double *phi, const double *gamma, \
     double *column_sum, double *error, int32_t mixed, void *scratch), \
    (cost, row_begin, row_end, inv_eps, a, phi, gamma, column_sum, error, mixed, scratch)) \
  X(void, softmin_rows_f64, \
    (KN_SWEEP_PARAMETERS, const double *gamma, double *out, void *scratch), \
    (cost, row_begin, row_end, inv_eps, gamma, out, scratch)) \
  X(void, softmin_rows_f32, \
    (KN_SWEEP_PARAMETERS, const double *gamma, double *out, void *scratch), \
    (cost, row_begin, row_end, inv_eps, gamma, out, scratch)) \
  X(void, hardmin_rows_f64, \
    (const kn_cost *cost, int64_t row_begin, int64_t row_end, const double *g, double *out, \
     void *scratch), \
    (cost, row_begin, row_end, g, out, scratch)) \
  X(void, hardmin_columns_f64, \
    (const kn_cost *cost, int64_t row_begin, int64_t row_end, const double *f, \
     double *column_min, void *scratch), \
    (cost, row_begin, row_end, f, column_min, scratch)) \
  X(void, kernel_rows_f64, \
    (KN_SWEEP_PARAMETERS, const double *phi, const double *gamma, double *kernel, \
     int64_t leading, void *scratch), \
    (cost, row_begin, row_end, inv_eps, phi, gamma, kernel, leading, scratch)) \
  X(void, kernel_rows_f32, \
    (KN_SWEEP_PARAMETERS, const double *phi, const double *gamma, float *kernel, \
     int64_t leading, void *scratch), \
    (cost, row_begin, row_end, inv_eps, phi, gamma, kernel, leading, scratch)) \
  X(void, kernel_times_f64, \
    (const double *kernel, int64_t leading, int64_t columns, int64_t row_begin, \
     int64_t row_end, const double *v, double *out), \
    (kernel, leading, columns, row_begin, row_end, v, out)) \
  X(void, kernel_transposed_f64, \
    (const double *kernel, int64_t leading, int64_t columns, int64_t row_begin, \
     int64_t row_end, const double *u, double *column_sum), \
    (kernel, leading, columns, row_begin, row_end, u, column_sum)) \
  X(int64_t, scaling_sweep_f64, \
    (const double *kernel, int64_t leading, int64_t columns, int64_t row_begin, \
     int64_t row_end, const double *a, double *u, const double *v, double *column_sum, \
     double *error), \
    (kernel, leading, columns, row_begin, row_end, a, u, v, column_sum, error)) \
  X(int64_t, scaling_sweep_f32, \
    (const float *kernel, int64_t leading, int64_t columns, int64_t row_begin, \
     int64_t row_end, const double *a, double *u, const double *v, double *column_sum, \
     double *error, void *scratch), \
    (kernel, leading, columns, row_begin, row_end, a, u, v, column_sum, error, scratch)) \
  X(void, plan_apply_f64, \
    (KN_SWEEP_PARAMETERS, const double *phi, const double *gamma, const double *values, \
     int64_t width, double *out, void *scratch), \
    (cost, row_begin, row_end, inv_eps, phi, gamma, values, width, out, scratch)) \
  X(void, plan_apply_transposed_f64, \
    (KN_SWEEP_PARAMETERS, const double *phi, const double *gamma, const double *values, \
     int64_t width, double *out, void *scratch), \
    (cost, row_begin, row_end, inv_eps, phi, gamma, values, width, out, scratch)) \
  X(void, small_product_f64, \
    (const double *a, int64_t leading_a, const double *b, int64_t leading_b, int64_t rows, \
     int64_t inner, int64_t columns, double *out, int64_t leading_out), \
    (a, leading_a, b, leading_b, rows, inner, columns, out, leading_out)) \
  X(void, argmin_difference_f64, \
    (const double *c, const double *v, int64_t n, double *min, int64_t *argmin), \
    (c, v, n, min, argmin)) \
  X(void, argmin_difference_f32, \
    (const float *c, const float *v, int64_t n, float *min, int64_t *argmin), \
    (c, v, n, min, argmin)) \
  X(void, two_smallest_f64, \
    (const double *c, const double *v, int64_t n, double *first, int64_t *argmin, \
     double *second), \
    (c, v, n, first, argmin, second)) \
  X(void, balance_group_f64, \
    (const double *kernel, int64_t n, int64_t sweeps, double *u, double *w, double *error), \
    (kernel, n, sweeps, u, w, error))

#define KN_TABLE_ENTRY(result, name, parameters, arguments) result(*name) parameters;
typedef struct kn_table {
  KN_KERNELS(KN_TABLE_ENTRY)
} kn_table;

#define KN_HIDDEN __attribute__((visibility("hidden")))
extern const kn_table kn_table_base KN_HIDDEN;
#if defined(__x86_64__)
extern const kn_table kn_table_v2 KN_HIDDEN;
extern const kn_table kn_table_v3 KN_HIDDEN;
extern const kn_table kn_table_v4 KN_HIDDEN;
#endif

/* What kn_level answers, for files with tables of their own. */
extern int32_t kn_active_level __attribute__((visibility("hidden")));

#endif
