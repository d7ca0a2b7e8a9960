/* Products of small dense matrices, in tiles of `rows` x `vectors` registers. */

KN_INLINE void kn_product_tile(int rows, int vectors, const double *a, int64_t leading_a,
                               const double *b, int64_t leading_b, int64_t inner, double *out,
                               int64_t leading_out) {
  kn_vd sum[4][2];
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < vectors; v++) sum[r][v] = kn_splat_d(0.0);
  }
  for (int64_t k = 0; k < inner; k++) {
    kn_vd right[2];
    for (int v = 0; v < vectors; v++) right[v] = kn_load_d(b + k * leading_b + v * KN_LANES_D);
    for (int r = 0; r < rows; r++) {
      kn_vd left = kn_splat_d(a[r * leading_a + k]);
      for (int v = 0; v < vectors; v++) sum[r][v] = kn_fma_d(left, right[v], sum[r][v]);
    }
  }
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < vectors; v++) {
      kn_store_d(out + r * leading_out + v * KN_LANES_D, sum[r][v]);
    }
  }
}

/* The columns that are left over, fewer than a vector. */
KN_INLINE void kn_product_rest(const double *a, const double *b, int64_t leading_b, int64_t inner,
                               int64_t columns, double *out) {
  kn_vd sum = kn_splat_d(0.0);
  for (int64_t k = 0; k < inner; k++) {
    sum = kn_fma_d(kn_splat_d(a[k]), kn_load_part_d(b + k * leading_b, columns, 0.0), sum);
  }
  kn_store_part_d(out, sum, columns);
}

KN_INLINE void kn_product_columns(int vectors, const double *a, int64_t leading_a,
                                  const double *b, int64_t leading_b, int64_t rows, int64_t inner,
                                  double *out, int64_t leading_out) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    kn_product_tile(4, vectors, a + r * leading_a, leading_a, b, leading_b, inner,
                    out + r * leading_out, leading_out);
  }
  for (; r < rows; r++) {
    kn_product_tile(1, vectors, a + r * leading_a, leading_a, b, leading_b, inner,
                    out + r * leading_out, leading_out);
  }
}

static void kn_body_small_product_f64(const double *a, int64_t leading_a, const double *b,
                                int64_t leading_b, int64_t rows, int64_t inner, int64_t columns,
                                double *out, int64_t leading_out) {
  int64_t c = 0;
  for (; c + 2 * KN_LANES_D <= columns; c += 2 * KN_LANES_D) {
    kn_product_columns(2, a, leading_a, b + c, leading_b, rows, inner, out + c, leading_out);
  }
  for (; c + KN_LANES_D <= columns; c += KN_LANES_D) {
    kn_product_columns(1, a, leading_a, b + c, leading_b, rows, inner, out + c, leading_out);
  }
  if (c == columns) return;
  for (int64_t r = 0; r < rows; r++) {
    kn_product_rest(a + r * leading_a, b + c, leading_b, inner, columns - c,
                    out + r * leading_out + c);
  }
}
