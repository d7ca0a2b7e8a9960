/* The functions of kantor_product.h, which exist once per CPU level. */
#ifndef KN_PRODUCT_TABLE_H
#define KN_PRODUCT_TABLE_H

#include "include/kantor_product.h"

typedef struct kn_product_table {
  void (*pack)(const double *b, int64_t row_stride, int64_t column_stride, int64_t depth,
               int64_t first, int64_t end, double *packed);
  void (*rows)(const double *a, int64_t row_stride, int64_t column_stride, int64_t rows,
               int64_t depth, const double *packed, int64_t columns, double factor, double keep,
               double *c, int64_t leading, double *scratch);
} kn_product_table;

extern const kn_product_table kn_product_base __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const kn_product_table kn_product_v3 __attribute__((visibility("hidden")));
extern const kn_product_table kn_product_v4 __attribute__((visibility("hidden")));
#endif

#endif
