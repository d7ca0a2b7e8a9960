/* Soft and hard c-transforms. */

static void kn_softmin_rows(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                            double inv_eps, const double *gamma, double *out, int single,
                            void *memory) {
  kn_exponents e = kn_exponents_begin(cost, inv_eps, gamma, single, memory);
  for (int64_t i = row_begin; i < row_end; i++) {
    double top = kn_exponent_row(&e, i, 0.0);
    if (top == -INFINITY) {
      out[i] = INFINITY;
      continue;
    }
    double sum = kn_exponentiate_row(e.scratch.row, cost->columns, top);
    out[i] = -(log(sum) + top * KN_LN2);
  }
}

static void kn_body_softmin_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                     double inv_eps, const double *gamma, double *out,
                                     void *memory) {
  kn_softmin_rows(cost, row_begin, row_end, inv_eps, gamma, out, kn_costs_are_single(cost),
                  memory);
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
      count = kn_tile_count(columns - first);
      kn_cost_tile_d(cost, (int)rows, row, first, count, s.tile64, c);
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
    count = kn_tile_count(cost->columns - first);
    const int64_t whole = count / KN_LANES_D * KN_LANES_D;
    double *out = column_min + first;
    for (int64_t i = row_begin; i < row_end; i++) {
      const double *c[4];
      const int64_t row[4] = {i, i, i, i};
      const kn_vd fi = kn_splat_d(f[i]);
      kn_cost_tile_d(cost, 1, row, first, count, s.tile64, c);
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
