/* Small dense matrices, for problems that are solved in microseconds. The rules of
   kantor_kernels.h hold: nothing here allocates, prints or keeps a pointer, and callers check
   sizes.

   Rows lie `leading` doubles apart, a multiple of KN_TINY_PAD, and vectors along them are as
   long. What stands behind the first n elements is 0, and stays so: no loop has a remainder. */
#ifndef KANTOR_TINY_H
#define KANTOR_TINY_H

#include <stdint.h>

enum { KN_TINY_PAD = 8 };

/* Copies rows of n doubles that lie side by side into padded ones, raises top[j] (`leading`) to the
   largest size of an entry in column j, and puts that of row i into row_top[i] unless it is NULL.
   Returns 1 when all are finite. */
int32_t kn_tiny_pad(const double *source, int64_t rows, int64_t n, double *matrix, int64_t leading,
                    double *top, double *row_top);

/* 1 when entries (i, j) and (j, i) are the same numbers for i, j < n. */
int32_t kn_tiny_is_symmetric(const double *matrix, int64_t leading, int64_t n);

/* Columns of a padded matrix of n columns as padded rows. */
void kn_tiny_transpose(const double *matrix, int64_t leading, int64_t rows, int64_t n,
                       double *transposed, int64_t transposed_leading);

/* Copies `count` pairs of bounds; NULL stands for infinite ones. Returns 1 when lower <= upper and
   neither is infinite on the wrong side, for all. */
int32_t kn_tiny_bounds(const double *lower, const double *upper, int64_t count, double *low,
                       double *high);

/* out[i] = 1 / |column i| of n padded rows, or 1 where that is no positive number; `leading`
   elements. */
void kn_tiny_weights(const double *transposed, int64_t leading, int64_t n, double *out);

/* out[i] = <row i, x> for i < rows; out may not be x. */
void kn_tiny_rows(const double *matrix, int64_t leading, int64_t rows, const double *x,
                  double *out);

/* out = sum_i weights[i] row i, `leading` elements. */
void kn_tiny_combine(const double *matrix, int64_t leading, int64_t rows, const double *weights,
                     double *out);

/* Of a padded A', n rows: values = Ax, and x (n) behind its `rows` elements; `leading` of them are
   written. Returns the largest size in x. */
double kn_tiny_values(const double *transposed, int64_t leading, int64_t n, int64_t rows,
                      const double *x, double *values);

/* norms[0] is the squared norm of the first k elements of d (n, padded), norms[1] that of the
   others. */
void kn_tiny_split(const double *d, int64_t k, int64_t n, double *norms);

/* row i -= u[i] v for i < rows. */
void kn_tiny_rank_one(double *matrix, int64_t leading, int64_t rows, const double *u,
                      const double *v);

/* H = U'U of a symmetric matrix of n rows, in place, upper triangle; below it is rubbish. Then the
   transposed inverse of U into `inverse`, padded, zero above its diagonal. A pivot has to be
   larger than least[i]; returns n, or the index of the first that is not, with its value in
   *pivot. */
int64_t kn_tiny_invert_factor(double *matrix, int64_t leading, int64_t n, const double *least,
                              double *inverse, double *pivot);

/* The place of the largest weight[c] max(low[c] - values[c], values[c] - high[c]) among those with
   state[c] = 0 that exceed tolerance (size + weight[c] |the bound|); -1 without one. Arrays are
   read up to the next multiple of KN_TINY_PAD; what stands there must not be violated. */
int64_t kn_tiny_violated(const double *values, const double *low, const double *high,
                         const double *weight, const int32_t *state, int64_t count, double size,
                         double tolerance);

/* An upper triangular matrix R that grows and shrinks, with the orthogonal columns that belong to
   it as rows of `basis`: n of them. Columns of R lie `leading` apart without their diagonal, zero
   from there on; `inverse` holds one over the diagonal. k is the size of R. */
typedef struct kn_tiny_system {
  double *basis;
  double *columns;
  double *diagonal;
  double *inverse;
  int64_t leading;
  int64_t n;
  int64_t k;
} kn_tiny_system;

/* out = R^-1 d, the first k elements, and zeros behind them. Returns the largest size. */
double kn_tiny_back(const kn_tiny_system *system, const double *d, double *out);

/* A column of R: d, of which `beyond` is the squared norm from k on, is turned into its first k
   elements and one more. z: the sum of d[c] basis[c] for c >= k, rubbish afterwards. k is left to
   the caller. */
void kn_tiny_append(const kn_tiny_system *system, const double *d, double *z, double beyond);

/* Takes column l out; d is turned along. k is left to the caller. */
void kn_tiny_remove(const kn_tiny_system *system, int64_t l, double *d);

/* A step of refinement of x and multipliers. `residual`: of the gradient, by which basis is
   weighted; d: what the k rows miss. x is corrected, the change of the k multipliers put into
   `step`. Both arguments are rubbish afterwards, and z. */
void kn_tiny_correct(const kn_tiny_system *system, const double *residual, double *d, double *z,
                     double *x, double *step);

/* For judging answers, on matrices whose rows of n doubles lie side by side. */

/* out[i] = <row i, x> for i < rows. */
void kn_tiny_judge_rows(const double *matrix, int64_t rows, int64_t n, const double *x,
                        double *out);

/* sum += y[i] row i, and size raised to the largest size of a term, over rows with y[i] != 0. */
void kn_tiny_judge_sum(const double *matrix, int64_t rows, int64_t n, const double *y, double *sum,
                       double *size);

#endif
