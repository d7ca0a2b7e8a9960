/* Row and column scalings of many small matrices at once: lane t of every group of KN_GROUP numbers
   belongs to matrix t. */

enum { KN_GROUP_PARTS = KN_GROUP / KN_LANES_D };

/* s = sum over k of a[k * step] * b[k], lane by lane. */
KN_INLINE void kn_group_dot(const double *a, int64_t step, const double *b, int64_t n,
                            kn_vd *s) {
  for (int p = 0; p < KN_GROUP_PARTS; p++) s[p] = kn_splat_d(0);
  for (int64_t k = 0; k < n; k++) {
    for (int p = 0; p < KN_GROUP_PARTS; p++) {
      s[p] = kn_fma_d(kn_load_d(a + k * step + p * KN_LANES_D),
                      kn_load_d(b + k * KN_GROUP + p * KN_LANES_D), s[p]);
    }
  }
}

static void kn_body_balance_group_f64(const double *kernel, int64_t n, int64_t sweeps, double *u,
                                      double *w, double *error) {
  const kn_vd one = kn_splat_d(1);
  kn_vd s[KN_GROUP_PARTS], worst[KN_GROUP_PARTS];
  for (int64_t sweep = 0; sweep < sweeps; sweep++) {
    for (int64_t j = 0; j < n; j++) {
      kn_group_dot(kernel + j * KN_GROUP, n * KN_GROUP, u, n, s);
      for (int p = 0; p < KN_GROUP_PARTS; p++) {
        kn_store_d(w + j * KN_GROUP + p * KN_LANES_D, one / s[p]);
      }
    }
    for (int64_t i = 0; i < n; i++) {
      kn_group_dot(kernel + i * n * KN_GROUP, KN_GROUP, w, n, s);
      for (int p = 0; p < KN_GROUP_PARTS; p++) {
        kn_store_d(u + i * KN_GROUP + p * KN_LANES_D, one / s[p]);
      }
    }
  }
  for (int p = 0; p < KN_GROUP_PARTS; p++) worst[p] = kn_splat_d(0);
  for (int64_t j = 0; j < n; j++) {
    kn_group_dot(kernel + j * KN_GROUP, n * KN_GROUP, u, n, s);
    for (int p = 0; p < KN_GROUP_PARTS; p++) {
      kn_vd off = kn_abs_d(s[p] * kn_load_d(w + j * KN_GROUP + p * KN_LANES_D) - one);
      worst[p] = off <= worst[p] ? worst[p] : off; /* NaN wins over numbers */
    }
  }
  for (int p = 0; p < KN_GROUP_PARTS; p++) kn_store_d(error + p * KN_LANES_D, worst[p]);
}
