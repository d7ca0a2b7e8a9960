/* Exponents of plan entries in f64 and in powers of two,
     z = (phi + gamma - cost / eps) log2(e),
   for everything that is not the inner loop of a sweep: rows with a subtracted maximum, soft
   transforms, kernels, plan products. */

/* gamma log2(e); -inf in the padding, which makes every padded plan entry exactly 0. */
KN_INLINE void kn_prepare_gamma_d(const double *gamma, int64_t columns, kn_scratch *scratch) {
  for (int64_t j = 0; j < columns; j++) scratch->gamma64[j] = gamma[j] * KN_LOG2E;
  for (int64_t j = columns; j < scratch->padded; j++) scratch->gamma64[j] = -INFINITY;
}

/* As many floats as doubles fit a vector, widened. */
KN_INLINE kn_vd kn_load_wide(const float *p) {
  kn_vh v;
  __builtin_memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, kn_vd);
}

/* Whether exponents in f64 start from costs in f32: where these are the data, or all there is. */
KN_INLINE int kn_costs_are_single(const kn_cost *cost) {
  return cost->kind == KN_COST_DENSE_F32 ||
         (cost->kind > KN_COST_DENSE_F32 && cost->x64 == NULL);
}

typedef struct kn_exponents {
  const kn_cost *cost;
  int single;     /* costs are computed in f32 */
  double scale;   /* log2(e) / eps */
  kn_scratch scratch;
} kn_exponents;

KN_INLINE kn_exponents kn_exponents_begin(const kn_cost *cost, double inv_eps,
                                          const double *gamma, int single, void *memory) {
  kn_exponents e;
  e.cost = cost;
  e.single = single;
  e.scale = inv_eps * KN_LOG2E;
  e.scratch = kn_scratch_cut(memory, cost->columns);
  kn_prepare_gamma_d(gamma, cost->columns, &e.scratch);
  return e;
}

/* z[r][0 ..] for columns [first, first + count) of `rows` rows, whole vectors (the lanes beyond
   the last column are -inf); z rows are z_stride apart. Returns the row maxima in top if asked. */
KN_INLINE void kn_exponent_tile(const kn_exponents *e, int rows, const int64_t row[4],
                                const double phi[4], int64_t first, int64_t count, double *z,
                                int64_t z_stride, kn_vd *top) {
  const float *narrow[4];
  const double *wide[4];
  if (e->single) {
    kn_cost_tile_f(e->cost, rows, row, first, count, e->scratch.tile32, narrow);
  } else {
    kn_cost_tile_d(e->cost, rows, row, first, count, e->scratch.tile64, wide);
  }
  const kn_vd minus_scale = kn_splat_d(-e->scale);
  for (int64_t j = 0; j < count; j += KN_LANES_D) {
    kn_vd g = kn_load_d(e->scratch.gamma64 + first + j);
    for (int r = 0; r < rows; r++) {
      kn_vd c = e->single ? kn_load_wide(narrow[r] + j) : kn_load_d(wide[r] + j);
      kn_vd v = kn_fma_d(c, minus_scale, kn_splat_d(phi[r]) + g);
      kn_store_d(z + r * z_stride + j, v);
      if (top != NULL) top[r] = kn_max_d(v, top[r]);
    }
  }
}

/* exp of a row of exponents less `top`, in place; returns the sum. */
KN_INLINE double kn_exponentiate_row(double *z, int64_t columns, double top) {
  const kn_vd shift = kn_splat_d(top);
  kn_vd sum = kn_splat_d(0.0);
  for (int64_t j = 0; j < columns; j += KN_LANES_D) {
    kn_vd p = kn_exp2_cut_d(kn_load_d(z + j) - shift);
    kn_store_d(z + j, p);
    sum += p;
  }
  return kn_sum_d(sum);
}

/* A whole row of exponents into scratch.row; returns the largest. */
static double kn_exponent_row(const kn_exponents *e, int64_t row, double phi) {
  kn_vd top = kn_splat_d(-INFINITY);
  const int64_t rows[4] = {row, row, row, row};
  const double phis[4] = {phi, phi, phi, phi};
  for (int64_t first = 0, count; first < e->cost->columns; first += count) {
    count = kn_tile_count(e->cost->columns - first);
    kn_exponent_tile(e, 1, rows, phis, first, count, e->scratch.row + first, 0, &top);
  }
  return -kn_lowest_d(-top);
}

#define KN_LN2 0x1.62e42fefa39efp-1

/* One row of a Sinkhorn sweep with its maximum subtracted, in f64. Returns 1 when the row has no
   finite exponent, and leaves phi alone then. */
static int64_t kn_careful_row(const kn_exponents *e, int64_t row, double a, double *phi,
                              double *column_sum, double *error) {
  const int64_t columns = e->cost->columns;
  double *p = e->scratch.row;
  double top = kn_exponent_row(e, row, 0.0);
  if (top == -INFINITY) {
    *error += a;
    return 1;
  }
  double sum = kn_exponentiate_row(p, columns, top);
  /* The sum before this update; without a previous potential it counts as 0. */
  double before = *phi == *phi ? exp(*phi + top * KN_LN2) * sum : 0.0;
  *error += fabs(before - a);
  *phi = log(a) - log(sum) - top * KN_LN2;
  double t = a / sum;
  for (int64_t j = 0; j < columns; j++) column_sum[j] += t * p[j];
  return 0;
}
