/* The two smallest of c[j] - v[j]; the second equals the first when it is attained twice. */

static void kn_body_two_smallest_f64(const double *c, const double *v, int64_t n, double *first,
                                     int64_t *argmin, double *second) {
  double best = INFINITY, next = INFINITY;
  int64_t block = 0;
  for (int64_t begin = 0; begin < n; begin += KN_PRICING_BLOCK) {
    int64_t end = n - begin < KN_PRICING_BLOCK ? n : begin + KN_PRICING_BLOCK, k = begin;
    kn_vd m1 = kn_splat_d(INFINITY), m2 = m1;
    for (; k + KN_LANES_D <= end; k += KN_LANES_D) {
      kn_vd d = kn_load_d(c + k) - kn_load_d(v + k);
      /* max(d, m1) keeps NaN, which the minimum then drops. */
      m2 = kn_min_d(m1 > d ? m1 : d, m2);
      m1 = kn_min_d(d, m1);
    }
    double found[2 * KN_LANES_D + KN_LANES_D];
    int count = 0;
    kn_store_d(found, m1);
    kn_store_d(found + KN_LANES_D, m2);
    count = 2 * KN_LANES_D;
    for (; k < end; k++) found[count++] = c[k] - v[k];
    double before = best;
    for (int t = 0; t < count; t++) {
      double d = found[t];
      if (d < best) {
        next = best;
        best = d;
      } else if (d < next) {
        next = d;
      }
    }
    if (best < before) block = begin;
  }
  *first = best;
  *second = next;
  *argmin = 0;
  for (int64_t k = block; k < n; k++) {
    if (c[k] - v[k] == best) {
      *argmin = k;
      return;
    }
  }
}
