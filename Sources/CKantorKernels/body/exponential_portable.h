/* Exponentials for any vector. The argument is reduced to |r| <= 1/2 (in powers of two) around the
   nearest integer, found by adding and subtracting 1.5 * 2^52 (2^23); a minimax polynomial (Remez,
   relative error) follows, and the integer is added to its exponent bits. */

/* (e^r - 1 - r) / r^2, |r| <= log(2) / 2: error 2^-57.9 relative to e^r. */
KN_INLINE kn_vd kn_exp_tail_d(kn_vd r) {
  kn_vd q = kn_splat_d(0x1.ad7f7873fcf2dp-26);
  q = kn_fma_d(q, r, kn_splat_d(0x1.28ad689ec4631p-22));
  q = kn_fma_d(q, r, kn_splat_d(0x1.71df253b9907fp-19));
  q = kn_fma_d(q, r, kn_splat_d(0x1.a0199a16e809dp-16));
  q = kn_fma_d(q, r, kn_splat_d(0x1.a01a012a6927bp-13));
  q = kn_fma_d(q, r, kn_splat_d(0x1.6c16c18426697p-10));
  q = kn_fma_d(q, r, kn_splat_d(0x1.1111111127b9dp-7));
  q = kn_fma_d(q, r, kn_splat_d(0x1.555555555088cp-5));
  q = kn_fma_d(q, r, kn_splat_d(0x1.55555555554fap-3));
  return kn_fma_d(q, r, kn_splat_d(0x1.000000000000ap-1));
}
/* The same for f32: error 2^-28.3. */
KN_INLINE kn_vf kn_exp_tail_f(kn_vf r) {
  kn_vf q = kn_splat_f(0x1.6a244cp-10f);
  q = kn_fma_f(q, r, kn_splat_f(0x1.1239d4p-7f));
  q = kn_fma_f(q, r, kn_splat_f(0x1.5558f2p-5f));
  q = kn_fma_f(q, r, kn_splat_f(0x1.555492p-3f));
  return kn_fma_f(q, r, kn_splat_f(0x1.fffffcp-2f));
}

/* log(2) is cut in two so that n times the first part is exact without FMA. */
KN_INLINE kn_vd kn_exp_d(kn_vd x) {
  kn_vd shifted = kn_fma_d(x, kn_splat_d(KN_LOG2E), kn_splat_d(KN_MAGIC_D));
  kn_vd n = shifted - kn_splat_d(KN_MAGIC_D);
  kn_vd r = kn_fma_d(n, kn_splat_d(-0x1.62e42fefp-1), x);
  r = kn_fma_d(n, kn_splat_d(-0x1.473de6af278edp-34), r);
  kn_vd p = kn_fma_d(kn_fma_d(kn_exp_tail_d(r), r, kn_splat_d(1.0)), r, kn_splat_d(1.0));
  kn_vl bits = (kn_vl)p + ((kn_vl)shifted << 52);
  kn_vd y = x < kn_splat_d(KN_EXP_LOW_D) ? kn_splat_d(0.0) : (kn_vd)bits;
  y = x > kn_splat_d(KN_EXP_HIGH_D) ? kn_splat_d(INFINITY) : y;
  return x == x ? y : x;
}
KN_INLINE kn_vf kn_exp_f(kn_vf x) {
  kn_vf shifted = kn_fma_f(x, kn_splat_f((float)KN_LOG2E), kn_splat_f(KN_MAGIC_F));
  kn_vf n = shifted - kn_splat_f(KN_MAGIC_F);
  kn_vf r = kn_fma_f(n, kn_splat_f(-0x1.62ep-1f), x);
  r = kn_fma_f(n, kn_splat_f(-0x1.0bfbe8p-15f), r);
  kn_vf p = kn_fma_f(kn_fma_f(kn_exp_tail_f(r), r, kn_splat_f(1.0f)), r, kn_splat_f(1.0f));
  kn_vi bits = (kn_vi)p + ((kn_vi)shifted << 23);
  kn_vf y = x < kn_splat_f(KN_EXP_LOW_F) ? kn_splat_f(0.0f) : (kn_vf)bits;
  y = x > kn_splat_f(KN_EXP_HIGH_F) ? kn_splat_f(INFINITY) : y;
  return x == x ? y : x;
}

/* (2^r - 1) / r, |r| <= 1/2: error 2^-58 relative to 2^r. */
KN_INLINE kn_vd kn_exp2_tail_d(kn_vd r) {
  kn_vd q = kn_splat_d(0x1.e79bb14076d24p-32);
  q = kn_fma_d(q, r, kn_splat_d(0x1.e61b4f9263718p-28));
  q = kn_fma_d(q, r, kn_splat_d(0x1.b5267ce36e998p-24));
  q = kn_fma_d(q, r, kn_splat_d(0x1.62bfc79d4e9dbp-20));
  q = kn_fma_d(q, r, kn_splat_d(0x1.ffcbfba97f698p-17));
  q = kn_fma_d(q, r, kn_splat_d(0x1.4309130ed8cccp-13));
  q = kn_fma_d(q, r, kn_splat_d(0x1.5d87fe78cd6d3p-10));
  q = kn_fma_d(q, r, kn_splat_d(0x1.3b2ab6fba011ap-7));
  q = kn_fma_d(q, r, kn_splat_d(0x1.c6b08d7049fe8p-5));
  q = kn_fma_d(q, r, kn_splat_d(0x1.ebfbdff82c5a4p-3));
  return kn_fma_d(q, r, kn_splat_d(0x1.62e42fefa39efp-1));
}
/* The same for f32: error 2^-23.4. */
KN_INLINE kn_vf kn_exp2_tail_f(kn_vf r) {
  kn_vf q = kn_splat_f(0x1.5bba14p-10f);
  q = kn_fma_f(q, r, kn_splat_f(0x1.3cea88p-7f));
  q = kn_fma_f(q, r, kn_splat_f(0x1.c6b752p-5f));
  q = kn_fma_f(q, r, kn_splat_f(0x1.ebf9bcp-3f));
  return kn_fma_f(q, r, kn_splat_f(0x1.62e42ap-1f));
}

/* An exponent of -inf gives 0. One that overflows, or NaN, is set to the top, where adding the
   integer to the bits of 1.0 makes +inf; a sweep sees it in the row sum. */
KN_INLINE kn_vd kn_exp2_cut_d(kn_vd z) {
  z = kn_min_d(z, kn_splat_d(KN_TOP_D));
  kn_vd shifted = z + kn_splat_d(KN_MAGIC_D);
  kn_vd r = z - (shifted - kn_splat_d(KN_MAGIC_D));
  kn_vd p = kn_fma_d(kn_exp2_tail_d(r), r, kn_splat_d(1.0));
  kn_vl bits = (kn_vl)p + ((kn_vl)shifted << 52);
  return z >= kn_splat_d(KN_CUT_D) ? (kn_vd)bits : kn_splat_d(0.0);
}
KN_INLINE kn_vf kn_exp2_cut_f(kn_vf z) {
  z = kn_min_f(z, kn_splat_f(KN_TOP_F));
  kn_vf shifted = z + kn_splat_f(KN_MAGIC_F);
  kn_vf r = z - (shifted - kn_splat_f(KN_MAGIC_F));
  kn_vf p = kn_fma_f(kn_exp2_tail_f(r), r, kn_splat_f(1.0f));
  kn_vi bits = (kn_vi)p + ((kn_vi)shifted << 23);
  return z >= kn_splat_f(KN_CUT_F) ? (kn_vf)bits : kn_splat_f(0.0f);
}
