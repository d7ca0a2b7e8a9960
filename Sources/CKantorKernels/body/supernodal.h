/* LDL' by panels that look left: a panel takes the updates of all earlier panels that reach it and
   is then factored for good. */

typedef struct kn_panel_view {
  int64_t first, width, rows, leading;
  const int32_t *row;
  double *block;
} kn_panel_view;

KN_INLINE kn_panel_view kn_view(const kn_panels *p, double *values, int64_t s) {
  kn_panel_view v;
  v.first = p->first[s];
  v.width = p->first[s + 1] - v.first;
  v.rows = p->row_start[s + 1] - p->row_start[s];
  v.leading = p->leading[s];
  v.row = p->rows + p->row_start[s];
  v.block = values + p->offset[s];
  return v;
}

KN_INLINE void kn_panel_entries(const kn_panels *p, const double *values, const kn_panel_view *v,
                                int64_t s) {
  memset(v->block, 0, (size_t)(v->leading * v->width) * sizeof(double));
  for (int64_t e = p->entry_start[s]; e < p->entry_start[s + 1]; e++) {
    v->block[p->entry_to[e]] = values[p->entry_from[e]];
  }
}

static void kn_body_panel_begin(const kn_panels *p, const double *values,
                                const kn_panel_factor *factor, int64_t s, int32_t *map) {
  const kn_panel_view v = kn_view(p, factor->values, s);
  kn_panel_entries(p, values, &v, s);
  if (p->update_start[s] == p->update_start[s + 1]) return;
  for (int64_t i = 0; i < v.rows; i++) map[v.row[i]] = (int32_t)i;
}

/* First place from `low` on whose row is not below `row`. */
KN_INLINE int64_t kn_row_search(const int32_t *rows, int64_t low, int64_t high, int32_t row) {
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (rows[middle] < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* A source of one column: nothing to gain from tiles. */
KN_INLINE void kn_column_update(double *c, int64_t ldc, const int32_t *to, const double *a,
                                double d, int64_t columns, int64_t begin, int64_t end) {
  for (int64_t j = 0; j < columns; j++) {
    const double t = d * a[j];
    double *column = c + (int64_t)to[j] * ldc;
    const int64_t first = begin > j ? begin : j;
    if (first >= end) return;
    if (to[end - 1] - to[first] == end - 1 - first) {
      double *side = column + to[first];
      for (int64_t i = 0; i < end - first; i++) side[i] -= a[first + i] * t;
    } else {
      for (int64_t i = first; i < end; i++) column[to[i]] -= a[i] * t;
    }
  }
}

static int64_t kn_one_update(const kn_panels *p, const kn_panel_factor *factor,
                             const kn_panel_view *v, int64_t u, int64_t row_begin,
                             int64_t row_end, const int32_t *map, double *scratch) {
  const int64_t at = p->update_row[u], columns = p->update_count[u];
  const kn_panel_view source = kn_view(p, factor->values, p->update_source[u]);
  int64_t begin = at, end = source.rows;
  if (row_begin > 0) begin = kn_row_search(source.row, at, end, v->row[row_begin]);
  if (row_end < v->rows) end = kn_row_search(source.row, at, end, v->row[row_end]);
  if (begin >= end) return 0;
  int32_t *to = (int32_t *)(scratch + KN_SCRATCH_DOUBLES);
  for (int64_t i = at; i < at + columns; i++) to[i - at] = map[source.row[i]];
  for (int64_t i = begin > at + columns ? begin : at + columns; i < end; i++) {
    to[i - at] = map[source.row[i]];
  }
  const double *a = source.block + at, *d = factor->diagonal + source.first;
  if (source.width == 1) {
    kn_column_update(v->block, v->leading, to, a, d[0], columns, begin - at, end - at);
  } else {
    kn_block_update(v->block, v->leading, to, a, source.leading, d, source.width, columns,
                    begin - at, end - at, scratch);
  }
  return (end - begin) * columns * source.width;
}

static void kn_body_panel_update(const kn_panels *p, const kn_panel_factor *factor, int64_t s,
                                 int64_t update_begin, int64_t update_end, int64_t row_begin,
                                 int64_t row_end, const int32_t *map, double *scratch) {
  const kn_panel_view v = kn_view(p, factor->values, s);
  for (int64_t u = update_begin; u < update_end; u++) {
    kn_one_update(p, factor, &v, u, row_begin, row_end, map, scratch);
  }
}

static void kn_body_panel_diagonal(const kn_panels *p, const kn_panel_factor *factor,
                                   const kn_pivot_rule *rule, kn_pivot_count *count, int64_t s,
                                   double *scratch) {
  const kn_panel_view v = kn_view(p, factor->values, s);
  kn_square_factor(v.block, v.leading, factor->diagonal + v.first, factor->inverse + v.first,
                   rule->sign == NULL ? NULL : rule->sign + v.first, v.width, rule, count,
                   scratch + KN_SCRATCH_STRIP);
}

static void kn_body_panel_below(const kn_panels *p, const kn_panel_factor *factor, int64_t s,
                                int64_t row_begin, int64_t row_end, double *scratch) {
  const kn_panel_view v = kn_view(p, factor->values, s);
  kn_block_below(v.block + row_begin, v.leading, v.block, v.leading, factor->inverse + v.first,
                 v.width, row_end - row_begin, scratch + KN_SCRATCH_STRIP);
}

/* A panel of one column: a pivot and a division. */
KN_INLINE void kn_single_column(const kn_panel_view *v, const kn_panel_factor *factor,
                                const kn_pivot_rule *rule, kn_pivot_count *count) {
  const int s = rule->sign == NULL ? 0 : rule->sign[v->first];
  const double d = kn_pivot(v->block[0] + s * rule->shift, s, rule, count), e = 1 / d;
  factor->diagonal[v->first] = d;
  factor->inverse[v->first] = e;
  for (int64_t i = 1; i < v->rows; i++) v->block[i] *= e;
}

static int64_t kn_body_panels_factor(const kn_panels *p, const double *values,
                                     const kn_panel_factor *factor, const kn_pivot_rule *rule,
                                     kn_pivot_count *count, int64_t begin, int64_t end,
                                     int64_t budget, int32_t *map, double *scratch) {
  for (int64_t s = begin; s < end; s++) {
    const kn_panel_view v = kn_view(p, factor->values, s);
    kn_body_panel_begin(p, values, factor, s, map);
    for (int64_t u = p->update_start[s]; u < p->update_start[s + 1]; u++) {
      budget -= kn_one_update(p, factor, &v, u, 0, v.rows, map, scratch);
    }
    if (v.width == 1) {
      kn_single_column(&v, factor, rule, count);
    } else {
      kn_body_panel_diagonal(p, factor, rule, count, s, scratch);
      kn_body_panel_below(p, factor, s, v.width, v.rows, scratch);
    }
    budget -= v.rows * v.width * v.width;
    if (budget < 0) return s + 1;
  }
  return end;
}
