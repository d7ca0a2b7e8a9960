/* Small dense matrices, for problems that are solved in microseconds. The rules of
   kantor_kernels.h hold: nothing here allocates, prints or keeps a pointer, and callers check
   sizes.

   Rows lie `leading` doubles apart, a multiple of KN_TINY_PAD, and vectors along them are as
   long. What stands behind the first n elements is 0, and stays so: no loop has a remainder. */
#ifndef KANTOR_TINY_H
#define KANTOR_TINY_H

#include <stdint.h>

enum { KN_TINY_PAD = 8 };

/* Copies rows of n doubles that lie side by side into padded ones. Returns 1 when all are
   finite. */
int32_t kn_tiny_pad(const double *source, int64_t rows, int64_t n, double *matrix, int64_t leading);

/* out[i] = <row i, x> for i < rows; out may not be x. */
void kn_tiny_rows(const double *matrix, int64_t leading, int64_t rows, const double *x,
                  double *out);

/* out = sum_i weights[i] row i, `leading` elements. */
void kn_tiny_combine(const double *matrix, int64_t leading, int64_t rows, const double *weights,
                     double *out);

/* row i -= u[i] v for i < rows. */
void kn_tiny_rank_one(double *matrix, int64_t leading, int64_t rows, const double *u,
                      const double *v);

/* H = U'U of a symmetric matrix of n rows, in place, upper triangle; below it is rubbish. Then the
   inverse of U into `inverse`, padded, zero below its diagonal. A pivot has to be larger than
   least[i]; returns n, or the index of the first that is not, with its value in *pivot. */
int64_t kn_tiny_invert_factor(double *matrix, int64_t leading, int64_t n, const double *least,
                              double *inverse, double *pivot);

#endif
