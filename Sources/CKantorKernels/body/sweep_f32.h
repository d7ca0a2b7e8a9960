/* The fused Sinkhorn sweep in f32, potentials and decisions in f64. Two ways to the exponents:
     plain  z in f32. What phi and gamma lose when rounded to f32 comes back as factors: a row's
            factor multiplies its sum, a column's factor is folded into the sum and the column.
     mixed  z in f64, rounded to f32 only then. */

#define KN_SUM_HIGH_F 1e30
/* Row masses outside this range would leave f32 on the way; such rows are done in f64. */
#define KN_MASS_LOW_F 1e-20
#define KN_MASS_HIGH_F 1e20
/* Column sums stay in f32 for at most this many blocks of rows. */
#define KN_BLOCKS_IN_F32 32

/* gamma32 = gamma log2(e) rounded, rest32 = 2^(what rounding took), to second order. */
KN_INLINE void kn_prepare_gamma_f(const double *gamma, int64_t columns, kn_scratch *scratch) {
  for (int64_t j = 0; j < columns; j++) {
    double exact = gamma[j] * KN_LOG2E;
    float rounded = (float)exact;
    double lost = exact > -INFINITY ? (exact - rounded) * KN_LN2 : 0.0;
    scratch->gamma32[j] = rounded;
    scratch->rest32[j] = (float)(1.0 + lost * (1.0 + 0.5 * lost));
  }
  for (int64_t j = columns; j < scratch->padded; j++) {
    scratch->gamma32[j] = -INFINITY;
    scratch->rest32[j] = 1.0f;
  }
}

/* sum32 += sum over rows of t[r] plan[r]; whole vectors, the padding included. */
KN_INLINE void kn_scatter_rows_f(int rows, const float *plan, int64_t stride, const double t[4],
                                 float *sum32, int64_t padded) {
  kn_vf factor[4];
  for (int r = 0; r < rows; r++) factor[r] = kn_splat_f((float)t[r]);
  for (int64_t j = 0; j < padded; j += KN_LANES_F) {
    kn_vf w = kn_load_f(sum32 + j);
    for (int r = 0; r < rows; r++) w = kn_fma_f(factor[r], kn_load_f(plan + r * stride + j), w);
    kn_store_f(sum32 + j, w);
  }
}

/* column_sum += rest32 * sum32 in f64, sum32 = 0. */
KN_INLINE void kn_flush_sums(kn_scratch *scratch, int64_t columns, int mixed,
                             double *column_sum) {
  const kn_vf one = kn_splat_f(1.0f);
  int64_t j = 0;
  for (; j + KN_LANES_F <= columns; j += KN_LANES_F) {
    kn_vf w = kn_load_f(scratch->sum32 + j);
    kn_vf rest = mixed ? one : kn_load_f(scratch->rest32 + j);
    double *out = column_sum + j;
    kn_store_d(out, kn_fma_d(kn_low_d(w), kn_low_d(rest), kn_load_d(out)));
    out += KN_LANES_D;
    kn_store_d(out, kn_fma_d(kn_high_d(w), kn_high_d(rest), kn_load_d(out)));
  }
  for (; j < columns; j++) {
    column_sum[j] += (double)scratch->sum32[j] * (mixed ? 1.0 : scratch->rest32[j]);
  }
  memset(scratch->sum32, 0, (size_t)scratch->padded * sizeof(float));
}

/* Plan rows in f32 from exponents in f64. */
KN_INLINE void kn_mixed_span(int single, int rows, const kn_exponents *e, const kn_block_f *b,
                             const double phi[4], const float *const narrow[4],
                             const double *const wide[4], int64_t first, int64_t count,
                             kn_vf sum[4]) {
  const kn_vd minus_scale = kn_splat_d(-e->scale);
  for (int64_t j = 0; j < count; j += KN_LANES_F) {
    kn_vd g0 = kn_load_d(e->scratch.gamma64 + first + j);
    kn_vd g1 = kn_load_d(e->scratch.gamma64 + first + j + KN_LANES_D);
    for (int r = 0; r < rows; r++) {
      kn_vd c0, c1;
      if (single) {
        c0 = kn_load_wide(narrow[r] + j);
        c1 = kn_load_wide(narrow[r] + j + KN_LANES_D);
      } else {
        c0 = kn_load_d(wide[r] + j);
        c1 = kn_load_d(wide[r] + j + KN_LANES_D);
      }
      kn_vd p0 = kn_splat_d(phi[r]);
      kn_vf p = kn_exp2_cut_f(kn_narrow(kn_fma_d(c0, minus_scale, p0 + g0),
                                        kn_fma_d(c1, minus_scale, p0 + g1)));
      kn_store_f(b->plan + r * b->plan_stride + first + j, p);
      sum[r] += p;
    }
  }
}

KN_INLINE void kn_mixed_block(int single, int rows, const kn_exponents *e, const kn_block_f *b,
                              const double phi[4], double total[4]) {
  const int64_t columns = e->cost->columns;
  for (int r = 0; r < rows; r++) total[r] = 0.0;
  for (int64_t first = 0, count; first < columns; first += count) {
    count = kn_piece(columns - first, KN_TILE);
    const float *narrow[4];
    const double *wide[4];
    kn_vf sum[4];
    for (int r = 0; r < rows; r++) sum[r] = kn_splat_f(0.0f);
    if (single) {
      kn_cost_tile_f(e->cost, rows, b->row, first, count, e->y_norms32, e->scratch.tile32,
                     narrow);
    } else {
      kn_cost_tile_d(e->cost, rows, b->row, first, count, e->y_norms64, e->scratch.tile64, wide);
    }
    kn_mixed_span(single, rows, e, b, phi, narrow, wide, first, count, sum);
    for (int r = 0; r < rows; r++) total[r] += kn_sum_f(sum[r]);
  }
}

static void kn_mixed_run(const kn_exponents *e, const kn_block_f *b, const double phi[4],
                         double total[4]) {
  if (b->rows == 4) {
    if (e->single) {
      kn_mixed_block(1, 4, e, b, phi, total);
    } else {
      kn_mixed_block(0, 4, e, b, phi, total);
    }
  } else if (e->single) {
    kn_mixed_block(1, 1, e, b, phi, total);
  } else {
    kn_mixed_block(0, 1, e, b, phi, total);
  }
}

KN_INLINE int kn_fits_single(double sum, double a) {
  return sum >= KN_SUM_LOW && sum <= KN_SUM_HIGH_F && a >= KN_MASS_LOW_F && a <= KN_MASS_HIGH_F;
}

/* One block of `rows` (1 or 4) rows of the sweep. */
KN_INLINE int64_t kn_sweep_block_f(kn_block_f *b, kn_exponents *e, int mixed, const double *a,
                                   double *phi, double *column_sum, double *error) {
  double sum[4], t[4], exact[4];
  int64_t infeasible = 0;
  int good = 0;
  for (int r = 0; r < b->rows; r++) {
    exact[r] = phi[b->row[r]] * KN_LOG2E;
    b->phi[r] = (float)exact[r];
  }
  if (mixed) {
    kn_mixed_run(e, b, exact, sum);
  } else {
    kn_block_run_f(b, sum);
  }
  for (int r = 0; r < b->rows; r++) {
    const double mass = a[b->row[r]];
    if (!kn_fits_single(sum[r], mass)) continue;
    good++;
    t[r] = mass / sum[r];
    double lost = mixed ? 0.0 : exact[r] - b->phi[r];
    *error += fabs(sum[r] * exp2(lost) - mass);
    phi[b->row[r]] += log(t[r]) - lost * KN_LN2;
  }
  kn_scratch *s = &e->scratch;
  if (good == 4) {
    kn_scatter_rows_f(4, b->plan, b->plan_stride, t, s->sum32, s->padded);
    return 0;
  }
  for (int r = 0; r < b->rows; r++) {
    const int64_t i = b->row[r];
    if (kn_fits_single(sum[r], a[i])) {
      kn_scatter_rows_f(1, b->plan + r * b->plan_stride, 0, t + r, s->sum32, s->padded);
    } else {
      infeasible += kn_careful_row(e, i, a[i], phi + i, column_sum, error);
    }
  }
  return infeasible;
}

static int64_t kn_body_sinkhorn_sweep_f32(const kn_cost *cost, int64_t row_begin,
                                          int64_t row_end, double inv_eps, const double *a,
                                          double *phi, const double *gamma, double *column_sum,
                                          double *error, int32_t mixed, void *memory) {
  const int single = !mixed || kn_costs_are_single(cost);
  kn_exponents e = kn_exponents_begin(cost, inv_eps, gamma, single, row_end - row_begin, memory);
  kn_scratch *s = &e.scratch;
  if (!mixed) kn_prepare_gamma_f(gamma, cost->columns, s);
  memset(s->sum32, 0, (size_t)s->padded * sizeof(float));
  kn_block_f b = {.cost = cost,
                  .y_norms = e.y_norms32,
                  .scale = (float)e.scale,
                  .gamma = s->gamma32,
                  .rest = s->rest32,
                  .plan_stride = s->plan_stride,
                  .tile = s->tile32};
  int64_t infeasible = 0, row[KN_PLAN_ROWS];
  int blocks = 0;
  b.computed = !mixed && kn_is_computed_ahead_f(cost);
  for (int64_t next = row_begin; next < row_end;) {
    const int rows = kn_gather_rows(b.computed ? KN_PLAN_ROWS : 4, &next, row_end, a, phi, row);
    b.plan = s->plan32;
    if (b.computed) kn_compute_ahead_f(&b, rows, row);
    for (int r = 0; r < rows; r += b.rows) {
      b.rows = rows - r >= 4 ? 4 : 1;
      b.plan = s->plan32 + r * b.plan_stride;
      for (int k = 0; k < b.rows; k++) b.row[k] = row[r + k];
      infeasible += kn_sweep_block_f(&b, &e, mixed, a, phi, column_sum, error);
      if (++blocks == KN_BLOCKS_IN_F32) {
        kn_flush_sums(s, cost->columns, mixed, column_sum);
        blocks = 0;
      }
    }
  }
  kn_flush_sums(s, cost->columns, mixed, column_sum);
  return infeasible;
}
