/* Solves with dense blocks of L: a square unit lower triangle and the rows below it. */

/* x <- L^-1 x for the square block. */
KN_INLINE void kn_square_forward(const double *l, int64_t ld, int64_t width, double *x) {
  for (int64_t k = 0; k < width; k++) {
    const double t = x[k];
    const double *column = l + k * ld;
    for (int64_t i = k + 1; i < width; i++) x[i] -= column[i] * t;
  }
}

/* y[i] = sum_k L[i, k] x[k] for `rows` rows at l, or that taken from y. */
KN_INLINE void kn_block_product(const double *l, int64_t ld, int64_t rows, int64_t width,
                                const double *x, double *y, const int subtract) {
  int64_t i = 0;
  for (; i + 2 * KN_LANES_D <= rows; i += 2 * KN_LANES_D) {
    kn_vd s0 = kn_splat_d(0), s1 = kn_splat_d(0);
    const double *from = l + i;
    for (int64_t k = 0; k < width; k++, from += ld) {
      const kn_vd t = kn_splat_d(x[k]);
      s0 = kn_fma_d(kn_load_d(from), t, s0);
      s1 = kn_fma_d(kn_load_d(from + KN_LANES_D), t, s1);
    }
    kn_store_d(y + i, subtract ? kn_load_d(y + i) - s0 : s0);
    kn_store_d(y + i + KN_LANES_D, subtract ? kn_load_d(y + i + KN_LANES_D) - s1 : s1);
  }
  for (; i < rows; i++) {
    double s = 0;
    for (int64_t k = 0; k < width; k++) s += l[i + k * ld] * x[k];
    y[i] = subtract ? y[i] - s : s;
  }
}

/* sum_i l[i] y[i]. */
KN_INLINE double kn_column_dot(const double *l, const double *y, int64_t rows) {
  kn_vd s0 = kn_splat_d(0), s1 = kn_splat_d(0);
  int64_t i = 0;
  for (; i + 2 * KN_LANES_D <= rows; i += 2 * KN_LANES_D) {
    s0 = kn_fma_d(kn_load_d(l + i), kn_load_d(y + i), s0);
    s1 = kn_fma_d(kn_load_d(l + i + KN_LANES_D), kn_load_d(y + i + KN_LANES_D), s1);
  }
  double sum = i > 0 ? kn_sum_d(s0 + s1) : 0;
  for (; i < rows; i++) sum += l[i] * y[i];
  return sum;
}

/* x <- L'^-1 (D^-1 x - L_below' y) for the square block and the values y of the rows below it. */
KN_INLINE void kn_square_backward(const double *l, int64_t ld, int64_t width, int64_t below,
                                  const double *inverse, const double *y, double *x) {
  for (int64_t k = width - 1; k >= 0; k--) {
    const double *column = l + k * ld;
    x[k] = x[k] * inverse[k] - kn_column_dot(column + width, y, below) -
           kn_column_dot(column + k + 1, x + k + 1, width - k - 1);
  }
}

static void kn_body_panels_forward(const kn_panels *p, const kn_panel_factor *factor,
                                   int64_t begin, int64_t end, double *x, int64_t count,
                                   int64_t stride, double *work) {
  for (int64_t s = begin; s < end; s++) {
    const kn_panel_view v = kn_view(p, factor->values, s);
    const int64_t below = v.rows - v.width;
    for (int64_t r = 0; r < count; r++) {
      double *const z = x + r * stride;
      if (v.width == 1) {
        const double t = z[v.first];
        for (int64_t i = 1; i < v.rows; i++) z[v.row[i]] -= v.block[i] * t;
        continue;
      }
      kn_square_forward(v.block, v.leading, v.width, z + v.first);
      kn_block_product(v.block + v.width, v.leading, below, v.width, z + v.first, work, 0);
      for (int64_t i = 0; i < below; i++) z[v.row[v.width + i]] -= work[i];
    }
  }
}

static void kn_body_panels_backward(const kn_panels *p, const kn_panel_factor *factor,
                                    int64_t begin, int64_t end, double *x, int64_t count,
                                    int64_t stride, double *work) {
  for (int64_t s = end - 1; s >= begin; s--) {
    const kn_panel_view v = kn_view(p, factor->values, s);
    const int64_t below = v.rows - v.width;
    const double *const inverse = factor->inverse + v.first;
    for (int64_t r = 0; r < count; r++) {
      double *const z = x + r * stride;
      if (v.width == 1) {
        double sum = z[v.first] * inverse[0];
        for (int64_t i = 1; i < v.rows; i++) sum -= v.block[i] * z[v.row[i]];
        z[v.first] = sum;
        continue;
      }
      for (int64_t i = 0; i < below; i++) work[i] = z[v.row[v.width + i]];
      kn_square_backward(v.block, v.leading, v.width, below, inverse, work, z + v.first);
    }
  }
}
