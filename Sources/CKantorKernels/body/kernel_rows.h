/* The absorbed kernel exp(phi + gamma - cost / eps), stored. Exponents are formed in f64. */

KN_INLINE void kn_write_kernel_d(const double *z, int64_t count, double *out) {
  int64_t j = 0;
  for (; j + KN_LANES_D <= count; j += KN_LANES_D) {
    kn_store_d(out + j, kn_exp2_cut_d(kn_load_d(z + j)));
  }
  if (j < count) kn_store_part_d(out + j, kn_exp2_cut_d(kn_load_d(z + j)), count - j);
}
KN_INLINE void kn_write_kernel_f(const double *z, int64_t count, float *out) {
  for (int64_t j = 0; j < count; j += KN_LANES_F) {
    kn_vf p = kn_exp2_cut_f(kn_narrow(kn_load_d(z + j), kn_load_d(z + j + KN_LANES_D)));
    if (j + KN_LANES_F <= count) {
      kn_store_f(out + j, p);
    } else {
      kn_store_part_f(out + j, p, count - j);
    }
  }
}

/* Exactly one of wide and narrow is given. */
KN_INLINE void kn_kernel_rows(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                              double inv_eps, const double *phi, const double *gamma,
                              double *wide, float *narrow, int64_t leading, void *memory) {
  kn_exponents e = kn_exponents_begin(cost, inv_eps, gamma, kn_costs_are_single(cost),
                                      row_end - row_begin, memory);
  double z[4][KN_TILE_STRIDE] __attribute__((aligned(64))), top[4];
  for (int64_t i = row_begin, rows; i < row_end; i += rows) {
    rows = row_end - i >= 4 ? 4 : 1;
    for (int64_t first = 0, count; first < cost->columns; first += count) {
      count = kn_piece(cost->columns - first, KN_TILE);
      kn_exponent_block(&e, (int)rows, i, phi, first, count, z[0], KN_TILE_STRIDE, top);
      for (int64_t r = 0; r < rows; r++) {
        const int64_t at = (i + r) * leading + first;
        if (wide != NULL) {
          kn_write_kernel_d(z[r], count, wide + at);
        } else {
          kn_write_kernel_f(z[r], count, narrow + at);
        }
      }
    }
  }
}

static void kn_body_kernel_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                    double inv_eps, const double *phi, const double *gamma,
                                    double *kernel, int64_t leading, void *memory) {
  kn_kernel_rows(cost, row_begin, row_end, inv_eps, phi, gamma, kernel, NULL, leading, memory);
}

static void kn_body_kernel_rows_f32(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                    double inv_eps, const double *phi, const double *gamma,
                                    float *kernel, int64_t leading, void *memory) {
  kn_kernel_rows(cost, row_begin, row_end, inv_eps, phi, gamma, NULL, kernel, leading, memory);
}
