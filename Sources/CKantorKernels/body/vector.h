/* Vectors of KN_WIDTH bytes and the few operations the kernels need. The types are clang's
   extended vectors, so arithmetic, comparison and ?: work lane by lane. */

#define KN_INLINE static inline __attribute__((always_inline, unused))

enum {
  KN_LANES_D = KN_WIDTH / 8, /* doubles in a vector */
  KN_LANES_F = KN_WIDTH / 4  /* floats in a vector */
};

typedef double kn_vd __attribute__((ext_vector_type(KN_WIDTH / 8)));
typedef int64_t kn_vl __attribute__((ext_vector_type(KN_WIDTH / 8)));
typedef float kn_vf __attribute__((ext_vector_type(KN_WIDTH / 4)));
typedef int32_t kn_vi __attribute__((ext_vector_type(KN_WIDTH / 4)));
/* As many 32-bit numbers as there are doubles in a vector: the narrow side of a conversion. */
typedef int32_t kn_vn __attribute__((ext_vector_type(KN_WIDTH / 8)));
typedef float kn_vh __attribute__((ext_vector_type(KN_WIDTH / 8)));

#if KN_WIDTH == 16
#define KN_LOW_LANES 0, 1
#define KN_HIGH_LANES 2, 3
#elif KN_WIDTH == 32
#define KN_LOW_LANES 0, 1, 2, 3
#define KN_HIGH_LANES 4, 5, 6, 7
#else
#define KN_LOW_LANES 0, 1, 2, 3, 4, 5, 6, 7
#define KN_HIGH_LANES 8, 9, 10, 11, 12, 13, 14, 15
#endif

KN_INLINE kn_vd kn_splat_d(double x) { return (kn_vd)x; }
KN_INLINE kn_vf kn_splat_f(float x) { return (kn_vf)x; }

KN_INLINE kn_vd kn_load_d(const double *p) {
  kn_vd v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
KN_INLINE kn_vf kn_load_f(const float *p) {
  kn_vf v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
KN_INLINE void kn_store_d(double *p, kn_vd v) { __builtin_memcpy(p, &v, sizeof v); }
KN_INLINE void kn_store_f(float *p, kn_vf v) { __builtin_memcpy(p, &v, sizeof v); }

/* The first `count` elements at p, the other lanes `fill`; nothing beyond them is read. */
KN_INLINE kn_vd kn_load_part_d(const double *p, int64_t count, double fill) {
  double lanes[KN_LANES_D];
  for (int k = 0; k < KN_LANES_D; k++) lanes[k] = k < count ? p[k] : fill;
  return kn_load_d(lanes);
}
KN_INLINE kn_vf kn_load_part_f(const float *p, int64_t count, float fill) {
  float lanes[KN_LANES_F];
  for (int k = 0; k < KN_LANES_F; k++) lanes[k] = k < count ? p[k] : fill;
  return kn_load_f(lanes);
}
KN_INLINE void kn_store_part_d(double *p, kn_vd v, int64_t count) {
  double lanes[KN_LANES_D];
  kn_store_d(lanes, v);
  for (int k = 0; k < KN_LANES_D; k++) {
    if (k < count) p[k] = lanes[k];
  }
}
KN_INLINE void kn_store_part_f(float *p, kn_vf v, int64_t count) {
  float lanes[KN_LANES_F];
  kn_store_f(lanes, v);
  for (int k = 0; k < KN_LANES_F; k++) {
    if (k < count) p[k] = lanes[k];
  }
}

/* a * b + c in one expression: fused where the level has FMA, two roundings elsewhere. */
KN_INLINE kn_vd kn_fma_d(kn_vd a, kn_vd b, kn_vd c) {
#pragma clang fp contract(on)
  return a * b + c;
}
KN_INLINE kn_vf kn_fma_f(kn_vf a, kn_vf b, kn_vf c) {
#pragma clang fp contract(on)
  return a * b + c;
}

/* The second operand wins when either is NaN: put the value that must survive there. */
KN_INLINE kn_vd kn_min_d(kn_vd a, kn_vd b) { return a < b ? a : b; }
KN_INLINE kn_vd kn_max_d(kn_vd a, kn_vd b) { return a > b ? a : b; }
KN_INLINE kn_vf kn_min_f(kn_vf a, kn_vf b) { return a < b ? a : b; }
KN_INLINE kn_vf kn_max_f(kn_vf a, kn_vf b) { return a > b ? a : b; }

KN_INLINE kn_vd kn_abs_d(kn_vd a) { return __builtin_elementwise_abs(a); }
KN_INLINE kn_vf kn_abs_f(kn_vf a) { return __builtin_elementwise_abs(a); }

/* Sums of lanes in a fixed order; the float form adds in f64. */
KN_INLINE double kn_sum_d(kn_vd v) {
  double lanes[KN_LANES_D];
  kn_store_d(lanes, v);
  for (int half = KN_LANES_D / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; k++) lanes[k] += lanes[k + half];
  }
  return lanes[0];
}
#if KN_WIDTH > 16
typedef double kn_vq __attribute__((ext_vector_type(4)));
KN_INLINE kn_vq kn_quarter_d(kn_vd v) {
#if KN_WIDTH == 64
  return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
  return v;
#endif
}
#endif
/* The sums of four vectors, by the additions of kn_sum_d. */
KN_INLINE void kn_store_sums_d(kn_vd a, kn_vd b, kn_vd c, kn_vd d, double *out) {
#if KN_WIDTH == 16
  out[0] = a[0] + a[1];
  out[1] = b[0] + b[1];
  out[2] = c[0] + c[1];
  out[3] = d[0] + d[1];
#else
  const kn_vq i = kn_quarter_d(a), j = kn_quarter_d(b), k = kn_quarter_d(c), l = kn_quarter_d(d);
  const kn_vq ij = __builtin_shufflevector(i, j, 0, 1, 4, 5) +
                   __builtin_shufflevector(i, j, 2, 3, 6, 7);
  const kn_vq kl = __builtin_shufflevector(k, l, 0, 1, 4, 5) +
                   __builtin_shufflevector(k, l, 2, 3, 6, 7);
  const kn_vq sums = __builtin_shufflevector(ij, kl, 0, 2, 4, 6) +
                     __builtin_shufflevector(ij, kl, 1, 3, 5, 7);
  __builtin_memcpy(out, &sums, sizeof sums);
#endif
}
KN_INLINE kn_vd kn_low_d(kn_vf v) {
  kn_vh half = __builtin_shufflevector(v, v, KN_LOW_LANES);
  return __builtin_convertvector(half, kn_vd);
}
KN_INLINE kn_vd kn_high_d(kn_vf v) {
  kn_vh half = __builtin_shufflevector(v, v, KN_HIGH_LANES);
  return __builtin_convertvector(half, kn_vd);
}
KN_INLINE double kn_sum_f(kn_vf v) { return kn_sum_d(kn_low_d(v) + kn_high_d(v)); }

/* Two vectors of doubles rounded into one of floats. */
KN_INLINE kn_vf kn_narrow(kn_vd low, kn_vd high) {
  return __builtin_shufflevector(__builtin_convertvector(low, kn_vh),
                                 __builtin_convertvector(high, kn_vh), KN_LOW_LANES,
                                 KN_HIGH_LANES);
}

KN_INLINE double kn_lowest_d(kn_vd v) {
  double lanes[KN_LANES_D], least = INFINITY;
  kn_store_d(lanes, v);
  for (int k = 0; k < KN_LANES_D; k++) least = lanes[k] < least ? lanes[k] : least;
  return least;
}
KN_INLINE float kn_lowest_f(kn_vf v) {
  float lanes[KN_LANES_F], least = INFINITY;
  kn_store_f(lanes, v);
  for (int k = 0; k < KN_LANES_F; k++) least = lanes[k] < least ? lanes[k] : least;
  return least;
}
KN_INLINE double kn_highest_d(kn_vd v) { return -kn_lowest_d(-v); }
KN_INLINE float kn_highest_f(kn_vf v) { return -kn_lowest_f(-v); }
