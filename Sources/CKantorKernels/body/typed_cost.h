/* Costs of pairs. A tile is a block of up to four rows times some consecutive columns; costs of
   points are computed by vectors of columns, coordinate after coordinate, with four rows sharing
   every load of y. */

/* Squared distances to the power that makes |x - y|^power of them, in place. The general case is
   taken in f64 for both types: the exponential would magnify the rounding of the logarithm. */
static void KN_T(raise_squares)(KN_REAL *c, int64_t count, double power) {
  const kn_vd half = kn_splat_d(0.5 * power);
  for (int64_t j = 0; j < count; j += KN_LANES) {
    KN_VEC square = KN_T(load)(c + j), raised;
    if (power == 1.0) {
      raised = KN_T(sqrt)(square);
    } else if (power == 2.0) {
      raised = square;
    } else if (power == 3.0) {
      raised = square * KN_T(sqrt)(square);
    } else if (power == 4.0) {
      raised = square * square;
    } else {
#if KN_SINGLE
      raised = kn_narrow(kn_exp_d(half * kn_log_d(kn_low_d(square))),
                         kn_exp_d(half * kn_log_d(kn_high_d(square))));
#else
      raised = kn_exp_d(half * kn_log_d(square));
#endif
    }
    KN_T(store)(c + j, raised);
  }
}

/* Only inside this body: squared distances as |x|^2 + |y|^2 - 2 x.y, one operation a coordinate
   instead of two. Where x and y are close the difference cancels, so the form serves squared
   distances in exponents alone, and from this dimension on. */
#define KN_COST_EXPANDED (-1)
#define KN_EXPANDED_FROM 9

/* Coordinates that are added up before the next columns are turned to: few enough that columns
   apart by a power of two do not evict each other from the first-level cache. */
#define KN_AXES_AT_ONCE 8

KN_INLINE KN_VEC KN_T(finish_cost)(int32_t kind, KN_VEC sum, KN_REAL x_norm, KN_VEC y_norm) {
  switch (kind) {
    case KN_COST_EUCLIDEAN: return KN_T(sqrt)(sum);
    case KN_COST_COSINE: return KN_T(splat)(1) - sum;
    case KN_COST_EXPANDED:
      sum = KN_T(fma)(KN_T(splat)(-2), sum, KN_T(splat)(x_norm) + y_norm);
      return KN_T(max)(sum, KN_T(splat)(0));
    default: return sum;
  }
}

/* Adds `axes` coordinates of `vectors` column vectors and `rows` points to the sums, which are of
   squared differences, absolute differences or products, by `kind`. */
KN_INLINE void KN_T(accumulate)(int32_t kind, int rows, int vectors, const KN_REAL *const x[4],
                                const KN_REAL *y, int64_t stride, int axes, KN_VEC sum[4][2]) {
  for (int k = 0; k < axes; k++) {
    for (int u = 0; u < vectors; u++) {
      KN_VEC yk = KN_T(load)(y + k * stride + u * KN_LANES);
      for (int r = 0; r < rows; r++) {
        KN_VEC xk = KN_T(splat)(x[r][k]);
        if (kind == KN_COST_COSINE || kind == KN_COST_EXPANDED) {
          sum[r][u] = KN_T(fma)(xk, yk, sum[r][u]);
        } else if (kind == KN_COST_L1) {
          sum[r][u] += KN_T(abs)(xk - yk);
        } else {
          sum[r][u] = KN_T(fma)(xk - yk, xk - yk, sum[r][u]);
        }
      }
    }
  }
}

/* One step of a tile: `vectors` column vectors, `axes` coordinates. The sums wait in `out` between
   steps and become costs in the last. */
KN_INLINE void KN_T(tile_step)(int32_t kind, int rows, int vectors, const KN_REAL *const x[4],
                               const KN_REAL *y, int64_t stride, int axes, int is_first,
                               int is_last, const KN_REAL x_norm[4], const KN_REAL *y_norm,
                               KN_REAL *out, int64_t out_stride) {
  KN_VEC sum[4][2];
  for (int r = 0; r < rows; r++) {
    for (int u = 0; u < vectors; u++) {
      sum[r][u] = is_first ? KN_T(splat)(0) : KN_T(load)(out + r * out_stride + u * KN_LANES);
    }
  }
  if (axes == KN_AXES_AT_ONCE) {
    KN_T(accumulate)(kind, rows, vectors, x, y, stride, KN_AXES_AT_ONCE, sum);
  } else {
    KN_T(accumulate)(kind, rows, vectors, x, y, stride, axes, sum);
  }
  for (int r = 0; r < rows; r++) {
    for (int u = 0; u < vectors; u++) {
      KN_VEC c = sum[r][u];
      if (is_last) {
        KN_VEC norm = kind == KN_COST_EXPANDED ? KN_T(load)(y_norm + u * KN_LANES) : c;
        c = KN_T(finish_cost)(kind, c, kind == KN_COST_EXPANDED ? x_norm[r] : 0, norm);
      }
      KN_T(store)(out + r * out_stride + u * KN_LANES, c);
    }
  }
}

/* Costs of `rows` points against columns [first, first + count), count a multiple of a vector;
   y may be read up to the end of its padding. */
KN_INLINE void KN_T(point_tile_of)(int32_t kind, int rows, const kn_cost *cost,
                                   const int64_t row[4], int64_t first, int64_t count,
                                   const KN_REAL *y_norms, KN_REAL *out, int64_t out_stride) {
#if KN_SINGLE
  const KN_REAL *points = cost->x32, *y = cost->y32;
#else
  const KN_REAL *points = cost->x64, *y = cost->y64;
#endif
  const int32_t dimension = cost->dimension;
  const KN_REAL *x[4] = {points, points, points, points};
  KN_REAL x_norm[4] = {0, 0, 0, 0};
  for (int r = 0; r < rows; r++) {
    x[r] = points + row[r] * dimension;
    for (int32_t k = 0; kind == KN_COST_EXPANDED && k < dimension; k++) {
      x_norm[r] += x[r][k] * x[r][k];
    }
  }
  for (int32_t k = 0; k < dimension; k += KN_AXES_AT_ONCE) {
    const int left = dimension - k, axes = left < KN_AXES_AT_ONCE ? left : KN_AXES_AT_ONCE;
    const KN_REAL *yk = y + k * cost->stride + first;
    int64_t j = 0;
    for (; j + 2 * KN_LANES <= count; j += 2 * KN_LANES) {
      KN_T(tile_step)(kind, rows, 2, x, yk + j, cost->stride, axes, k == 0, left == axes, x_norm,
                      y_norms + j, out + j, out_stride);
    }
    for (; j < count; j += KN_LANES) {
      KN_T(tile_step)(kind, rows, 1, x, yk + j, cost->stride, axes, k == 0, left == axes, x_norm,
                      y_norms + j, out + j, out_stride);
    }
    for (int r = 0; r < rows; r++) x[r] += axes;
  }
}

#define KN_TILE_PARAMETERS \
  const kn_cost *cost, const int64_t row[4], int64_t first, int64_t count, \
      const KN_REAL *y_norms, KN_REAL *out, int64_t out_stride
/* One instance for each kind of sum and for one or four rows. Only expanded distances read norms;
   the others are given any pointer. */
#define KN_POINT_TILE(rows) \
  static void KN_T(point_tile_##rows)(KN_TILE_PARAMETERS) { \
    const int is_power = cost->kind == KN_COST_POWER; \
    const int32_t kind = is_power ? (int32_t)KN_COST_SQEUCLIDEAN : cost->kind; \
    switch (y_norms != NULL ? KN_COST_EXPANDED : kind) { \
      KN_POINT_CASE(KN_COST_EXPANDED, rows, y_norms) \
      KN_POINT_CASE(KN_COST_SQEUCLIDEAN, rows, out) \
      KN_POINT_CASE(KN_COST_EUCLIDEAN, rows, out) \
      KN_POINT_CASE(KN_COST_L1, rows, out) \
      KN_POINT_CASE(KN_COST_COSINE, rows, out) \
      default: break; \
    } \
    for (int r = 0; is_power && r < rows; r++) { \
      KN_T(raise_squares)(out + r * out_stride, count, cost->power); \
    } \
  }
#define KN_POINT_CASE(kind, rows, norms) \
  case kind: \
    KN_T(point_tile_of)(kind, rows, cost, row, first, count, norms, out, out_stride); \
    break;
KN_POINT_TILE(1)
KN_POINT_TILE(4)
#undef KN_POINT_TILE
#undef KN_POINT_CASE

/* Squared norms of the columns' points, for tiles of squared distances in high dimension; NULL
   where differences are to be taken. Too few rows would not repay the pass over y. */
static const KN_REAL *KN_T(prepare_norms)(const kn_cost *cost, int64_t rows, KN_REAL *norms) {
  if (cost->kind != KN_COST_SQEUCLIDEAN || cost->dimension < KN_EXPANDED_FROM || rows < 16) {
    return NULL;
  }
#if KN_SINGLE
  const KN_REAL *y = cost->y32;
#else
  const KN_REAL *y = cost->y64;
#endif
  const int64_t padded = kn_padded(cost->columns);
  for (int64_t j = 0; j < padded; j++) norms[j] = 0;
  for (int32_t k = 0; k < cost->dimension; k++) {
    for (int64_t j = 0; j < padded; j += KN_LANES) {
      KN_VEC v = KN_T(load)(y + k * cost->stride + j);
      KN_T(store)(norms + j, KN_T(fma)(v, v, KN_T(load)(norms + j)));
    }
  }
  return norms;
}

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
  KN_T(point_tile_1)(cost, rows, first, whole, NULL, out, 0);
  if (whole == count) return;
  /* The remainder is computed in a vector that ends within the padding, and cut out of it. */
  KN_REAL lanes[KN_LANES];
  int64_t start = first + whole;
  if (start > cost->stride - KN_LANES) start = cost->stride - KN_LANES;
  KN_T(point_tile_1)(cost, rows, start, KN_LANES, NULL, lanes, 0);
  for (int64_t k = whole; k < count; k++) out[k] = lanes[first + k - start];
}

/* Costs of the element type in hand lie in memory. */
KN_INLINE int KN_T(is_in_memory)(const kn_cost *cost) {
  return cost->kind == (KN_SINGLE ? KN_COST_DENSE_F32 : KN_COST_DENSE_F64);
}

/* Columns [first, first + count) of `rows` (1 to 4) rows, ready to be read by whole vectors. count
   comes from kn_piece, at most KN_TILE unless the rows are read in place; up to a multiple of 16
   something finite follows. Dense rows of the right type are read in place when they end with a
   vector; all else goes through `tile`. With y_norms, squared distances are expanded. */
KN_INLINE void KN_T(cost_tile)(const kn_cost *cost, int rows, const int64_t row[4],
                               int64_t first, int64_t count, const KN_REAL *y_norms,
                               KN_REAL *tile, const KN_REAL *out[4]) {
  if (y_norms != NULL) y_norms += first;
  const int64_t padded = kn_padded(count);
  for (int r = 0; r < rows; r++) out[r] = tile + r * KN_TILE_STRIDE;
  if (cost->kind > KN_COST_DENSE_F32) {
    if (rows == 4) {
      KN_T(point_tile_4)(cost, row, first, padded, y_norms, tile, KN_TILE_STRIDE);
      return;
    }
    for (int r = 0; r < rows; r++) {
      KN_T(point_tile_1)(cost, row + r, first, padded, y_norms, tile + r * KN_TILE_STRIDE, 0);
    }
    return;
  }
#if KN_SINGLE
  const KN_REAL *dense = cost->dense32;
#else
  const KN_REAL *dense = cost->dense64;
#endif
  for (int r = 0; r < rows; r++) {
    if (KN_T(is_in_memory)(cost) && padded == count) {
      out[r] = dense + row[r] * cost->leading + first;
      continue;
    }
    KN_T(dense_row)(cost, row[r], first, count, tile + r * KN_TILE_STRIDE);
    for (int64_t k = count; k < padded; k++) tile[r * KN_TILE_STRIDE + k] = 0;
  }
}
