/* The smallest difference c[j] - v[j] and where it is. The minimum is taken block by block in
   vectors, without indices; only the block that improves the best value is searched again, so
   the lowest index wins. A comparison with NaN is false, so NaN never becomes a minimum. */

#define KN_PRICING_BLOCK 1024

KN_INLINE KN_REAL KN_T(least_difference)(const KN_REAL *c, const KN_REAL *v, int64_t n) {
  const KN_VEC none = KN_T(splat)(INFINITY);
  KN_VEC m0 = none, m1 = none, m2 = none, m3 = none;
  int64_t k = 0;
  for (; k + 4 * KN_LANES <= n; k += 4 * KN_LANES) {
    m0 = KN_T(min)(KN_T(load)(c + k) - KN_T(load)(v + k), m0);
    m1 = KN_T(min)(KN_T(load)(c + k + KN_LANES) - KN_T(load)(v + k + KN_LANES), m1);
    m2 = KN_T(min)(KN_T(load)(c + k + 2 * KN_LANES) - KN_T(load)(v + k + 2 * KN_LANES), m2);
    m3 = KN_T(min)(KN_T(load)(c + k + 3 * KN_LANES) - KN_T(load)(v + k + 3 * KN_LANES), m3);
  }
  for (; k + KN_LANES <= n; k += KN_LANES) {
    m0 = KN_T(min)(KN_T(load)(c + k) - KN_T(load)(v + k), m0);
  }
  KN_REAL least = KN_T(lowest)(KN_T(min)(KN_T(min)(m0, m1), KN_T(min)(m2, m3)));
  for (; k < n; k++) {
    KN_REAL d = c[k] - v[k];
    least = d < least ? d : least;
  }
  return least;
}

static void KN_BODY(argmin_difference)(const KN_REAL *c, const KN_REAL *v, int64_t n,
                                       KN_REAL *min, int64_t *argmin) {
  KN_REAL best = INFINITY;
  int64_t block = 0;
  for (int64_t k = 0; k < n; k += KN_PRICING_BLOCK) {
    int64_t count = n - k < KN_PRICING_BLOCK ? n - k : KN_PRICING_BLOCK;
    KN_REAL least = KN_T(least_difference)(c + k, v + k, count);
    if (least < best) {
      best = least;
      block = k;
    }
  }
  *min = best;
  *argmin = 0;
  for (int64_t k = block; k < n; k++) {
    if (c[k] - v[k] == best) {
      *argmin = k;
      return;
    }
  }
}
