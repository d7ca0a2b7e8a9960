/* Products with a plan that is never stored. Pieces of columns are the outer loop and rows the
   inner one. A plan tile (up to four rows) meets the columns of `values` in two ways:
     wide  whole vectors along the width, read in place;
     thin  at most eight columns, transposed once per tile: a small width, or what the wide way
           leaves over. */

enum { KN_THIN = 8 };

/* Columns of `values` that take the wide way; the others take the thin one. */
KN_INLINE int64_t kn_wide_part(int64_t width) {
  return width <= KN_THIN ? 0 : width / KN_LANES_D * KN_LANES_D;
}

/* Plan entries of `rows` rows in one tile. */
KN_INLINE void kn_plan_tile(const kn_exponents *e, int rows, int64_t row, const double *phi,
                            int64_t first, int64_t count, double p[4][KN_TILE_STRIDE]) {
  double top[4];
  kn_exponent_block(e, rows, row, phi, first, count, p[0], KN_TILE_STRIDE, top);
  for (int r = 0; r < rows; r++) {
    for (int64_t j = 0; j < kn_padded(count); j += KN_LANES_D) {
      kn_store_d(p[r] + j, kn_exp2_cut_d(kn_load_d(p[r] + j)));
    }
  }
}

/* out[r][k] += sum_j p[r][j] values[j][k] for whole vectors of k. */
KN_INLINE void kn_apply_wide(int rows, double p[4][KN_TILE_STRIDE], int64_t count,
                             const double *values, int64_t wide, int64_t width, double *out) {
  for (int64_t k = 0; k < wide; k += KN_LANES_D) {
    kn_vd sum[4];
    for (int r = 0; r < rows; r++) sum[r] = kn_load_d(out + r * width + k);
    for (int64_t j = 0; j < count; j++) {
      kn_vd v = kn_load_d(values + j * width + k);
      for (int r = 0; r < rows; r++) sum[r] = kn_fma_d(kn_splat_d(p[r][j]), v, sum[r]);
    }
    for (int r = 0; r < rows; r++) kn_store_d(out + r * width + k, sum[r]);
  }
}

/* out[r][k] += sum_j p[r][j] turned[k][j] for `thin` columns. */
KN_INLINE void kn_apply_thin(int rows, double p[4][KN_TILE_STRIDE], int64_t count,
                             double turned[KN_THIN][KN_TILE_STRIDE], int64_t thin, int64_t width,
                             double *out) {
  for (int64_t k = 0; k < thin; k++) {
    kn_vd sum[4];
    for (int r = 0; r < rows; r++) sum[r] = kn_splat_d(0.0);
    for (int64_t j = 0; j < count; j += KN_LANES_D) {
      kn_vd v = kn_load_d(turned[k] + j);
      for (int r = 0; r < rows; r++) sum[r] = kn_fma_d(kn_load_d(p[r] + j), v, sum[r]);
    }
    for (int r = 0; r < rows; r++) out[r * width + k] += kn_sum_d(sum[r]);
  }
}

static void kn_body_plan_apply_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                   double inv_eps, const double *phi, const double *gamma,
                                   const double *values, int64_t width, double *out,
                                   void *memory) {
  kn_exponents e = kn_exponents_begin(cost, inv_eps, gamma, kn_costs_are_single(cost),
                                      row_end - row_begin, memory);
  double p[4][KN_TILE_STRIDE] __attribute__((aligned(64)));
  double turned[KN_THIN][KN_TILE_STRIDE] __attribute__((aligned(64)));
  const int64_t wide = kn_wide_part(width), thin = width - wide;
  for (int64_t k = row_begin * width; k < row_end * width; k++) out[k] = 0.0;
  for (int64_t first = 0, count; first < cost->columns; first += count) {
    count = kn_piece(cost->columns - first, KN_TILE);
    const int64_t padded = kn_padded(count);
    const double *v = values + first * width;
    for (int64_t k = 0; k < thin; k++) {
      for (int64_t j = 0; j < count; j++) turned[k][j] = v[j * width + wide + k];
      for (int64_t j = count; j < padded; j++) turned[k][j] = 0.0;
    }
    for (int64_t i = row_begin, rows; i < row_end; i += rows) {
      rows = row_end - i >= 4 ? 4 : 1;
      kn_plan_tile(&e, (int)rows, i, phi, first, count, p);
      if (rows == 4) {
        kn_apply_wide(4, p, count, v, wide, width, out + i * width);
        kn_apply_thin(4, p, padded, turned, thin, width, out + i * width + wide);
      } else {
        kn_apply_wide(1, p, count, v, wide, width, out + i * width);
        kn_apply_thin(1, p, padded, turned, thin, width, out + i * width + wide);
      }
    }
  }
}

/* out[j][k] += sum_r p[r][j] values[r][k] for whole vectors of k. */
KN_INLINE void kn_spread_wide(int rows, double p[4][KN_TILE_STRIDE], int64_t count,
                              const double *values, int64_t wide, int64_t width, double *out) {
  for (int64_t k = 0; k < wide; k += KN_LANES_D) {
    kn_vd v[4];
    for (int r = 0; r < rows; r++) v[r] = kn_load_d(values + r * width + k);
    for (int64_t j = 0; j < count; j++) {
      kn_vd sum = kn_load_d(out + j * width + k);
      for (int r = 0; r < rows; r++) sum = kn_fma_d(kn_splat_d(p[r][j]), v[r], sum);
      kn_store_d(out + j * width + k, sum);
    }
  }
}

/* turned[k][j] += sum_r p[r][j] values[r][k] for `thin` columns. */
KN_INLINE void kn_spread_thin(int rows, double p[4][KN_TILE_STRIDE], int64_t count,
                              const double *values, int64_t thin, int64_t width,
                              double turned[KN_THIN][KN_TILE_STRIDE]) {
  for (int64_t k = 0; k < thin; k++) {
    for (int64_t j = 0; j < count; j += KN_LANES_D) {
      kn_vd sum = kn_load_d(turned[k] + j);
      for (int r = 0; r < rows; r++) {
        sum = kn_fma_d(kn_load_d(p[r] + j), kn_splat_d(values[r * width + k]), sum);
      }
      kn_store_d(turned[k] + j, sum);
    }
  }
}

static void kn_body_plan_apply_transposed_f64(const kn_cost *cost, int64_t row_begin,
                                              int64_t row_end, double inv_eps,
                                              const double *phi, const double *gamma,
                                              const double *values, int64_t width, double *out,
                                              void *memory) {
  kn_exponents e = kn_exponents_begin(cost, inv_eps, gamma, kn_costs_are_single(cost),
                                      row_end - row_begin, memory);
  double p[4][KN_TILE_STRIDE] __attribute__((aligned(64)));
  double turned[KN_THIN][KN_TILE_STRIDE] __attribute__((aligned(64)));
  const int64_t wide = kn_wide_part(width), thin = width - wide;
  for (int64_t first = 0, count; first < cost->columns; first += count) {
    count = kn_piece(cost->columns - first, KN_TILE);
    const int64_t padded = kn_padded(count);
    double *o = out + first * width;
    for (int64_t k = 0; k < thin; k++) {
      for (int64_t j = 0; j < padded; j++) turned[k][j] = 0.0;
    }
    for (int64_t i = row_begin, rows; i < row_end; i += rows) {
      const double *v = values + i * width;
      rows = row_end - i >= 4 ? 4 : 1;
      kn_plan_tile(&e, (int)rows, i, phi, first, count, p);
      if (rows == 4) {
        kn_spread_wide(4, p, count, v, wide, width, o);
        kn_spread_thin(4, p, padded, v + wide, thin, width, turned);
      } else {
        kn_spread_wide(1, p, count, v, wide, width, o);
        kn_spread_thin(1, p, padded, v + wide, thin, width, turned);
      }
    }
    for (int64_t j = 0; j < count; j++) {
      for (int64_t k = 0; k < thin; k++) o[j * width + wide + k] += turned[k][j];
    }
  }
}
