/* Matrix products, in f64: the innermost loops, without threads and without allocation. The rules
   of kantor_kernels.h hold.

   The caller cuts C = A B into blocks of columns and of depth (the extent that is summed over).
   It packs a block of B once, then multiplies rows of A by it. A and B are given by two strides
   each, in elements, so that transposed matrices are read where they are; C is row-major. */
#ifndef KANTOR_PRODUCT_H
#define KANTOR_PRODUCT_H

#include <stdint.h>

enum {
  KN_PRODUCT_ROWS = 96,     /* rows of A that are packed at once */
  KN_PRODUCT_DEPTH = 256,   /* largest depth of a block */
  KN_PRODUCT_COLUMNS = 960, /* largest number of columns of a block, a multiple of the next */
  KN_PRODUCT_PANEL = 24     /* blocks of B are packed from and to multiples of this */
};

/* Packs columns [first, end) of a depth x columns block of B. first is a multiple of
   KN_PRODUCT_PANEL, and end is one or the last column. packed: depth elements for each column of
   the block, whose number is rounded up to a multiple of KN_PRODUCT_PANEL; 64-byte aligned. */
void kn_product_pack_f64(const double *b, int64_t row_stride, int64_t column_stride, int64_t depth,
                         int64_t first, int64_t end, double *packed);

/* c[i * leading + j] = keep * c[i * leading + j] + factor * sum_k a_ik b_kj for i < rows and
   j < columns; keep = 0 overwrites what was there, even NaN. depth <= KN_PRODUCT_DEPTH, columns
   <= KN_PRODUCT_COLUMNS. scratch: KN_PRODUCT_ROWS * KN_PRODUCT_DEPTH elements, 64-byte aligned,
   one per thread. An entry's bits do not depend on how rows were cut into calls. */
void kn_product_rows_f64(const double *a, int64_t row_stride, int64_t column_stride, int64_t rows,
                         int64_t depth, const double *packed, int64_t columns, double factor,
                         double keep, double *c, int64_t leading, double *scratch);

#endif
