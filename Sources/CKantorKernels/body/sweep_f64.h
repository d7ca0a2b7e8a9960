/* The fused Sinkhorn sweep in f64. */

/* Sums outside [1e-30, 1e300] send the row to the form with its maximum subtracted: below,
   entries beyond the cut may matter; above, entries may have overflowed. */
#define KN_SUM_LOW 1e-30
#define KN_SUM_HIGH_D 1e300

/* column_sum += sum over rows of t[r] plan[r], `rows` being 1 or 4. */
KN_INLINE void kn_scatter_rows_d(int rows, const double *plan, int64_t stride, const double t[4],
                                 double *column_sum, int64_t columns) {
  kn_vd factor[4];
  for (int r = 0; r < rows; r++) factor[r] = kn_splat_d(t[r]);
  int64_t j = 0;
  for (; j + KN_LANES_D <= columns; j += KN_LANES_D) {
    kn_vd w = kn_load_d(column_sum + j);
    for (int r = 0; r < rows; r++) w = kn_fma_d(factor[r], kn_load_d(plan + r * stride + j), w);
    kn_store_d(column_sum + j, w);
  }
  for (; j < columns; j++) {
    for (int r = 0; r < rows; r++) column_sum[j] += t[r] * plan[r * stride + j];
  }
}

/* Rows with mass among [*next, row_end), up to `most`; the others get phi = -inf. */
KN_INLINE int kn_gather_rows(int most, int64_t *next, int64_t row_end, const double *a,
                             double *phi, int64_t row[KN_PLAN_ROWS]) {
  int rows = 0;
  int64_t i = *next;
  for (; i < row_end && rows < most; i++) {
    if (a[i] > 0.0) {
      row[rows++] = i;
    } else {
      phi[i] = -INFINITY;
    }
  }
  *next = i;
  return rows;
}

/* One block of `rows` (1 or 4) rows of the sweep. */
KN_INLINE int64_t kn_sweep_block_d(kn_block_d *b, const kn_exponents *e, const double *a,
                                   double *phi, double *column_sum, double *error) {
  double sum[4], t[4];
  int good = 0;
  for (int r = 0; r < b->rows; r++) b->phi[r] = phi[b->row[r]] * KN_LOG2E;
  kn_block_run_d(b, sum);
  for (int r = 0; r < b->rows; r++) {
    good += sum[r] >= KN_SUM_LOW && sum[r] <= KN_SUM_HIGH_D;
    t[r] = a[b->row[r]] / sum[r];
  }
  if (good == b->rows) {
    for (int r = 0; r < b->rows; r++) {
      *error += fabs(sum[r] - a[b->row[r]]);
      phi[b->row[r]] += log(t[r]);
    }
    if (b->rows == 4) {
      kn_scatter_rows_d(4, b->plan, b->plan_stride, t, column_sum, b->cost->columns);
    } else {
      kn_scatter_rows_d(1, b->plan, b->plan_stride, t, column_sum, b->cost->columns);
    }
    return 0;
  }
  int64_t infeasible = 0;
  for (int r = 0; r < b->rows; r++) {
    const int64_t i = b->row[r];
    if (sum[r] >= KN_SUM_LOW && sum[r] <= KN_SUM_HIGH_D) {
      *error += fabs(sum[r] - a[i]);
      phi[i] += log(t[r]);
      kn_scatter_rows_d(1, b->plan + r * b->plan_stride, 0, t + r, column_sum, b->cost->columns);
    } else {
      infeasible += kn_careful_row(e, i, a[i], phi + i, column_sum, error);
    }
  }
  return infeasible;
}

static int64_t kn_body_sinkhorn_sweep_f64(const kn_cost *cost, int64_t row_begin,
                                          int64_t row_end, double inv_eps, const double *a,
                                          double *phi, const double *gamma, double *column_sum,
                                          double *error, void *memory) {
  kn_exponents e = kn_exponents_begin(cost, inv_eps, gamma, kn_costs_are_single(cost),
                                      row_end - row_begin, memory);
  kn_block_d b = {.cost = cost,
                  .y_norms = e.y_norms64,
                  .scale = e.scale,
                  .gamma = e.scratch.gamma64,
                  .plan_stride = e.scratch.plan_stride,
                  .tile = e.scratch.tile64};
  int64_t infeasible = 0, row[KN_PLAN_ROWS];
  b.computed = kn_is_computed_ahead_d(cost);
  for (int64_t next = row_begin; next < row_end;) {
    const int rows = kn_gather_rows(b.computed ? KN_PLAN_ROWS : 4, &next, row_end, a, phi, row);
    b.plan = e.scratch.plan64;
    if (b.computed) kn_compute_ahead_d(&b, rows, row);
    for (int r = 0; r < rows; r += b.rows) {
      b.rows = rows - r >= 4 ? 4 : 1;
      b.plan = e.scratch.plan64 + r * b.plan_stride;
      for (int k = 0; k < b.rows; k++) b.row[k] = row[r + k];
      infeasible += kn_sweep_block_d(&b, &e, a, phi, column_sum, error);
    }
  }
  return infeasible;
}
