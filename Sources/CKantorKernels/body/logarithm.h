/* Natural logarithms. x = 2^k m with m in [sqrt(1/2), sqrt(2)); with f = m - 1, s = f / (2 + f),
   log m = f - (f^2 / 2 - s (f^2 / 2 + R(s^2))), where R collects the odd series of
   log((1 + s) / (1 - s)) beyond its first term, as a minimax polynomial. k log 2 is added in two
   parts, the larger exact. */

KN_INLINE kn_vd kn_log_d(kn_vd x) {
  const kn_vl sqrt_half = (kn_vl)0x3fe6a09e667f3bcdll;
  kn_vl denormal = (kn_vl)(x < kn_splat_d(0x1p-1022));
  kn_vd y = denormal ? x * kn_splat_d(0x1p54) : x;
  kn_vl k = ((kn_vl)y - sqrt_half) >> 52;
  kn_vd f = (kn_vd)((kn_vl)y - (k << 52)) - kn_splat_d(1.0);
  k -= denormal & (kn_vl)54;
  /* |k| < 2^51 as a double, by placing it in the low bits of the magic number. */
  kn_vd kd = (kn_vd)((kn_vl)kn_splat_d(KN_MAGIC_D) + k) - kn_splat_d(KN_MAGIC_D);
  kn_vd s = f / (kn_splat_d(2.0) + f), w = s * s;
  kn_vd q = kn_splat_d(0x1.2f05634bdc572p-3);
  q = kn_fma_d(q, w, kn_splat_d(0x1.39a1babe2a084p-3));
  q = kn_fma_d(q, w, kn_splat_d(0x1.74663ee81c0a3p-3));
  q = kn_fma_d(q, w, kn_splat_d(0x1.c71c52095f030p-3));
  q = kn_fma_d(q, w, kn_splat_d(0x1.24924941f121fp-2));
  q = kn_fma_d(q, w, kn_splat_d(0x1.999999997fdb8p-2));
  q = kn_fma_d(q, w, kn_splat_d(0x1.5555555555592p-1));
  kn_vd half_square = kn_splat_d(0.5) * f * f;
  kn_vd low = kn_fma_d(s, half_square + w * q, kd * kn_splat_d(0x1.473de6af278edp-34));
  kn_vd result = kn_fma_d(kd, kn_splat_d(0x1.62e42fefp-1), f - (half_square - low));
  result = x == kn_splat_d(INFINITY) ? x : result;
  result = x == kn_splat_d(0.0) ? kn_splat_d(-INFINITY) : result;
  return x >= kn_splat_d(0.0) ? result : kn_splat_d(NAN);
}

KN_INLINE kn_vf kn_log_f(kn_vf x) {
  const kn_vi sqrt_half = (kn_vi)0x3f3504f3;
  kn_vi denormal = (kn_vi)(x < kn_splat_f(0x1p-126f));
  kn_vf y = denormal ? x * kn_splat_f(0x1p25f) : x;
  kn_vi k = ((kn_vi)y - sqrt_half) >> 23;
  kn_vf f = (kn_vf)((kn_vi)y - (k << 23)) - kn_splat_f(1.0f);
  k -= denormal & (kn_vi)25;
  kn_vf kf = __builtin_convertvector(k, kn_vf);
  kn_vf s = f / (kn_splat_f(2.0f) + f), w = s * s;
  kn_vf q = kn_splat_f(0x1.e2f664p-3f);
  q = kn_fma_f(q, w, kn_splat_f(0x1.2438d8p-2f));
  q = kn_fma_f(q, w, kn_splat_f(0x1.999a7ap-2f));
  q = kn_fma_f(q, w, kn_splat_f(0x1.555554p-1f));
  kn_vf half_square = kn_splat_f(0.5f) * f * f;
  kn_vf low = kn_fma_f(s, half_square + w * q, kf * kn_splat_f(0x1.0bfbe8p-15f));
  kn_vf result = kn_fma_f(kf, kn_splat_f(0x1.62ep-1f), f - (half_square - low));
  result = x == kn_splat_f(INFINITY) ? x : result;
  result = x == kn_splat_f(0.0f) ? kn_splat_f(-INFINITY) : result;
  return x >= kn_splat_f(0.0f) ? result : kn_splat_f(NAN);
}
