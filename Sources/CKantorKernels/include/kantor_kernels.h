/* Hot loops of Kantor, in C so that one body can be compiled for several CPU levels.

   The level is chosen once, when the library is loaded, by what the CPU has; the environment
   variable KANTOR_CPU (base, v2, v3, v4) may lower it, for tests. No function here allocates, prints or
   touches global state, and none keeps a pointer. Callers check sizes; n, m >= 0 throughout.

   Names: f64 / f32 tell the element type of matrices and vectors. Sums that decide anything are
   taken in f64. "Row" functions read one contiguous row; "sweep" functions run over rows
   [row_begin, row_end), so that a caller may cut a matrix into static blocks, one per thread. */
#ifndef KANTOR_KERNELS_H
#define KANTOR_KERNELS_H

#include <stdint.h>

/* ---- CPU level ---------------------------------------------------------------------------- */

/* "base", "v2", "v3" or "v4". */
const char *kn_level_name(void);
/* 0 base, 2, 3, 4. */
int32_t kn_level(void);
/* Chooses a level by number for this process; refused (returns 0) when the CPU lacks it. For
   tests and benchmarks only: not thread-safe. */
int32_t kn_level_select(int32_t level);

/* ---- elementary functions ------------------------------------------------------------------ */

/* y[i] = exp(x[i]). At most 2 ulp; exp(-inf) = 0, exp(+inf) = inf, NaN gives NaN; results below
   the smallest normal number may be flushed to 0. x and y may be the same array. */
void kn_exp_f64(const double *x, double *y, int64_t n);
void kn_exp_f32(const float *x, float *y, int64_t n);
/* y[i] = log(x[i]). At most 2 ulp; log(0) = -inf, log(negative) = NaN; denormals are handled. */
void kn_log_f64(const double *x, double *y, int64_t n);
void kn_log_f32(const float *x, float *y, int64_t n);
/* log(sum_i exp(x[i])); -inf for n = 0 or all -inf; NaN if any is NaN. */
double kn_logsumexp_f64(const double *x, int64_t n);
float kn_logsumexp_f32(const float *x, int64_t n);

/* ---- costs --------------------------------------------------------------------------------- */

enum {
  KN_COST_DENSE_F64 = 0,    /* dense64, leading dimension `leading` */
  KN_COST_DENSE_F32 = 1,    /* dense32, likewise */
  KN_COST_SQEUCLIDEAN = 2,  /* |x - y|^2 */
  KN_COST_EUCLIDEAN = 3,    /* |x - y| */
  KN_COST_L1 = 4,           /* sum_k |x_k - y_k| */
  KN_COST_POWER = 5,        /* |x - y|^power, Euclidean norm */
  KN_COST_COSINE = 6        /* 1 - x.y; the caller normalises the points */
};

/* Where the cost of a pair comes from. For points: x is rows x dimension, row-major; y is
   dimension x stride, one coordinate after the other (so that a row of costs is computed by
   vectors of columns), stride >= columns and a multiple of 16, padding finite. Both element types
   are given when both precisions are used; NULL otherwise. Points are centred by the caller. */
typedef struct kn_cost {
  int32_t kind;
  int32_t dimension;
  int64_t rows, columns;
  const double *dense64;
  const float *dense32;
  int64_t leading;
  const double *x64, *y64;
  const float *x32, *y32;
  int64_t stride;
  double power;
} kn_cost;

/* out[k] = cost of (row, first + k), k < count. Dense f64 data is converted for f32 and back. */
void kn_cost_row_f64(const kn_cost *cost, int64_t row, int64_t first, int64_t count, double *out);
void kn_cost_row_f32(const kn_cost *cost, int64_t row, int64_t first, int64_t count, float *out);

/* ---- entropic transport --------------------------------------------------------------------- */

/* One fused Sinkhorn iteration over rows [row_begin, row_end); see docs/methods/sinkhorn.md.
   With plan entries p_ij = exp(phi[i] + gamma[j] - cost_ij * inv_eps):
     s = sum_j p_ij;  *error += |s - a[i]|;  phi[i] += log(a[i] / s);
     column_sum[j] += (a[i] / s) * p_ij
   so that column_sum holds the column marginals after the row update and *error the L1 row error
   of the plan before it. Exponents below the cut (-700 f64, -80 f32) give exactly 0, so a cost of
   +inf forbids a pair. Rows with a[i] = 0 are skipped (phi[i] is set to -inf). A row whose s is
   not in [1e-30, inf) is done again with its maximum subtracted. Returns the number of rows with
   mass but no finite cost at a column with mass (0 unless infeasible); such rows are left alone.
   scratch: at least kn_sweep_scratch(columns) bytes, 64-byte aligned, one per thread.
   In the f32 form phi and gamma are f64 and phi[i] + gamma[j] - cost * inv_eps is formed in f64
   when `mixed` is non-zero (|C|/eps up to 1e7), in f32 otherwise. */
int64_t kn_sweep_scratch(int64_t columns);
int64_t kn_sinkhorn_sweep_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                              double inv_eps, const double *a, double *phi, const double *gamma,
                              double *column_sum, double *error, void *scratch);
int64_t kn_sinkhorn_sweep_f32(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                              double inv_eps, const double *a, double *phi, const double *gamma,
                              double *column_sum, double *error, int32_t mixed, void *scratch);

/* Soft and hard c-transforms of rows: out[i] = -log sum_j exp(gamma[j] - cost_ij * inv_eps)
   (max subtracted; +inf when nothing is finite) and out[i] = min_j (cost_ij - g[j]). */
void kn_softmin_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                         const double *gamma, double *out, void *scratch);
void kn_softmin_rows_f32(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                         const double *gamma, double *out, void *scratch);
void kn_hardmin_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end, const double *g,
                         double *out, void *scratch);
/* column_min[j] = min(column_min[j], min_i cost_ij - f[i]) over the rows. */
void kn_hardmin_columns_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                            const double *f, double *column_min, void *scratch);

/* kernel[i * leading + j] = exp(phi[i] + gamma[j] - cost_ij * inv_eps), the absorbed kernel;
   exponents formed in f64. */
void kn_kernel_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                        const double *phi, const double *gamma, double *kernel, int64_t leading,
                        void *scratch);
void kn_kernel_rows_f32(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                        const double *phi, const double *gamma, float *kernel, int64_t leading,
                        void *scratch);

/* One fused scaling iteration on a stored kernel K, rows [row_begin, row_end): s = K_i . v,
   *error += |u[i] s - a[i]|, u[i] = a[i] / s, column_sum += u[i] K_i. Rows with a[i] = 0 get
   u[i] = 0; a row with mass and s = 0 is counted in the return value and left alone. One read of K. */
int64_t kn_scaling_sweep_f64(const double *kernel, int64_t leading, int64_t columns,
                             int64_t row_begin, int64_t row_end, const double *a, double *u,
                             const double *v, double *column_sum, double *error);
int64_t kn_scaling_sweep_f32(const float *kernel, int64_t leading, int64_t columns,
                             int64_t row_begin, int64_t row_end, const double *a, double *u,
                             const double *v, double *column_sum, double *error, void *scratch);

/* The plan p_ij = exp(phi[i] + gamma[j] - cost_ij * inv_eps) applied without being stored, in
   f64: out (row_end - row_begin rows used, indexed by i) = sum_j p_ij values[j * width + k];
   transposed: out[j * width + k] += sum_i p_ij values[i * width + k]. width >= 1. */
void kn_plan_apply_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                       const double *phi, const double *gamma, const double *values, int64_t width,
                       double *out, void *scratch);
void kn_plan_apply_transposed_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                  double inv_eps, const double *phi, const double *gamma,
                                  const double *values, int64_t width, double *out, void *scratch);

/* ---- exact transport ------------------------------------------------------------------------ */

/* min over j of c[j] - v[j] and the lowest index that attains it; n >= 1. NaN never wins. */
void kn_argmin_difference_f64(const double *c, const double *v, int64_t n, double *min,
                              int64_t *argmin);
void kn_argmin_difference_f32(const float *c, const float *v, int64_t n, float *min,
                              int64_t *argmin);
/* The two smallest of c[j] - v[j]: value and index of the first, value of the second (+inf if n = 1). */
void kn_two_smallest_f64(const double *c, const double *v, int64_t n, double *first,
                         int64_t *argmin, double *second);

#endif
