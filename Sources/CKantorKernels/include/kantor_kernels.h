/* Hot loops of Kantor, in C so that one body can be compiled for several CPU levels.

   The level is chosen once, when the library is loaded, by what the CPU has; the environment
   variable KANTOR_CPU (base, v2, v3, v4) may lower it, for tests; an unknown value, or a level the
   CPU lacks, is ignored. No function here but kn_level_select changes global state; none allocates,
   prints or keeps a pointer. Callers check sizes; n, m >= 0 throughout. Results are the same in
   every run at one level; levels differ by rounding (FMA, order of sums).

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
/* Chooses a level by number for this process and returns 1; refused (returns 0) when there is no
   such level or the CPU lacks it. For tests and benchmarks only: not thread-safe. */
int32_t kn_level_select(int32_t level);

/* ---- elementary functions ------------------------------------------------------------------ */

/* y[i] = exp(x[i]). At most 2 ulp; exp(0) = 1, exp(-inf) = 0, exp(+inf) = inf, NaN gives NaN;
   results below the smallest normal number are 0. x and y may be the same array. */
void kn_exp_f64(const double *x, double *y, int64_t n);
void kn_exp_f32(const float *x, float *y, int64_t n);
/* y[i] = log(x[i]). At most 2 ulp; log(1) = 0, log(0) = -inf, log(+inf) = inf, log(negative) and
   log(NaN) are NaN; denormals are handled. x and y may be the same array. */
void kn_log_f64(const double *x, double *y, int64_t n);
void kn_log_f32(const float *x, float *y, int64_t n);
/* log(sum_i exp(x[i])); -inf for n = 0 or all -inf; NaN if any is NaN, else +inf if any is +inf. */
double kn_logsumexp_f64(const double *x, int64_t n);
float kn_logsumexp_f32(const float *x, int64_t n);

/* ---- costs --------------------------------------------------------------------------------- */

enum {
  KN_COST_DENSE_F64 = 0,    /* dense64, leading dimension `leading` */
  KN_COST_DENSE_F32 = 1,    /* dense32, likewise */
  KN_COST_SQEUCLIDEAN = 2,  /* |x - y|^2 */
  KN_COST_EUCLIDEAN = 3,    /* |x - y| */
  KN_COST_L1 = 4,           /* sum_k |x_k - y_k| */
  KN_COST_POWER = 5,        /* |x - y|^power, Euclidean norm, power > 0 */
  KN_COST_COSINE = 6        /* 1 - x.y; the caller normalises the points */
};

/* Where the cost of a pair comes from. Dense costs are finite or +inf (a forbidden pair). For
   points: x is rows x dimension, row-major, dimension >= 1; y is dimension x stride, one coordinate
   after the other (so that a row of costs is computed by vectors of columns), stride >= columns and
   a multiple of 16, padding finite. Both element types are given when both precisions are used;
   NULL otherwise. Points are centred by the caller: where 16 rows or more of squared distances in
   dimension >= 9 go into exponents, they are taken as |x|^2 + |y|^2 - 2 x.y, whose error is some
   roundings of |x|^2 + |y|^2. Everything else (cost rows, hard transforms) uses differences. */
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

/* In this part a potential of -inf stands for a weight of zero; +inf is not allowed.

   One fused Sinkhorn iteration over rows [row_begin, row_end); see docs/methods/sinkhorn.md.
   With plan entries p_ij = exp(phi[i] + gamma[j] - cost_ij * inv_eps):
     s = sum_j p_ij;  *error += |s - a[i]|;  phi[i] += log(a[i] / s);
     column_sum[j] += (a[i] / s) * p_ij
   so that column_sum holds the column marginals after the row update and *error the L1 row error
   of the plan before it. Exponents below the cut (-700 f64, -80 f32) give exactly 0, so a cost of
   +inf forbids a pair. Rows with a[i] = 0 are skipped (phi[i] is set to -inf). A row is done again
   with its maximum subtracted, in f64, when s is not in [1e-30, 1e300] (f64) or [1e-30, 1e30]
   (f32), or in the f32 form when a[i] is not in [1e-20, 1e20]; this works from any phi[i], even
   -inf or NaN (then s counts as 0). Columns have no such rescue: one whose entries all lie below
   the cut adds 0 to column_sum. Returns the number of rows with mass but no finite cost at a column
   with mass (0 unless infeasible); such rows are left alone, and a[i] is added to *error.
   scratch: at least kn_sweep_scratch(columns) bytes (164 a column and 28 KiB), 64-byte aligned,
   one per thread; the same for every function below that takes one.
   In the f32 form phi and gamma are f64. When `mixed` is zero, exponents are formed in f32; what
   phi and gamma lose by rounding is restored by factors, so that the error of an exponent is some
   roundings of |phi| + |gamma| + |cost| / eps that are independent between pairs: good to
   |C| / eps = 2e3. When `mixed` is non-zero, exponents are formed in f64 and only their exponential
   is f32 (|C| / eps up to 1e7); costs then are dense data as they stand, or computed from x64 and
   y64 where given. */
int64_t kn_sweep_scratch(int64_t columns);
int64_t kn_sinkhorn_sweep_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                              double inv_eps, const double *a, double *phi, const double *gamma,
                              double *column_sum, double *error, void *scratch);
int64_t kn_sinkhorn_sweep_f32(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                              double inv_eps, const double *a, double *phi, const double *gamma,
                              double *column_sum, double *error, int32_t mixed, void *scratch);

/* Soft and hard c-transforms of rows: out[i] = -log sum_j exp(gamma[j] - cost_ij * inv_eps)
   (max subtracted; +inf when nothing is finite) and out[i] = min_j (cost_ij - g[j]) (+inf when
   nothing is finite; g[j] = -inf leaves a column out). The f32 form has costs and exponentials in
   f32, exponents in f64. */
void kn_softmin_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                         const double *gamma, double *out, void *scratch);
void kn_softmin_rows_f32(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                         const double *gamma, double *out, void *scratch);
void kn_hardmin_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end, const double *g,
                         double *out, void *scratch);
/* column_min[j] = min(column_min[j], min_i cost_ij - f[i]) over the rows; f[i] = -inf leaves a row
   out. */
void kn_hardmin_columns_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                            const double *f, double *column_min, void *scratch);

/* kernel[i * leading + j] = exp(phi[i] + gamma[j] - cost_ij * inv_eps), the absorbed kernel;
   exponents formed in f64, 0 below the cut, +inf on overflow. Entries between rows (j >= columns)
   are not touched. */
void kn_kernel_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                        const double *phi, const double *gamma, double *kernel, int64_t leading,
                        void *scratch);
void kn_kernel_rows_f32(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                        const double *phi, const double *gamma, float *kernel, int64_t leading,
                        void *scratch);

/* One fused scaling iteration on a stored kernel K, rows [row_begin, row_end): s = K_i . v,
   *error += |u[i] s - a[i]|, u[i] = a[i] / s, column_sum += u[i] K_i. Rows with a[i] = 0 get
   u[i] = 0; a row with mass whose a[i] / s is not finite is counted in the return value and left
   alone, and a[i] is added to *error. One read of K. The f32 form rounds v to f32 (|v| < 1e38) and
   adds in f32 for at most 4096 columns or 128 rows before it goes on in f64. */
int64_t kn_scaling_sweep_f64(const double *kernel, int64_t leading, int64_t columns,
                             int64_t row_begin, int64_t row_end, const double *a, double *u,
                             const double *v, double *column_sum, double *error);
int64_t kn_scaling_sweep_f32(const float *kernel, int64_t leading, int64_t columns,
                             int64_t row_begin, int64_t row_end, const double *a, double *u,
                             const double *v, double *column_sum, double *error, void *scratch);

/* The plan p_ij = exp(phi[i] + gamma[j] - cost_ij * inv_eps) applied without being stored, in
   f64: out[i * width + k] = sum_j p_ij values[j * width + k] for the rows i given; transposed:
   out[j * width + k] += sum_i p_ij values[i * width + k] over those rows. width >= 1. Exponents
   below the cut give 0. */
void kn_plan_apply_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end, double inv_eps,
                       const double *phi, const double *gamma, const double *values, int64_t width,
                       double *out, void *scratch);
void kn_plan_apply_transposed_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                  double inv_eps, const double *phi, const double *gamma,
                                  const double *values, int64_t width, double *out, void *scratch);

/* out = A B for row-major matrices, rows x inner and inner x columns: out[r * leading_out + c] =
   sum_k a[r * leading_a + k] b[k * leading_b + c]. out overlaps neither; inner = 0 gives zeros.
   Without packing, for the small matrices of separable kernels; kantor_product.h has the large
   ones. */
void kn_small_product_f64(const double *a, int64_t leading_a, const double *b, int64_t leading_b,
                          int64_t rows, int64_t inner, int64_t columns, double *out,
                          int64_t leading_out);

/* ---- exact transport ------------------------------------------------------------------------ */

/* min over j of c[j] - v[j] and the lowest index that attains it; n >= 1. NaN never wins: where
   all are NaN the minimum is +inf and the index 0. */
void kn_argmin_difference_f64(const double *c, const double *v, int64_t n, double *min,
                              int64_t *argmin);
void kn_argmin_difference_f32(const float *c, const float *v, int64_t n, float *min,
                              int64_t *argmin);
/* The two smallest of c[j] - v[j]: value and index of the first (as above), value of the second
   (the same value when it is attained twice, +inf if n = 1). */
void kn_two_smallest_f64(const double *c, const double *v, int64_t n, double *first,
                         int64_t *argmin, double *second);

/* ---- many small matrices -------------------------------------------------------------------- */

/* Matrices that are worked on together, lane by lane: entry (i, j) of matrix t stands at
   [(i * n + j) * KN_GROUP + t], entry i of its vectors at [i * KN_GROUP + t]. */
enum { KN_GROUP = 8 };

/* Sinkhorn-Knopp scalings of a group of positive matrices: `sweeps` times w = 1 / (K' u), then
   u = 1 / (K w); u is read first, w is written before it is read if sweeps > 0. error[t] is the
   largest |column sum - 1| of diag(u) K diag(w) at the end (not a number, or anything, where a
   scaling overflowed: test u and w too); its row sums are 1 up to rounding. */
void kn_balance_group_f64(const double *kernel, int64_t n, int64_t sweeps, double *u, double *w,
                          double *error);

#endif
