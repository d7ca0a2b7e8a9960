/* Exponentials with AVX-512, which scales by a power of two with the limits handled (vscalef),
   takes the fraction of a number in one step (vreduce) and looks up 16 doubles or 32 floats in two
   registers (vpermi2). Instructions on the two arithmetic ports bound the throughput; these forms
   take the fewest. */

/* Rounding to multiples of 1/16 and 1/32: adding these leaves the index in the low bits. */
#define KN_MAGIC_16TH 0x1.8p48
#define KN_MAGIC_32ND 0x1.8p18f

/* 2^(k/16), rounded. */
static const double kn_roots16[16] __attribute__((aligned(64))) = {
    0x1.0000000000000p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0,
    0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0,
    0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0,
    0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0};
/* 2^(k/32), rounded. */
static const float kn_roots32[32] __attribute__((aligned(64))) = {
    0x1.000000p+0f, 0x1.059b0ep+0f, 0x1.0b5586p+0f, 0x1.11301ep+0f, 0x1.172b84p+0f,
    0x1.1d4874p+0f, 0x1.2387a6p+0f, 0x1.29e9e0p+0f, 0x1.306fe0p+0f, 0x1.371a74p+0f,
    0x1.3dea64p+0f, 0x1.44e086p+0f, 0x1.4bfdaep+0f, 0x1.5342b6p+0f, 0x1.5ab07ep+0f,
    0x1.6247ecp+0f, 0x1.6a09e6p+0f, 0x1.71f75ep+0f, 0x1.7a1148p+0f, 0x1.82589ap+0f,
    0x1.8ace54p+0f, 0x1.93737cp+0f, 0x1.9c4918p+0f, 0x1.a5503cp+0f, 0x1.ae89fap+0f,
    0x1.b7f770p+0f, 0x1.c199bep+0f, 0x1.cb720ep+0f, 0x1.d5818ep+0f, 0x1.dfc974p+0f,
    0x1.ea4afap+0f, 0x1.f50766p+0f};

/* e^x = 2^(n/16) e^r with n = round(16 x log2(e)), |r| <= log(2) / 32; vscalef drops the
   fraction of n/16, which the table holds. Small arguments are masked, a test that NaN passes.
   Large ones need no test: the polynomial, like every Taylor sum of e^r of even degree, is positive
   wherever a useless r lies, and scaled by n it overflows to +inf; for x = +inf it is NaN, which
   vscalef turns into +inf because n is. */
KN_INLINE kn_vd kn_exp_d(kn_vd x) {
  __mmask8 kept = _mm512_cmp_pd_mask((__m512d)x, _mm512_set1_pd(KN_EXP_LOW_D), _CMP_NLT_UQ);
  kn_vd shifted = kn_fma_d(x, kn_splat_d(KN_LOG2E), kn_splat_d(KN_MAGIC_16TH));
  kn_vd n = shifted - kn_splat_d(KN_MAGIC_16TH);
  kn_vd r = kn_fma_d(n, kn_splat_d(-0x1.62e42fefp-1), x);
  r = kn_fma_d(n, kn_splat_d(-0x1.473de6af278edp-34), r);
  kn_vd root = (kn_vd)_mm512_permutex2var_pd(_mm512_load_pd(kn_roots16), (__m512i)shifted,
                                             _mm512_load_pd(kn_roots16 + 8));
  /* (e^r - 1) / r: error 2^-57 relative to e^r. */
  kn_vd q = kn_splat_d(0x1.6c15a760738e9p-10);
  q = kn_fma_d(q, r, kn_splat_d(0x1.11126e89830fcp-7));
  q = kn_fma_d(q, r, kn_splat_d(0x1.555555580cda1p-5));
  q = kn_fma_d(q, r, kn_splat_d(0x1.5555555406352p-3));
  q = kn_fma_d(q, r, kn_splat_d(0x1.fffffffffffc2p-2));
  q = kn_fma_d(q, r, kn_splat_d(0x1.000000000000ap+0));
  kn_vd p = kn_fma_d(root, q * r, root);
  return (kn_vd)_mm512_maskz_scalef_pd(kept, (__m512d)p, (__m512d)n);
}
KN_INLINE kn_vf kn_exp_f(kn_vf x) {
  __mmask16 kept = _mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(KN_EXP_LOW_F), _CMP_NLT_UQ);
  kn_vf shifted = kn_fma_f(x, kn_splat_f((float)KN_LOG2E), kn_splat_f(KN_MAGIC_32ND));
  kn_vf n = shifted - kn_splat_f(KN_MAGIC_32ND);
  kn_vf r = kn_fma_f(n, kn_splat_f(-0x1.62e4p-1f), x);
  r = kn_fma_f(n, kn_splat_f(-0x1.7f7d1cp-20f), r);
  kn_vf root = (kn_vf)_mm512_permutex2var_ps(_mm512_load_ps(kn_roots32), (__m512i)shifted,
                                             _mm512_load_ps(kn_roots32 + 16));
  /* (e^r - 1) / r: error 2^-24.2 relative to e^r. */
  kn_vf q = kn_fma_f(r, kn_splat_f(0x1.fffffep-2f), kn_splat_f(0x1.0000f6p+0f));
  kn_vf p = kn_fma_f(root, q * r, root);
  return (kn_vf)_mm512_maskz_scalef_ps(kept, (__m512)p, (__m512)n);
}

#define KN_FLOOR (_MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)

/* 2^z = 2^(k/16) 2^r 2^floor(z), 0 <= r < 1/16. -inf and NaN fail the test and give 0; too large
   an exponent gives +inf. A sweep sees either in the row sum. */
KN_INLINE kn_vd kn_exp2_cut_d(kn_vd z) {
  __mmask8 kept = _mm512_cmp_pd_mask((__m512d)z, _mm512_set1_pd(KN_CUT_D), _CMP_GE_OQ);
  kn_vd r = (kn_vd)_mm512_reduce_pd((__m512d)z, (4 << 4) | KN_FLOOR);
  __m512d shifted = _mm512_add_round_pd((__m512d)z, _mm512_set1_pd(KN_MAGIC_16TH),
                                        _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  kn_vd root = (kn_vd)_mm512_permutex2var_pd(_mm512_load_pd(kn_roots16),
                                             _mm512_castpd_si512(shifted),
                                             _mm512_load_pd(kn_roots16 + 8));
  /* (2^r - 1) / r: error 2^-56.9 relative to 2^r. */
  kn_vd q = kn_splat_d(0x1.4a038688c682ap-13);
  q = kn_fma_d(q, r, kn_splat_d(0x1.5d7518c9c3f67p-10));
  q = kn_fma_d(q, r, kn_splat_d(0x1.3b2ad0194b746p-7));
  q = kn_fma_d(q, r, kn_splat_d(0x1.c6b08d4e94067p-5));
  q = kn_fma_d(q, r, kn_splat_d(0x1.ebfbdff84120fp-3));
  q = kn_fma_d(q, r, kn_splat_d(0x1.62e42fefa39abp-1));
  kn_vd p = kn_fma_d(root, q * r, root);
  return (kn_vd)_mm512_maskz_scalef_pd(kept, (__m512d)p, (__m512d)z);
}

/* 2^z = 2^r 2^floor(z), 0 <= r < 1: error 2^-23.7 of the polynomial. */
KN_INLINE kn_vf kn_exp2_cut_f(kn_vf z) {
  __mmask16 kept = _mm512_cmp_ps_mask((__m512)z, _mm512_set1_ps(KN_CUT_F), _CMP_GE_OQ);
  kn_vf r = (kn_vf)_mm512_reduce_ps((__m512)z, KN_FLOOR);
  kn_vf p = kn_splat_f(0x1.ec3206p-10f);
  p = kn_fma_f(p, r, kn_splat_f(0x1.26900cp-7f));
  p = kn_fma_f(p, r, kn_splat_f(0x1.c95446p-5f));
  p = kn_fma_f(p, r, kn_splat_f(0x1.ebd5a8p-3f));
  p = kn_fma_f(p, r, kn_splat_f(0x1.62e4f6p-1f));
  p = kn_fma_f(p, r, kn_splat_f(0x1.fffffep-1f));
  return (kn_vf)_mm512_maskz_scalef_ps(kept, (__m512)p, (__m512)z);
}
