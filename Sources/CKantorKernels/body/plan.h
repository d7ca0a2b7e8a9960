/* Products with a plan that is never stored. Tiles of columns are the outer loop and rows the
   inner one, so that a transposed tile of values (or of results) stays in the cache. */

/* Values are handled this many columns of the matrix at a time. */
#define KN_PLAN_WIDTH 8

/* Plan entries of one row in one tile, in place of the exponents. */
KN_INLINE void kn_plan_tile(const kn_exponents *e, int64_t row, double phi, int64_t first,
                            int64_t count, double *p) {
  const int64_t rows[4] = {row, row, row, row};
  const double phis[4] = {phi * KN_LOG2E, 0.0, 0.0, 0.0};
  kn_exponent_tile(e, 1, rows, phis, first, count, p, 0, NULL);
  for (int64_t j = 0; j < count; j += KN_LANES_D) {
    kn_store_d(p + j, kn_exp2_full_d(kn_load_d(p + j)));
  }
}

static void kn_body_plan_apply_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                   double inv_eps, const double *phi, const double *gamma,
                                   const double *values, int64_t width, double *out,
                                   void *memory) {
  kn_exponents e =
      kn_exponents_begin(cost, inv_eps, gamma, kn_costs_are_single(cost), memory);
  double p[KN_TILE], turned[KN_PLAN_WIDTH][KN_TILE];
  for (int64_t k = row_begin * width; k < row_end * width; k++) out[k] = 0.0;
  for (int64_t first = 0, count; first < cost->columns; first += count) {
    count = kn_tile_count(cost->columns - first);
    const int64_t padded = kn_padded(count);
    for (int64_t k0 = 0; k0 < width; k0 += KN_PLAN_WIDTH) {
      const int block = (int)(width - k0 < KN_PLAN_WIDTH ? width - k0 : KN_PLAN_WIDTH);
      for (int k = 0; k < block; k++) {
        for (int64_t j = 0; j < padded; j++) {
          turned[k][j] = j < count ? values[(first + j) * width + k0 + k] : 0.0;
        }
      }
      for (int64_t i = row_begin; i < row_end; i++) {
        kn_plan_tile(&e, i, phi[i], first, count, p);
        for (int k = 0; k < block; k++) {
          kn_vd sum = kn_splat_d(0.0);
          for (int64_t j = 0; j < padded; j += KN_LANES_D) {
            sum = kn_fma_d(kn_load_d(p + j), kn_load_d(turned[k] + j), sum);
          }
          out[i * width + k0 + k] += kn_sum_d(sum);
        }
      }
    }
  }
}

static void kn_body_plan_apply_transposed_f64(const kn_cost *cost, int64_t row_begin,
                                              int64_t row_end, double inv_eps,
                                              const double *phi, const double *gamma,
                                              const double *values, int64_t width, double *out,
                                              void *memory) {
  kn_exponents e =
      kn_exponents_begin(cost, inv_eps, gamma, kn_costs_are_single(cost), memory);
  double p[KN_TILE], turned[KN_PLAN_WIDTH][KN_TILE];
  for (int64_t first = 0, count; first < cost->columns; first += count) {
    count = kn_tile_count(cost->columns - first);
    const int64_t padded = kn_padded(count);
    for (int64_t k0 = 0; k0 < width; k0 += KN_PLAN_WIDTH) {
      const int block = (int)(width - k0 < KN_PLAN_WIDTH ? width - k0 : KN_PLAN_WIDTH);
      memset(turned, 0, sizeof turned);
      for (int64_t i = row_begin; i < row_end; i++) {
        kn_plan_tile(&e, i, phi[i], first, count, p);
        for (int k = 0; k < block; k++) {
          const kn_vd value = kn_splat_d(values[i * width + k0 + k]);
          for (int64_t j = 0; j < padded; j += KN_LANES_D) {
            kn_store_d(turned[k] + j,
                       kn_fma_d(kn_load_d(p + j), value, kn_load_d(turned[k] + j)));
          }
        }
      }
      for (int64_t j = 0; j < count; j++) {
        for (int k = 0; k < block; k++) out[(first + j) * width + k0 + k] += turned[k][j];
      }
    }
  }
}
