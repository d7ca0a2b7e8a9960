/* Choice of the level of matrix products. */
#include "product_table.h"

#include "include/kantor_kernels.h"

static const kn_product_table *chosen_table(void) {
#if defined(__x86_64__)
  switch (kn_level()) {
    case 3: return &kn_product_v3;
    case 4: return &kn_product_v4;
    default: break;
  }
#endif
  return &kn_product_base;
}

void kn_product_pack_f64(const double *b, int64_t row_stride, int64_t column_stride, int64_t depth,
                         int64_t first, int64_t end, double *packed) {
  chosen_table()->pack(b, row_stride, column_stride, depth, first, end, packed);
}

void kn_product_rows_f64(const double *a, int64_t row_stride, int64_t column_stride, int64_t rows,
                         int64_t depth, const double *packed, int64_t columns, double factor,
                         double keep, double *c, int64_t leading, double *scratch) {
  chosen_table()->rows(a, row_stride, column_stride, rows, depth, packed, columns, factor, keep, c,
                       leading, scratch);
}
