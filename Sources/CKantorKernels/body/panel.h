/* Dense blocks of an LDL' factor: update by another block, square block on the diagonal, rows below
   it. Blocks are stored by columns. */

/* C[i, j] -= sum_k A[i, k] d[k] A[j, k] for j < columns, row_begin <= i < row_end, i >= j; `row`
   maps rows (and columns) of the source to those of the target, or NULL when row i goes to row i.
   Entries of C above its diagonal may be written. A few rows of A stay in the nearest cache while
   all packed columns pass by them; `packed` has room for KN_SCRATCH_STRIP. */
static void kn_block_update(double *c, int64_t ldc, const int32_t *row, const double *a,
                            int64_t lda, const double *d, int64_t width, int64_t columns,
                            int64_t row_begin, int64_t row_end, double *packed) {
  const int64_t strip = width * KN_TILE_COLUMNS;
  double *to = packed;
  for (int64_t j = 0; j < columns && j < row_end; j += KN_TILE_COLUMNS, to += strip) {
    const int64_t some = columns - j < KN_TILE_COLUMNS ? columns - j : KN_TILE_COLUMNS;
    kn_tile_pack(a + j, lda, d, some, width, to);
  }
  kn_tile tile;
  for (int64_t i = row_begin; i < row_end; i += KN_TILE_ROWS) {
    const int64_t rows = row_end - i < KN_TILE_ROWS ? row_end - i : KN_TILE_ROWS;
    const int32_t *const place = row == NULL ? NULL : row + i;
    const int side_by_side = row == NULL || place[rows - 1] - place[0] == rows - 1;
    const double *from = packed;
    for (int64_t j = 0; j < columns && j < i + rows; j += KN_TILE_COLUMNS, from += strip) {
      const int64_t some = columns - j < KN_TILE_COLUMNS ? columns - j : KN_TILE_COLUMNS;
      kn_tile_run(a + i, lda, from, width, rows, some, &tile);
      if (row == NULL) {
        kn_tile_subtract(&tile, c + i + j * ldc, ldc, rows, some);
      } else if (side_by_side && row[j + some - 1] - row[j] == some - 1) {
        kn_tile_subtract(&tile, c + place[0] + (int64_t)row[j] * ldc, ldc, rows, some);
      } else {
        kn_tile_scatter(&tile, c, ldc, place, rows, row + j, some);
      }
    }
  }
}

/* One pivot by the rule. */
KN_INLINE double kn_pivot(double d, int sign, const kn_pivot_rule *rule, kn_pivot_count *count) {
  if (d - d != 0) {
    count->not_finite++;
    return 1;
  }
  if (sign != 0) {
    const double size = sign * d;
    if (!(size > rule->threshold)) {
      count->replaced++;
      if (-size > rule->threshold) count->wrong_sign++;
      d = sign * rule->replacement;
    }
  } else if (!(d > rule->threshold || -d > rule->threshold)) {
    count->replaced++;
    d = d < 0 ? -rule->replacement : rule->replacement;
  }
  if (d > 0) count->positive++;
  else count->negative++;
  return d;
}

/* The unblocked LDL' of a square block of `width` <= KN_TILE_COLUMNS columns. */
KN_INLINE void kn_small_square(double *c, int64_t ldc, double *diagonal, double *inverse,
                               const int8_t *sign, int64_t width, const kn_pivot_rule *rule,
                               kn_pivot_count *count) {
  for (int64_t j = 0; j < width; j++) {
    const int s = sign == NULL ? 0 : sign[j];
    const double d = kn_pivot(c[j + j * ldc], s, rule, count);
    const double e = 1 / d;
    diagonal[j] = d;
    inverse[j] = e;
    for (int64_t k = j + 1; k < width; k++) {
      const double z = c[k + j * ldc];
      const double l = z * e;
      /* Rows k and below of column k; row j of L' D is still in column j. */
      c[k + k * ldc] -= l * z;
      for (int64_t i = k + 1; i < width; i++) c[i + k * ldc] -= c[i + j * ldc] * l;
    }
    for (int64_t k = j + 1; k < width; k++) c[k + j * ldc] *= e;
  }
}

/* Rows of X with X (D L') = C, in place; `width` <= KN_TILE_COLUMNS columns. */
KN_INLINE void kn_small_below(double *c, int64_t ldc, const double *square, int64_t lds,
                              const double *inverse, int64_t width, int64_t rows) {
  int64_t i = 0;
  if (width == KN_TILE_COLUMNS) {
    for (; i + KN_LANES_D <= rows; i += KN_LANES_D) {
      kn_vd z[KN_TILE_COLUMNS];
#pragma clang loop unroll(full)
      for (int j = 0; j < KN_TILE_COLUMNS; j++) {
        kn_vd t = kn_load_d(c + i + j * ldc);
#pragma clang loop unroll(full)
        for (int k = 0; k < j; k++) t = kn_fma_d(z[k], kn_splat_d(-square[j + k * lds]), t);
        z[j] = t;
      }
#pragma clang loop unroll(full)
      for (int j = 0; j < KN_TILE_COLUMNS; j++) {
        kn_store_d(c + i + j * ldc, z[j] * kn_splat_d(inverse[j]));
      }
    }
  }
  for (; i < rows; i += KN_LANES_D) {
    const int64_t some = rows - i < KN_LANES_D ? rows - i : KN_LANES_D;
    kn_vd z[KN_TILE_COLUMNS];
    for (int64_t j = 0; j < width; j++) {
      kn_vd t = some == KN_LANES_D ? kn_load_d(c + i + j * ldc)
                                   : kn_load_part_d(c + i + j * ldc, some, 0);
      for (int64_t k = 0; k < j; k++) t = kn_fma_d(z[k], kn_splat_d(-square[j + k * lds]), t);
      z[j] = t;
    }
    for (int64_t j = 0; j < width; j++) {
      const kn_vd x = z[j] * kn_splat_d(inverse[j]);
      if (some == KN_LANES_D) kn_store_d(c + i + j * ldc, x);
      else kn_store_part_d(c + i + j * ldc, x, some);
    }
  }
}

/* Where the packed columns before column b of a square block begin. */
KN_INLINE int64_t kn_square_place(int64_t b) {
  /* Blocks 0, 1, 2, ... have 0, 1, 2, ... times KN_TILE_COLUMNS steps of as many numbers. */
  const int64_t block = b / KN_TILE_COLUMNS;
  return block * (block - 1) / 2 * KN_TILE_COLUMNS * KN_TILE_COLUMNS;
}

/* Rows below the square block, `rows` of them at c. `packed`: see kn_square_factor. */
static void kn_block_below(double *c, int64_t ldc, const double *square, int64_t lds,
                           const double *inverse, int64_t width, int64_t rows,
                           const double *packed) {
  kn_tile tile;
  for (int64_t i = 0; i < rows; i += KN_TILE_ROWS) {
    const int64_t some = rows - i < KN_TILE_ROWS ? rows - i : KN_TILE_ROWS;
    for (int64_t b = 0; b < width; b += KN_TILE_COLUMNS) {
      const int64_t columns = width - b < KN_TILE_COLUMNS ? width - b : KN_TILE_COLUMNS;
      if (b > 0) {
        kn_tile_run(c + i, ldc, packed + kn_square_place(b), b, some, columns, &tile);
        kn_tile_subtract(&tile, c + i + b * ldc, ldc, some, columns);
      }
      kn_small_below(c + i + b * ldc, ldc, square + b + b * lds, lds, inverse + b, columns, some);
    }
  }
}

/* The square block itself; leaves its rows packed, times D, for kn_block_below. */
static void kn_square_factor(double *c, int64_t ldc, double *diagonal, double *inverse,
                             const int8_t *sign, int64_t width, const kn_pivot_rule *rule,
                             kn_pivot_count *count, double *packed) {
  if (sign != NULL && rule->shift != 0) {
    for (int64_t j = 0; j < width; j++) c[j + j * ldc] += sign[j] * rule->shift;
  }
  kn_tile tile;
  for (int64_t b = 0; b < width; b += KN_TILE_COLUMNS) {
    const int64_t columns = width - b < KN_TILE_COLUMNS ? width - b : KN_TILE_COLUMNS;
    double *block = c + b + b * ldc;
    if (b > 0) {
      double *before = packed + kn_square_place(b);
      kn_tile_pack(c + b, ldc, diagonal, columns, b, before);
      for (int64_t i = b; i < width; i += KN_TILE_ROWS) {
        const int64_t some = width - i < KN_TILE_ROWS ? width - i : KN_TILE_ROWS;
        kn_tile_run(c + i, ldc, before, b, some, columns, &tile);
        kn_tile_subtract(&tile, c + i + b * ldc, ldc, some, columns);
      }
    }
    kn_small_square(block, ldc, diagonal + b, inverse + b, sign == NULL ? NULL : sign + b, columns,
                    rule, count);
    if (b + columns < width) {
      kn_small_below(block + columns, ldc, block, ldc, inverse + b, columns, width - b - columns);
    }
  }
}
