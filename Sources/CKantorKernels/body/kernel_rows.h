/* The absorbed kernel exp(phi + gamma - cost / eps), stored. Exponents are formed in f64. */

/* 2^z beyond the cap too: the caller may ask for entries that are not those of a plan. */
KN_INLINE kn_vd kn_exp2_full_d(kn_vd z) {
  kn_vd p = kn_exp2_cut_d(z);
  return z > kn_splat_d(KN_CAP_D) ? kn_exp_d(z * kn_splat_d(KN_LN2)) : p;
}

static void kn_body_kernel_rows_f64(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                    double inv_eps, const double *phi, const double *gamma,
                                    double *kernel, int64_t leading, void *memory) {
  kn_exponents e =
      kn_exponents_begin(cost, inv_eps, gamma, kn_costs_are_single(cost), memory);
  for (int64_t i = row_begin; i < row_end; i++) {
    double *z = e.scratch.row, *out = kernel + i * leading;
    int64_t j = 0;
    kn_exponent_row(&e, i, phi[i] * KN_LOG2E);
    for (; j + KN_LANES_D <= cost->columns; j += KN_LANES_D) {
      kn_store_d(out + j, kn_exp2_full_d(kn_load_d(z + j)));
    }
    if (j < cost->columns) {
      kn_store_part_d(out + j, kn_exp2_full_d(kn_load_d(z + j)), cost->columns - j);
    }
  }
}

static void kn_body_kernel_rows_f32(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                    double inv_eps, const double *phi, const double *gamma,
                                    float *kernel, int64_t leading, void *memory) {
  kn_exponents e =
      kn_exponents_begin(cost, inv_eps, gamma, kn_costs_are_single(cost), memory);
  for (int64_t i = row_begin; i < row_end; i++) {
    double *z = e.scratch.row;
    float *out = kernel + i * leading;
    kn_exponent_row(&e, i, phi[i] * KN_LOG2E);
    for (int64_t j = 0; j < cost->columns; j += KN_LANES_F) {
      kn_vd low = kn_load_d(z + j), high = kn_load_d(z + j + KN_LANES_D);
      kn_vf zf = kn_narrow(low, high), p = kn_exp2_cut_f(zf);
      p = zf > kn_splat_f(KN_CAP_F) ? kn_exp_f(zf * kn_splat_f((float)KN_LN2)) : p;
      if (j + KN_LANES_F <= cost->columns) {
        kn_store_f(out + j, p);
      } else {
        kn_store_part_f(out + j, p, cost->columns - j);
      }
    }
  }
}
