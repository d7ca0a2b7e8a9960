/* exp, log and log-sum-exp over arrays. */

static void KN_BODY(exp)(const KN_REAL *x, KN_REAL *y, int64_t n) {
  int64_t k = 0;
  for (; k + KN_LANES <= n; k += KN_LANES) KN_T(store)(y + k, KN_T(exp)(KN_T(load)(x + k)));
  if (k < n) KN_T(store_part)(y + k, KN_T(exp)(KN_T(load_part)(x + k, n - k, 0)), n - k);
}

static void KN_BODY(log)(const KN_REAL *x, KN_REAL *y, int64_t n) {
  int64_t k = 0;
  for (; k + KN_LANES <= n; k += KN_LANES) KN_T(store)(y + k, KN_T(log)(KN_T(load)(x + k)));
  if (k < n) KN_T(store_part)(y + k, KN_T(log)(KN_T(load_part)(x + k, n - k, 1)), n - k);
}

/* sum exp(x - m), in chunks. */
KN_INLINE double KN_T(exp_sum)(const KN_REAL *x, int64_t n, KN_REAL m) {
  double total = 0.0;
  for (int64_t begin = 0; begin < n; begin += KN_CHUNK) {
    int64_t end = begin + KN_CHUNK < n ? begin + KN_CHUNK : n, k = begin;
    KN_VEC sum0 = KN_T(splat)(0), sum1 = KN_T(splat)(0);
    const KN_VEC scale = KN_T(splat)((KN_REAL)KN_LOG2E), top = KN_T(splat)(m);
    for (; k + 2 * KN_LANES <= end; k += 2 * KN_LANES) {
      sum0 += KN_T(exp2_cut)((KN_T(load)(x + k) - top) * scale);
      sum1 += KN_T(exp2_cut)((KN_T(load)(x + k + KN_LANES) - top) * scale);
    }
    for (; k < end; k += KN_LANES) {
      KN_VEC v = end - k >= KN_LANES ? KN_T(load)(x + k)
                                     : KN_T(load_part)(x + k, end - k, -INFINITY);
      sum0 += KN_T(exp2_cut)((v - top) * scale);
    }
    total += KN_T(sum)(sum0 + sum1);
  }
  return total;
}

static KN_REAL KN_BODY(logsumexp)(const KN_REAL *x, int64_t n) {
  const KN_VEC none = KN_T(splat)(-INFINITY), one = KN_T(splat)(1);
  KN_VEC top[4] = {none, none, none, none}, odd[4] = {one - one, one - one, one - one, one - one};
  int64_t k = 0;
  for (; k + 4 * KN_LANES <= n; k += 4 * KN_LANES) {
    for (int t = 0; t < 4; t++) {
      KN_VEC v = KN_T(load)(x + k + t * KN_LANES);
      odd[t] = v == v ? odd[t] : one;
      top[t] = KN_T(max)(v, top[t]);
    }
  }
  for (; k < n; k += KN_LANES) {
    KN_VEC v = n - k >= KN_LANES ? KN_T(load)(x + k) : KN_T(load_part)(x + k, n - k, -INFINITY);
    odd[0] = v == v ? odd[0] : one;
    top[0] = KN_T(max)(v, top[0]);
  }
  KN_REAL m = KN_T(highest)(KN_T(max)(KN_T(max)(top[0], top[1]), KN_T(max)(top[2], top[3])));
  if (KN_T(sum)(odd[0] + odd[1] + odd[2] + odd[3]) > 0) return NAN;
  if (m == -INFINITY || m == INFINITY) return m;
  return (KN_REAL)(m + log(KN_T(exp_sum)(x, n, m)));
}
