/* Square roots of numbers that are not negative. */

#if KN_WIDTH == 64

/* The square root instruction is several times slower than an estimate of 14 bits and Newton
   steps; the last one corrects by the residual a - y^2, which leaves less than 1 ulp. 0 and +inf
   pass through. */
KN_INLINE kn_vd kn_sqrt_d(kn_vd a) {
  kn_vd inverse = (kn_vd)_mm512_rsqrt14_pd((__m512d)a);
  kn_vd y = a * inverse, half = kn_splat_d(0.5) * inverse;
  kn_vd e = kn_fma_d(-y, half, kn_splat_d(0.5));
  y = kn_fma_d(y, e, y);
  half = kn_fma_d(half, e, half);
  y = kn_fma_d(kn_fma_d(-y, y, a), half, y);
  __mmask8 special = _mm512_fpclass_pd_mask((__m512d)a, 0x02 | 0x04 | 0x08);
  return (kn_vd)_mm512_mask_mov_pd((__m512d)y, special, (__m512d)a);
}
KN_INLINE kn_vf kn_sqrt_f(kn_vf a) {
  kn_vf inverse = (kn_vf)_mm512_rsqrt14_ps((__m512)a);
  kn_vf y = a * inverse, half = kn_splat_f(0.5f) * inverse;
  y = kn_fma_f(kn_fma_f(-y, y, a), half, y);
  __mmask16 special = _mm512_fpclass_ps_mask((__m512)a, 0x02 | 0x04 | 0x08);
  return (kn_vf)_mm512_mask_mov_ps((__m512)y, special, (__m512)a);
}

#else

KN_INLINE kn_vd kn_sqrt_d(kn_vd a) { return __builtin_elementwise_sqrt(a); }
KN_INLINE kn_vf kn_sqrt_f(kn_vf a) { return __builtin_elementwise_sqrt(a); }

#endif
