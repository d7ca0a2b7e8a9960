/* Matrix products of one CPU level: blocks of A and B are packed so that the innermost loop reads
   both in order and keeps a tile of C in registers.

   Source: K. Goto, R. van de Geijn, "Anatomy of high-performance matrix multiplication" (2008);
   the tile of C is KN_TILE_ROWS rows by KN_TILE_VECTORS vectors, which is what the registers of
   the level hold. */

#include "vector.h"

#if KN_WIDTH == 64
enum { KN_TILE_ROWS = 8, KN_TILE_VECTORS = 3 };
#elif KN_WIDTH == 32
enum { KN_TILE_ROWS = 4, KN_TILE_VECTORS = 3 };
#else
enum { KN_TILE_ROWS = 4, KN_TILE_VECTORS = 2 };
#endif
enum { KN_TILE_COLUMNS = KN_TILE_VECTORS * KN_LANES_D };

/* Panels of KN_TILE_COLUMNS columns, one after the other; in each, row after row. What is missing
   in the last panel is zero. */
static void kn_pack_columns(const double *b, int64_t row_stride, int64_t column_stride,
                            int64_t depth, int64_t first, int64_t end, double *packed) {
  for (int64_t j = first; j < end; j += KN_TILE_COLUMNS) {
    const int64_t count = end - j < KN_TILE_COLUMNS ? end - j : KN_TILE_COLUMNS;
    const double *from = b + j * column_stride;
    double *to = packed + j * depth;
    if (column_stride == 1 && count == KN_TILE_COLUMNS) {
      for (int64_t k = 0; k < depth; k++) {
        for (int v = 0; v < KN_TILE_VECTORS; v++) {
          kn_store_d(to + k * KN_TILE_COLUMNS + v * KN_LANES_D,
                     kn_load_d(from + k * row_stride + v * KN_LANES_D));
        }
      }
      continue;
    }
    for (int64_t c = 0; c < count; c++) {
      for (int64_t k = 0; k < depth; k++) {
        to[k * KN_TILE_COLUMNS + c] = from[k * row_stride + c * column_stride];
      }
    }
    for (int64_t c = count; c < KN_TILE_COLUMNS; c++) {
      for (int64_t k = 0; k < depth; k++) to[k * KN_TILE_COLUMNS + c] = 0.0;
    }
  }
}

/* Panels of KN_TILE_ROWS rows, in each column after column. */
static void kn_pack_rows(const double *a, int64_t row_stride, int64_t column_stride, int64_t rows,
                         int64_t depth, double *packed) {
  for (int64_t i = 0; i < rows; i += KN_TILE_ROWS) {
    const int64_t count = rows - i < KN_TILE_ROWS ? rows - i : KN_TILE_ROWS;
    const double *from = a + i * row_stride;
    double *to = packed + i * depth;
    if (count == KN_TILE_ROWS) {
      for (int64_t k = 0; k < depth; k++) {
        for (int r = 0; r < KN_TILE_ROWS; r++) {
          to[k * KN_TILE_ROWS + r] = from[r * row_stride + k * column_stride];
        }
      }
      continue;
    }
    for (int64_t k = 0; k < depth; k++) {
      for (int r = 0; r < KN_TILE_ROWS; r++) {
        to[k * KN_TILE_ROWS + r] = r < count ? from[r * row_stride + k * column_stride] : 0.0;
      }
    }
  }
}

/* One tile: the products of a panel of A and a panel of B. */
KN_INLINE void kn_tile_product(int64_t depth, const double *a, const double *b,
                               kn_vd sum[KN_TILE_ROWS][KN_TILE_VECTORS]) {
#pragma clang loop unroll(full)
  for (int r = 0; r < KN_TILE_ROWS; r++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < KN_TILE_VECTORS; v++) sum[r][v] = kn_splat_d(0);
  }
  for (int64_t k = 0; k < depth; k++) {
    kn_vd column[KN_TILE_VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < KN_TILE_VECTORS; v++) column[v] = kn_load_d(b + v * KN_LANES_D);
#pragma clang loop unroll(full)
    for (int r = 0; r < KN_TILE_ROWS; r++) {
      const kn_vd row = kn_splat_d(a[r]);
#pragma clang loop unroll(full)
      for (int v = 0; v < KN_TILE_VECTORS; v++) sum[r][v] = kn_fma_d(row, column[v], sum[r][v]);
    }
    a += KN_TILE_ROWS;
    b += KN_TILE_COLUMNS;
  }
}

static void kn_tile_full(int64_t depth, const double *a, const double *b, double factor,
                         double keep, double *c, int64_t leading) {
  kn_vd sum[KN_TILE_ROWS][KN_TILE_VECTORS];
  kn_tile_product(depth, a, b, sum);
  const kn_vd scale = kn_splat_d(factor), old = kn_splat_d(keep);
#pragma clang loop unroll(full)
  for (int r = 0; r < KN_TILE_ROWS; r++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < KN_TILE_VECTORS; v++) {
      double *at = c + r * leading + v * KN_LANES_D;
      kn_vd value = scale * sum[r][v];
      if (keep != 0) value += old * kn_load_d(at);
      kn_store_d(at, value);
    }
  }
}

/* A tile at the edge of C, of which only some rows and columns exist. */
static void kn_tile_part(int64_t depth, const double *a, const double *b, double factor,
                         double keep, int64_t rows, int64_t columns, double *c, int64_t leading) {
  double whole[KN_TILE_ROWS * KN_TILE_COLUMNS] __attribute__((aligned(64)));
  kn_tile_full(depth, a, b, factor, 0, whole, KN_TILE_COLUMNS);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t j = 0; j < columns; j++) {
      double value = whole[r * KN_TILE_COLUMNS + j];
      if (keep != 0) value += keep * c[r * leading + j];
      c[r * leading + j] = value;
    }
  }
}

static void kn_multiply_rows(const double *a, int64_t row_stride, int64_t column_stride,
                             int64_t rows, int64_t depth, const double *packed, int64_t columns,
                             double factor, double keep, double *c, int64_t leading,
                             double *scratch) {
  for (int64_t first = 0; first < rows; first += KN_PRODUCT_ROWS) {
    const int64_t block = rows - first < KN_PRODUCT_ROWS ? rows - first : KN_PRODUCT_ROWS;
    kn_pack_rows(a + first * row_stride, row_stride, column_stride, block, depth, scratch);
    for (int64_t j = 0; j < columns; j += KN_TILE_COLUMNS) {
      const int64_t wide = columns - j;
      for (int64_t i = 0; i < block; i += KN_TILE_ROWS) {
        const int64_t high = block - i;
        double *at = c + (first + i) * leading + j;
        const double *left = scratch + i * depth, *right = packed + j * depth;
        if (high >= KN_TILE_ROWS && wide >= KN_TILE_COLUMNS) {
          kn_tile_full(depth, left, right, factor, keep, at, leading);
        } else {
          kn_tile_part(depth, left, right, factor, keep,
                       high < KN_TILE_ROWS ? high : KN_TILE_ROWS,
                       wide < KN_TILE_COLUMNS ? wide : KN_TILE_COLUMNS, at, leading);
        }
      }
    }
  }
}

const kn_product_table KN_PRODUCT_TABLE = {.pack = kn_pack_columns, .rows = kn_multiply_rows};
