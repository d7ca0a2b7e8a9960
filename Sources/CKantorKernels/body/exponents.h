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
  const double *y_norms64;
  const float *y_norms32;
} kn_exponents;

KN_INLINE kn_exponents kn_exponents_begin(const kn_cost *cost, double inv_eps,
                                          const double *gamma, int single, int64_t rows,
                                          void *memory) {
  kn_exponents e;
  e.cost = cost;
  e.single = single;
  e.scale = inv_eps * KN_LOG2E;
  e.scratch = kn_scratch_cut(memory, cost->columns);
  e.y_norms64 = single ? NULL : kn_prepare_norms_d(cost, rows, e.scratch.norm64);
  e.y_norms32 = single ? kn_prepare_norms_f(cost, rows, e.scratch.norm32) : NULL;
  kn_prepare_gamma_d(gamma, cost->columns, &e.scratch);
  return e;
}

KN_INLINE void kn_exponent_tile_of(int single, int rows, const kn_exponents *e,
                                   const int64_t row[4], const double phi[4], int64_t first,
                                   int64_t count, double *z, int64_t z_stride, double top[4]) {
  const float *narrow[4];
  const double *wide[4];
  const kn_vd minus_scale = kn_splat_d(-e->scale);
  kn_vd highest[4];
  if (single) {
    kn_cost_tile_f(e->cost, rows, row, first, count, e->y_norms32, e->scratch.tile32, narrow);
  } else {
    kn_cost_tile_d(e->cost, rows, row, first, count, e->y_norms64, e->scratch.tile64, wide);
  }
  for (int r = 0; r < rows; r++) highest[r] = kn_splat_d(-INFINITY);
  for (int64_t j = 0; j < kn_padded(count); j += KN_LANES_D) {
    kn_vd g = kn_load_d(e->scratch.gamma64 + first + j);
    for (int r = 0; r < rows; r++) {
      kn_vd c = single ? kn_load_wide(narrow[r] + j) : kn_load_d(wide[r] + j);
      kn_vd v = kn_fma_d(c, minus_scale, kn_splat_d(phi[r]) + g);
      kn_store_d(z + r * z_stride + j, v);
      highest[r] = kn_max_d(v, highest[r]);
    }
  }
  for (int r = 0; r < rows; r++) {
    double found = kn_highest_d(highest[r]);
    top[r] = found > top[r] ? found : top[r];
  }
}

/* Exponents of columns [first, first + count) of `rows` (1 or 4) rows into z, rows z_stride apart,
   up to a multiple of 16; what lies beyond the last column gets -inf. Raises top[r] to the row's
   largest. */
static void kn_exponent_tile(const kn_exponents *e, int rows, const int64_t row[4],
                             const double phi[4], int64_t first, int64_t count, double *z,
                             int64_t z_stride, double top[4]) {
  if (e->single) {
    if (rows == 4) {
      kn_exponent_tile_of(1, 4, e, row, phi, first, count, z, z_stride, top);
    } else {
      kn_exponent_tile_of(1, 1, e, row, phi, first, count, z, z_stride, top);
    }
  } else if (rows == 4) {
    kn_exponent_tile_of(0, 4, e, row, phi, first, count, z, z_stride, top);
  } else {
    kn_exponent_tile_of(0, 1, e, row, phi, first, count, z, z_stride, top);
  }
}

/* The same for consecutive rows from `row` on, with potentials phi[row ..] not yet in powers of
   two; NULL for no potential. */
KN_INLINE void kn_exponent_block(const kn_exponents *e, int rows, int64_t row, const double *phi,
                                 int64_t first, int64_t count, double *z, int64_t z_stride,
                                 double top[4]) {
  int64_t index[4];
  double scaled[4];
  for (int r = 0; r < 4; r++) {
    index[r] = r < rows ? row + r : row;
    scaled[r] = phi != NULL ? phi[index[r]] * KN_LOG2E : 0.0;
    top[r] = -INFINITY;
  }
  kn_exponent_tile(e, rows, index, scaled, first, count, z, z_stride, top);
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

/* Whole rows (1 or 4, consecutive) of exponents without row potential into the plan rows of the
   scratch memory, and their maxima. */
static void kn_exponent_rows(const kn_exponents *e, int rows, int64_t row, double top[4]) {
  const int64_t columns = e->cost->columns;
  double highest[4];
  for (int r = 0; r < 4; r++) top[r] = -INFINITY;
  for (int64_t first = 0, count; first < columns; first += count) {
    count = kn_piece(columns - first, KN_TILE);
    kn_exponent_block(e, rows, row, NULL, first, count, e->scratch.plan64 + first,
                      e->scratch.plan_stride, highest);
    for (int r = 0; r < rows; r++) top[r] = highest[r] > top[r] ? highest[r] : top[r];
  }
}

#define KN_LN2 0x1.62e42fefa39efp-1

/* One row of a Sinkhorn sweep with its maximum subtracted, in f64. Returns 1 when the row has no
   finite exponent, and leaves phi alone then. */
static int64_t kn_careful_row(const kn_exponents *e, int64_t row, double a, double *phi,
                              double *column_sum, double *error) {
  const int64_t columns = e->cost->columns;
  const int64_t rows[4] = {row, row, row, row};
  const double no_phi[4] = {0.0, 0.0, 0.0, 0.0};
  double *p = e->scratch.row, top = -INFINITY;
  for (int64_t first = 0, count; first < columns; first += count) {
    count = kn_piece(columns - first, KN_TILE);
    kn_exponent_tile(e, 1, rows, no_phi, first, count, p + first, 0, &top);
  }
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
