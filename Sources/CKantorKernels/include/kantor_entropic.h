/* Hot loops on entropic plans that are stored by their entries: choosing the entries that matter,
   and products with them. The rules of kantor_kernels.h hold.

   Sparse rows: row i has the entries row_start[i] .. row_start[i + 1] - 1 of `column` and
   `value`, columns ascending. */
#ifndef KANTOR_ENTROPIC_H
#define KANTOR_ENTROPIC_H

#include "kantor_kernels.h"

/* Entry (i, j) matters when phi[i] + gamma[j] - cost_ij * inv_eps > cut + min(log_a[i], log_b[j]),
   so that what a row or a column leaves out is small beside its own weight. Rows with
   phi[i] = -inf have none. Writes count[i] for the rows of [row_begin, row_end). */
void kn_matter_count(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                     const double *phi, const double *gamma, const double *log_a,
                     const double *log_b, double cut, int64_t *count);
/* The same test; writes the columns and costs of the entries from row_start[i] on. */
void kn_matter_fill(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                    const double *phi, const double *gamma, const double *log_a,
                    const double *log_b, double cut, const int64_t *row_start, int32_t *column,
                    double *entry_cost);

/* One fused iteration on stored entries: value = exp(phi[i] + gamma[j] - entry_cost * inv_eps)
   scaled so that row i sums to a[i]; phi[i] moves along; column_sum[j] += value. Rows without
   entries are left alone. The largest exponent of a row is subtracted first, so nothing
   overflows. */
void kn_sparse_sweep(const int64_t *row_start, const int32_t *column, const double *entry_cost,
                     int64_t row_begin, int64_t row_end, double inv_eps, const double *a,
                     double *phi, const double *gamma, double *value, double *column_sum);

/* value = exp(phi[i] + gamma[j] - entry_cost * inv_eps) of the stored entries. */
void kn_sparse_plan(const int64_t *row_start, const int32_t *column, const double *entry_cost,
                    int64_t row_begin, int64_t row_end, double inv_eps, const double *phi,
                    const double *gamma, double *value);

/* out[j] += sum_i value_ij (sum_k value_ik x[k]) inverse_row[i]: what the rows take away in the
   Schur complement of a plan's Hessian. */
void kn_sparse_schur(const int64_t *row_start, const int32_t *column, const double *value,
                     int64_t row_begin, int64_t row_end, const double *inverse_row,
                     const double *x, double *out);
/* out[j] += sum_i value_ij^2 inverse_row[i]: its diagonal. */
void kn_sparse_schur_diagonal(const int64_t *row_start, const int32_t *column,
                              const double *value, int64_t row_begin, int64_t row_end,
                              const double *inverse_row, double *out);

#endif
