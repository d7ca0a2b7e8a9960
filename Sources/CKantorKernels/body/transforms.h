/* Soft and hard c-transforms. */

/* sum 2^(z - top) over a row and its padding; exponentials in f64, or in f32 from differences
   in f64. */
KN_INLINE double kn_exp_sum_double(const double *z, int64_t columns, double top) {
  const kn_vd shift = kn_splat_d(top);
  kn_vd sum0 = kn_splat_d(0.0), sum1 = sum0;
  for (int64_t j = 0; j < kn_padded(columns); j += 2 * KN_LANES_D) {
    sum0 += kn_exp2_cut_d(kn_load_d(z + j) - shift);
    sum1 += kn_exp2_cut_d(kn_load_d(z + j + KN_LANES_D) - shift);
  }
  return kn_sum_d(sum0 + sum1);
}
KN_INLINE double kn_exp_sum_single(const double *z, int64_t columns, double top) {
  const kn_vd shift = kn_splat_d(top);
  kn_vd total = kn_splat_d(0.0);
  for (int64_t j = 0; j < kn_padded(columns); j += KN_LANES_F) {
    kn_vf p = kn_exp2_cut_f(
        kn_narrow(kn_load_d(z + j) - shift, kn_load_d(z + j + KN_LANES_D) - shift));
    total += kn_low_d(p) + kn_high_d(p);
  }
  return kn_sum_d(total);
}

static void kn_softmin_rows(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                            double inv_eps, const double *gamma, double *out, int in_f32,
                            void *memory) {
  const int single = in_f32 || kn_costs_are_single(cost);
  kn_exponents e = kn_exponents_begin(cost, inv_eps, gamma, single, row_end - row_begin, memory);
  for (int64_t i = row_begin, rows; i < row_end; i += rows) {
    double top[4];
    rows = row_end - i >= 4 ? 4 : 1;
    kn_exponent_rows(&e, (int)rows, i, top);
    for (int64_t r = 0; r < rows; r++) {
      const double *z = e.scratch.plan64 + r * e.scratch.plan_stride;
      if (top[r] == -INFINITY) {
        out[i + r] = INFINITY;
      } else if (in_f32) {
        out[i + r] = -(log(kn_exp_sum_single(z, cost->columns, top[r])) + top[r] * KN_LN2);
      } else {
        out[i + r] = -(log(kn_exp_sum_double(z, cost->columns, top[r])) + top[r] * KN_LN2);
      }
    }
  }
}

static void kn_body_softmin_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                     double inv_eps, const double *gamma, double *out,
                                     void *memory) {
  kn_softmin_rows(cost, row_begin, row_end, inv_eps, gamma, out, 0, memory);
}

static void kn_body_softmin_rows_f32(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                     double inv_eps, const double *gamma, double *out,
                                     void *memory) {
  kn_softmin_rows(cost, row_begin, row_end, inv_eps, gamma, out, 1, memory);
}

/* min over the columns of cost - g; a column with g = -inf gives +inf and is never the least. */
static void kn_body_hardmin_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                     const double *g, double *out, void *memory) {
  kn_scratch s = kn_scratch_cut(memory, cost->columns);
  const int64_t columns = cost->columns;
  /* The padding must lose every comparison. */
  memcpy(s.gamma64, g, (size_t)columns * sizeof(double));
  for (int64_t j = columns; j < s.padded; j++) s.gamma64[j] = -INFINITY;
  for (int64_t i = row_begin, rows; i < row_end; i += rows) {
    rows = row_end - i >= 4 ? 4 : 1;
    const int64_t row[4] = {i, i + 1, i + 2, i + 3};
    kn_vd least[4];
    for (int r = 0; r < 4; r++) least[r] = kn_splat_d(INFINITY);
    for (int64_t first = 0, count; first < columns; first += count) {
      const double *c[4];
      count = kn_piece(columns - first, KN_TILE);
      kn_cost_tile_d(cost, (int)rows, row, first, count, NULL, s.tile64, c);
      for (int64_t j = 0; j < count; j += KN_LANES_D) {
        kn_vd gj = kn_load_d(s.gamma64 + first + j);
        for (int r = 0; r < rows; r++) {
          least[r] = kn_min_d(kn_load_d(c[r] + j) - gj, least[r]);
        }
      }
    }
    for (int r = 0; r < rows; r++) out[i + r] = kn_lowest_d(least[r]);
  }
}

static void kn_body_hardmin_columns_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                        const double *f, double *column_min, void *memory) {
  kn_scratch s = kn_scratch_cut(memory, cost->columns);
  for (int64_t first = 0, count; first < cost->columns; first += count) {
    count = kn_piece(cost->columns - first, KN_TILE);
    const int64_t whole = count / KN_LANES_D * KN_LANES_D;
    double *out = column_min + first;
    for (int64_t i = row_begin; i < row_end; i++) {
      const double *c[4];
      const int64_t row[4] = {i, i, i, i};
      const kn_vd fi = kn_splat_d(f[i]);
      kn_cost_tile_d(cost, 1, row, first, count, NULL, s.tile64, c);
      for (int64_t j = 0; j < whole; j += KN_LANES_D) {
        kn_store_d(out + j, kn_min_d(kn_load_d(c[0] + j) - fi, kn_load_d(out + j)));
      }
      for (int64_t j = whole; j < count; j++) {
        double d = c[0][j] - f[i];
        out[j] = d < out[j] ? d : out[j];
      }
    }
  }
}
