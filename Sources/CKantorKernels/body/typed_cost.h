/* Costs of pairs. A tile is a block of up to four rows times some consecutive columns; costs of
   points are computed by vectors of columns, coordinate after coordinate, with four rows sharing
   every load of y. */

/* What the sum over coordinates becomes in the end. */
KN_INLINE KN_VEC KN_T(power_of_square)(KN_VEC square, double power) {
  if (power == 1.0) return KN_T(sqrt)(square);
  if (power == 2.0) return square;
  if (power == 3.0) return square * KN_T(sqrt)(square);
  if (power == 4.0) return square * square;
  /* In f64 for both types: the exponential would magnify the rounding of the logarithm. */
  const kn_vd half = kn_splat_d(0.5 * power);
#if KN_SINGLE
  return kn_narrow(kn_exp_d(half * kn_log_d(kn_low_d(square))),
                   kn_exp_d(half * kn_log_d(kn_high_d(square))));
#else
  return kn_exp_d(half * kn_log_d(square));
#endif
}

KN_INLINE KN_VEC KN_T(finish_cost)(int32_t kind, KN_VEC sum, double power) {
  switch (kind) {
    case KN_COST_EUCLIDEAN: return KN_T(sqrt)(sum);
    case KN_COST_POWER: return KN_T(power_of_square)(sum, power);
    case KN_COST_COSINE: return KN_T(splat)(1) - sum;
    default: return sum;
  }
}

/* One column vector against `rows` points x (rows apart by `dimension`): sums over coordinates of
   the squared difference, the absolute difference or the product, by `kind`. */
KN_INLINE void KN_T(accumulate)(int32_t kind, int rows, const KN_REAL *const x[4],
                                const KN_REAL *y, int64_t stride, int32_t dimension,
                                KN_VEC sum[4]) {
  for (int r = 0; r < rows; r++) sum[r] = KN_T(splat)(0);
  for (int32_t k = 0; k < dimension; k++) {
    KN_VEC yk = KN_T(load)(y + k * stride);
    for (int r = 0; r < rows; r++) {
      KN_VEC xk = KN_T(splat)(x[r][k]);
      if (kind == KN_COST_COSINE) {
        sum[r] = KN_T(fma)(xk, yk, sum[r]);
      } else if (kind == KN_COST_L1) {
        sum[r] += KN_T(abs)(xk - yk);
      } else {
        sum[r] = KN_T(fma)(xk - yk, xk - yk, sum[r]);
      }
    }
  }
}

/* Costs of `rows` points against columns [first, first + count), count a multiple of a vector;
   y may be read up to the end of its padding. */
KN_INLINE void KN_T(point_tile_of)(int32_t kind, int rows, const kn_cost *cost,
                                   const int64_t row[4], int64_t first, int64_t count,
                                   KN_REAL *out, int64_t out_stride) {
#if KN_SINGLE
  const KN_REAL *points = cost->x32, *y = cost->y32;
#else
  const KN_REAL *points = cost->x64, *y = cost->y64;
#endif
  const KN_REAL *x[4] = {points, points, points, points};
  for (int r = 0; r < rows; r++) x[r] = points + row[r] * cost->dimension;
  for (int64_t j = 0; j < count; j += KN_LANES) {
    KN_VEC sum[4];
    KN_T(accumulate)(kind, rows, x, y + first + j, cost->stride, cost->dimension, sum);
    for (int r = 0; r < rows; r++) {
      KN_T(store)(out + r * out_stride + j, KN_T(finish_cost)(kind, sum[r], cost->power));
    }
  }
}

#define KN_TILE_PARAMETERS \
  const kn_cost *cost, const int64_t row[4], int64_t first, int64_t count, KN_REAL *out, \
      int64_t out_stride
/* One instance for each kind of sum and for one or four rows. */
#define KN_POINT_TILE(rows) \
  static void KN_T(point_tile_##rows)(KN_TILE_PARAMETERS) { \
    switch (cost->kind) { \
      case KN_COST_SQEUCLIDEAN: \
        KN_T(point_tile_of)(KN_COST_SQEUCLIDEAN, rows, cost, row, first, count, out, out_stride); \
        break; \
      case KN_COST_EUCLIDEAN: \
        KN_T(point_tile_of)(KN_COST_EUCLIDEAN, rows, cost, row, first, count, out, out_stride); \
        break; \
      case KN_COST_L1: \
        KN_T(point_tile_of)(KN_COST_L1, rows, cost, row, first, count, out, out_stride); \
        break; \
      case KN_COST_COSINE: \
        KN_T(point_tile_of)(KN_COST_COSINE, rows, cost, row, first, count, out, out_stride); \
        break; \
      default: \
        KN_T(point_tile_of)(KN_COST_POWER, rows, cost, row, first, count, out, out_stride); \
    } \
  }
KN_POINT_TILE(1)
KN_POINT_TILE(4)
#undef KN_POINT_TILE

/* Dense costs of one row, converted where the stored type differs. */
KN_INLINE void KN_T(dense_row)(const kn_cost *cost, int64_t row, int64_t first, int64_t count,
                               KN_REAL *out) {
  if (cost->kind == KN_COST_DENSE_F64) {
    const double *c = cost->dense64 + row * cost->leading + first;
    for (int64_t k = 0; k < count; k++) out[k] = (KN_REAL)c[k];
  } else {
    const float *c = cost->dense32 + row * cost->leading + first;
    for (int64_t k = 0; k < count; k++) out[k] = (KN_REAL)c[k];
  }
}

static void KN_BODY(cost_row)(const kn_cost *cost, int64_t row, int64_t first, int64_t count,
                              KN_REAL *out) {
  if (count <= 0) return;
  if (cost->kind <= KN_COST_DENSE_F32) {
    KN_T(dense_row)(cost, row, first, count, out);
    return;
  }
  const int64_t rows[4] = {row, row, row, row};
  const int64_t whole = count / KN_LANES * KN_LANES;
  KN_T(point_tile_1)(cost, rows, first, whole, out, 0);
  if (whole == count) return;
  /* The remainder is computed in a vector that ends within the padding, and cut out of it. */
  KN_REAL lanes[KN_LANES];
  int64_t start = first + whole;
  if (start > cost->stride - KN_LANES) start = cost->stride - KN_LANES;
  KN_T(point_tile_1)(cost, rows, start, KN_LANES, lanes, 0);
  for (int64_t k = whole; k < count; k++) out[k] = lanes[first + k - start];
}

/* Columns [first, first + count) of `rows` (1 to 4) rows, ready to be read by whole vectors; count
   comes from kn_tile_count, and lanes beyond it hold something finite. Dense rows of the right
   type are read in place when they end with a vector; all else goes through `tile`. */
KN_INLINE void KN_T(cost_tile)(const kn_cost *cost, int rows, const int64_t row[4],
                               int64_t first, int64_t count, KN_REAL *tile,
                               const KN_REAL *out[4]) {
  const int64_t padded = kn_padded(count);
  for (int r = 0; r < rows; r++) out[r] = tile + r * KN_TILE;
  if (cost->kind > KN_COST_DENSE_F32) {
    if (rows == 4) {
      KN_T(point_tile_4)(cost, row, first, padded, tile, KN_TILE);
      return;
    }
    for (int r = 0; r < rows; r++) {
      KN_T(point_tile_1)(cost, row + r, first, padded, tile + r * KN_TILE, 0);
    }
    return;
  }
#if KN_SINGLE
  const int in_place = cost->kind == KN_COST_DENSE_F32 && padded == count;
  const KN_REAL *dense = cost->dense32;
#else
  const int in_place = cost->kind == KN_COST_DENSE_F64 && padded == count;
  const KN_REAL *dense = cost->dense64;
#endif
  for (int r = 0; r < rows; r++) {
    if (in_place) {
      out[r] = dense + row[r] * cost->leading + first;
      continue;
    }
    KN_T(dense_row)(cost, row[r], first, count, tile + r * KN_TILE);
    for (int64_t k = count; k < padded; k++) tile[r * KN_TILE + k] = 0;
  }
}
