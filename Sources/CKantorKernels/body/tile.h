/* Register tiles of C -= A D B': rows in vectors, a few columns, all products of one entry added in
   the order of the columns of A before they are taken from C. */

#if KN_WIDTH == 64
enum { KN_TILE_COLUMNS = 8 };
#else
enum { KN_TILE_COLUMNS = 4 };
#endif
enum { KN_TILE_VECTORS = 3, KN_TILE_ROWS = KN_TILE_VECTORS * KN_LANES_D };

/* d * B for `columns` rows of B, packed: KN_TILE_COLUMNS numbers for each of `width` steps, zeros
   where there are fewer rows. */
KN_INLINE void kn_tile_pack(const double *b, int64_t ldb, const double *d, int64_t columns,
                            int64_t width, double *packed) {
  if (columns == KN_TILE_COLUMNS) {
    for (int64_t k = 0; k < width; k++) {
      const double *from = b + k * ldb;
      const double dk = d[k];
      for (int j = 0; j < KN_TILE_COLUMNS; j++) packed[j] = dk * from[j];
      packed += KN_TILE_COLUMNS;
    }
    return;
  }
  for (int64_t k = 0; k < width; k++) {
    const double *from = b + k * ldb;
    for (int64_t j = 0; j < KN_TILE_COLUMNS; j++) packed[j] = j < columns ? d[k] * from[j] : 0;
    packed += KN_TILE_COLUMNS;
  }
}

typedef struct kn_tile {
  kn_vd sum[KN_TILE_COLUMNS][KN_TILE_VECTORS];
} kn_tile;

/* The products of a tile; `vectors` and `columns` are constants at every call. */
KN_INLINE void kn_tile_products(const double *a, int64_t lda, const double *packed, int64_t width,
                                const int vectors, const int columns, kn_tile *tile) {
  kn_vd sum[KN_TILE_COLUMNS][KN_TILE_VECTORS];
#pragma clang loop unroll(full)
  for (int j = 0; j < columns; j++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[j][v] = kn_splat_d(0);
  }
  for (int64_t k = 0; k < width; k++) {
    kn_vd row[KN_TILE_VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) row[v] = kn_load_d(a + v * KN_LANES_D);
#pragma clang loop unroll(full)
    for (int j = 0; j < columns; j++) {
      const kn_vd b = kn_splat_d(packed[j]);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sum[j][v] = kn_fma_d(row[v], b, sum[j][v]);
    }
    a += lda;
    packed += KN_TILE_COLUMNS;
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < columns; j++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) tile->sum[j][v] = sum[j][v];
  }
}

/* C -= tile where rows of C are side by side; `rows` of them, ldc apart by column. */
KN_INLINE void kn_tile_subtract(const kn_tile *tile, double *c, int64_t ldc, int64_t rows,
                                int64_t columns) {
  for (int64_t j = 0; j < columns; j++) {
    double *to = c + j * ldc;
    int64_t left = rows;
    for (int v = 0; left > 0; v++, left -= KN_LANES_D, to += KN_LANES_D) {
      if (left >= KN_LANES_D) {
        kn_store_d(to, kn_load_d(to) - tile->sum[j][v]);
      } else {
        double lanes[KN_LANES_D];
        kn_store_d(lanes, tile->sum[j][v]);
        for (int64_t i = 0; i < left; i++) to[i] -= lanes[i];
      }
    }
  }
}

/* The same where row i of the tile goes to row[i] of C, and column j to column[j]. */
KN_INLINE void kn_tile_scatter(const kn_tile *tile, double *c, int64_t ldc, const int32_t *row,
                               int64_t rows, const int32_t *column, int64_t columns) {
  double lanes[KN_TILE_ROWS];
  for (int64_t j = 0; j < columns; j++) {
    for (int v = 0; v * KN_LANES_D < rows; v++) {
      kn_store_d(lanes + v * KN_LANES_D, tile->sum[j][v]);
    }
    double *to = c + (int64_t)column[j] * ldc;
    for (int64_t i = 0; i < rows; i++) to[row[i]] -= lanes[i];
  }
}

#define KN_TILE_CASE(vectors, columns) \
  kn_tile_products(a, lda, packed, width, vectors, columns, tile)

/* Chooses the smallest shape that holds the tile; the sums are the same in any. Kept out of line:
   the shapes are many instructions. */
static __attribute__((noinline)) void kn_tile_run(const double *a, int64_t lda,
                                                  const double *packed, int64_t width,
                                                  int64_t rows, int64_t columns, kn_tile *tile) {
  const int vectors = rows <= KN_LANES_D ? 1 : rows <= 2 * KN_LANES_D ? 2 : 3;
  if (columns == 1) {
    if (vectors == 3) KN_TILE_CASE(3, 1);
    else if (vectors == 2) KN_TILE_CASE(2, 1);
    else KN_TILE_CASE(1, 1);
  } else if (columns == 2) {
    if (vectors == 3) KN_TILE_CASE(3, 2);
    else if (vectors == 2) KN_TILE_CASE(2, 2);
    else KN_TILE_CASE(1, 2);
  } else if (columns <= 4) {
    if (vectors == 3) KN_TILE_CASE(3, 4);
    else if (vectors == 2) KN_TILE_CASE(2, 4);
    else KN_TILE_CASE(1, 4);
  } else {
    if (vectors == 3) KN_TILE_CASE(3, KN_TILE_COLUMNS);
    else if (vectors == 2) KN_TILE_CASE(2, KN_TILE_COLUMNS);
    else KN_TILE_CASE(1, KN_TILE_COLUMNS);
  }
}
#undef KN_TILE_CASE
