/* The inner loop of a Sinkhorn sweep: plan entries of up to four rows and their sums. gamma and
   the costs are read once; four rows share every load of gamma (and of y), and give the processor
   four independent chains. */

typedef struct KN_T(block) {
  const kn_cost *cost;
  int rows;
  int64_t row[4];
  KN_REAL phi[4];     /* in powers of two */
  KN_REAL scale;      /* log2(e) / eps */
  const KN_REAL *gamma;
  const KN_REAL *rest; /* f32: factors that restore what gamma lost by rounding */
  KN_REAL *plan;
  int64_t plan_stride;
  int computed;           /* costs are already in the plan rows, to be overwritten */
  const KN_REAL *y_norms; /* see prepare_norms */
  KN_REAL *tile;
} KN_T(block);

/* Columns [first, first + count) into the plan rows; adds to sum. `axes` is the dimension for
   squared Euclidean costs fused into the loop (1 to 3), 0 for costs in memory. */
KN_INLINE void KN_T(block_span)(int axes, int rows, const KN_T(block) * b,
                                const KN_REAL *const cost[4], int64_t first, int64_t count,
                                KN_VEC sum[4]) {
#if KN_SINGLE
  const KN_REAL *points = b->cost->x32, *y = b->cost->y32;
#else
  const KN_REAL *points = b->cost->x64, *y = b->cost->y64;
#endif
  const KN_VEC minus_scale = KN_T(splat)(-b->scale);
  KN_VEC phi[4], x[4][3];
  for (int r = 0; r < rows; r++) {
    phi[r] = KN_T(splat)(b->phi[r]);
    for (int k = 0; k < axes; k++) x[r][k] = KN_T(splat)(points[b->row[r] * axes + k]);
  }
  for (int64_t j = 0; j < count; j += KN_LANES) {
    KN_VEC gamma = KN_T(load)(b->gamma + first + j), at[3];
    for (int k = 0; k < axes; k++) at[k] = KN_T(load)(y + k * b->cost->stride + first + j);
#if KN_SINGLE
    KN_VEC rest = KN_T(load)(b->rest + first + j);
#endif
    for (int r = 0; r < rows; r++) {
      KN_VEC c;
      if (axes == 0) {
        c = KN_T(load)(cost[r] + j);
      } else {
        c = (x[r][0] - at[0]) * (x[r][0] - at[0]);
        for (int k = 1; k < axes; k++) c = KN_T(fma)(x[r][k] - at[k], x[r][k] - at[k], c);
      }
      KN_VEC p = KN_T(exp2_cut)(KN_T(fma)(c, minus_scale, phi[r] + gamma));
      KN_T(store)(b->plan + r * b->plan_stride + first + j, p);
#if KN_SINGLE
      sum[r] = KN_T(fma)(p, rest, sum[r]);
#else
      sum[r] += p;
#endif
    }
  }
}

/* All columns piece by piece; lanes are added up in f64 after every piece. */
KN_INLINE void KN_T(block_of)(int axes, int rows, const KN_T(block) * b, double total[4]) {
  const int64_t columns = b->cost->columns;
  const int tiled = axes == 0 && !b->computed && !KN_T(is_in_memory)(b->cost);
  const int64_t most = tiled ? KN_TILE : KN_CHUNK;
  for (int r = 0; r < rows; r++) total[r] = 0.0;
  for (int64_t first = 0, count; first < columns; first += count) {
    count = kn_piece(columns - first, most);
    const KN_REAL *cost[4] = {NULL, NULL, NULL, NULL};
    KN_VEC sum[4];
    for (int r = 0; r < rows; r++) sum[r] = KN_T(splat)(0);
    if (axes == 0 && b->computed) {
      for (int r = 0; r < rows; r++) cost[r] = b->plan + r * b->plan_stride + first;
    } else if (axes == 0) {
      KN_T(cost_tile)(b->cost, rows, b->row, first, count, b->y_norms, b->tile, cost);
    }
    KN_T(block_span)(axes, rows, b, cost, first, count, sum);
    for (int r = 0; r < rows; r++) total[r] += KN_T(sum)(sum[r]);
  }
}

#define KN_BLOCK(axes, rows) \
  static void KN_T(block_##axes##_##rows)(const KN_T(block) * b, double total[4]) { \
    KN_T(block_of)(axes, rows, b, total); \
  }
KN_BLOCK(0, 1)
KN_BLOCK(1, 1)
KN_BLOCK(2, 1)
KN_BLOCK(3, 1)
KN_BLOCK(0, 4)
KN_BLOCK(1, 4)
KN_BLOCK(2, 4)
KN_BLOCK(3, 4)
#undef KN_BLOCK

/* Sums of b->rows (1 or 4) rows; the plan entries stay in b->plan. */
static void KN_T(block_run)(const KN_T(block) * b, double total[4]) {
  static void (*const run[4][2])(const KN_T(block) *, double[4]) = {
      {KN_T(block_0_1), KN_T(block_0_4)},
      {KN_T(block_1_1), KN_T(block_1_4)},
      {KN_T(block_2_1), KN_T(block_2_4)},
      {KN_T(block_3_1), KN_T(block_3_4)}};
  const int fused = b->cost->kind == KN_COST_SQEUCLIDEAN && b->cost->dimension >= 1 &&
                    b->cost->dimension <= 3;
  run[fused ? b->cost->dimension : 0][b->rows == 4](b, total);
}

/* Costs of points in high dimension are computed for all the plan rows at once, four by four in
   each tile of columns: y, which then exceeds the cache, is read once for sixteen rows. */
KN_INLINE int KN_T(is_computed_ahead)(const kn_cost *cost) {
  return cost->kind > KN_COST_DENSE_F32 && cost->dimension >= KN_EXPANDED_FROM;
}

static void KN_T(compute_ahead)(const KN_T(block) * b, int rows,
                                const int64_t row[KN_PLAN_ROWS]) {
  const int64_t columns = kn_padded(b->cost->columns);
  for (int64_t first = 0, count; first < columns; first += count) {
    count = kn_piece(columns - first, KN_TILE);
    const KN_REAL *norms = b->y_norms != NULL ? b->y_norms + first : NULL;
    for (int r = 0, step; r < rows; r += step) {
      KN_REAL *out = b->plan + r * b->plan_stride + first;
      step = rows - r >= 4 ? 4 : 1;
      (step == 4 ? KN_T(point_tile_4) : KN_T(point_tile_1))(b->cost, row + r, first, count, norms,
                                                            out, b->plan_stride);
    }
  }
}
