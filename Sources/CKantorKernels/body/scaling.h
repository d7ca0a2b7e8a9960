/* The fused scaling iteration on a stored kernel: one read of K from memory, since the second
   pass over a block of rows finds it in the cache. */

/* K_i . v for `rows` rows. */
KN_INLINE void kn_dot_rows_d(int rows, const double *k, int64_t leading, const double *v,
                             int64_t columns, double total[4]) {
  kn_vd sum[4];
  int64_t j = 0;
  for (int r = 0; r < rows; r++) sum[r] = kn_splat_d(0.0);
  for (; j + KN_LANES_D <= columns; j += KN_LANES_D) {
    kn_vd vj = kn_load_d(v + j);
    for (int r = 0; r < rows; r++) sum[r] = kn_fma_d(kn_load_d(k + r * leading + j), vj, sum[r]);
  }
  for (int r = 0; r < rows; r++) total[r] = kn_sum_d(sum[r]);
  for (; j < columns; j++) {
    for (int r = 0; r < rows; r++) total[r] += k[r * leading + j] * v[j];
  }
}

static void kn_body_kernel_times_f64(const double *kernel, int64_t leading, int64_t columns,
                                     int64_t row_begin, int64_t row_end, const double *v,
                                     double *out) {
  for (int64_t i = row_begin; i < row_end;) {
    const int rows = row_end - i >= 4 ? 4 : 1;
    double sum[4];
    if (rows == 4) {
      kn_dot_rows_d(4, kernel + i * leading, leading, v, columns, sum);
    } else {
      kn_dot_rows_d(1, kernel + i * leading, leading, v, columns, sum);
    }
    for (int r = 0; r < rows; r++) out[i + r] = sum[r];
    i += rows;
  }
}

static void kn_body_kernel_transposed_f64(const double *kernel, int64_t leading, int64_t columns,
                                          int64_t row_begin, int64_t row_end, const double *u,
                                          double *column_sum) {
  for (int64_t i = row_begin; i < row_end;) {
    const int rows = row_end - i >= 4 ? 4 : 1;
    double t[4];
    for (int r = 0; r < rows; r++) t[r] = u[i + r];
    if (rows == 4) {
      kn_scatter_rows_d(4, kernel + i * leading, leading, t, column_sum, columns);
    } else {
      kn_scatter_rows_d(1, kernel + i * leading, leading, t, column_sum, columns);
    }
    i += rows;
  }
}

/* Row factors from row sums; returns 1 for a row with mass and no finite factor. */
KN_INLINE int64_t kn_scale_row(double sum, double a, double *u, double *error) {
  const double factor = a > 0.0 ? a / sum : 0.0;
  if (!(factor >= 0.0 && factor < INFINITY)) {
    *error += a;
    return 1;
  }
  *error += fabs(*u * sum - a);
  *u = factor;
  return 0;
}

static int64_t kn_body_scaling_sweep_f64(const double *kernel, int64_t leading, int64_t columns,
                                         int64_t row_begin, int64_t row_end, const double *a,
                                         double *u, const double *v, double *column_sum,
                                         double *error) {
  int64_t infeasible = 0;
  for (int64_t i = row_begin; i < row_end;) {
    const double *k = kernel + i * leading;
    const int rows = row_end - i >= 4 ? 4 : 1;
    double sum[4], t[4];
    if (rows == 4) {
      kn_dot_rows_d(4, k, leading, v, columns, sum);
    } else {
      kn_dot_rows_d(1, k, leading, v, columns, sum);
    }
    for (int r = 0; r < rows; r++) {
      int64_t bad = kn_scale_row(sum[r], a[i + r], u + i + r, error);
      infeasible += bad;
      t[r] = bad ? 0.0 : u[i + r];
    }
    if (rows == 4) {
      kn_scatter_rows_d(4, k, leading, t, column_sum, columns);
    } else {
      kn_scatter_rows_d(1, k, leading, t, column_sum, columns);
    }
    i += rows;
  }
  return infeasible;
}

/* K_i . v in f32 lanes, added up in f64 after every chunk. */
KN_INLINE void kn_dot_rows_f(int rows, const float *k, int64_t leading, const float *v,
                             int64_t columns, double total[4]) {
  int64_t j = 0;
  for (int r = 0; r < rows; r++) total[r] = 0.0;
  while (columns - j >= KN_LANES_F) {
    int64_t end = columns - j < KN_CHUNK ? columns : j + KN_CHUNK;
    kn_vf sum[4];
    for (int r = 0; r < rows; r++) sum[r] = kn_splat_f(0.0f);
    for (; j + KN_LANES_F <= end; j += KN_LANES_F) {
      kn_vf vj = kn_load_f(v + j);
      for (int r = 0; r < rows; r++) {
        sum[r] = kn_fma_f(kn_load_f(k + r * leading + j), vj, sum[r]);
      }
    }
    for (int r = 0; r < rows; r++) total[r] += kn_sum_f(sum[r]);
  }
  for (; j < columns; j++) {
    for (int r = 0; r < rows; r++) total[r] += (double)k[r * leading + j] * v[j];
  }
}

/* sum32 += sum over rows of t[r] K_r, the last columns one by one: K has no padding. */
KN_INLINE void kn_scatter_kernel_f(int rows, const float *k, int64_t leading, const double t[4],
                                   float *sum32, int64_t columns) {
  const int64_t whole = columns / KN_LANES_F * KN_LANES_F;
  kn_scatter_rows_f(rows, k, leading, t, sum32, whole);
  for (int64_t j = whole; j < columns; j++) {
    for (int r = 0; r < rows; r++) sum32[j] += (float)t[r] * k[r * leading + j];
  }
}

static int64_t kn_body_scaling_sweep_f32(const float *kernel, int64_t leading, int64_t columns,
                                         int64_t row_begin, int64_t row_end, const double *a,
                                         double *u, const double *v, double *column_sum,
                                         double *error, void *memory) {
  kn_scratch s = kn_scratch_cut(memory, columns);
  float *v32 = s.gamma32;
  int64_t infeasible = 0;
  int blocks = 0;
  for (int64_t j = 0; j < columns; j++) v32[j] = (float)v[j];
  memset(s.sum32, 0, (size_t)s.padded * sizeof(float));
  for (int64_t i = row_begin; i < row_end;) {
    const float *k = kernel + i * leading;
    const int rows = row_end - i >= 4 ? 4 : 1;
    double sum[4], t[4];
    if (rows == 4) {
      kn_dot_rows_f(4, k, leading, v32, columns, sum);
    } else {
      kn_dot_rows_f(1, k, leading, v32, columns, sum);
    }
    for (int r = 0; r < rows; r++) {
      int64_t bad = kn_scale_row(sum[r], a[i + r], u + i + r, error);
      infeasible += bad;
      t[r] = bad ? 0.0 : u[i + r];
      if (t[r] <= KN_SUM_HIGH_F && (t[r] == 0.0 || t[r] >= KN_SUM_LOW)) continue;
      /* The factor does not fit f32: this row is added in f64. */
      for (int64_t j = 0; j < columns; j++) column_sum[j] += t[r] * k[r * leading + j];
      t[r] = 0.0;
    }
    if (rows == 4) {
      kn_scatter_kernel_f(4, k, leading, t, s.sum32, columns);
    } else {
      kn_scatter_kernel_f(1, k, leading, t, s.sum32, columns);
    }
    if (++blocks == KN_BLOCKS_IN_F32) {
      kn_flush_sums(&s, columns, 1, column_sum);
      blocks = 0;
    }
    i += rows;
  }
  kn_flush_sums(&s, columns, 1, column_sum);
  return infeasible;
}
