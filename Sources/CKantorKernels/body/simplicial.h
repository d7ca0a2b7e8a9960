/* LDL' row by row with the pattern of the factor known (up-looking). */

static int64_t kn_body_ldl_rows(const kn_simplicial *pattern, const double *values,
                                const kn_simplicial_factor *factor, const kn_pivot_rule *rule,
                                kn_pivot_count *count, int64_t begin, int64_t end,
                                int64_t budget) {
  const int64_t *const a_start = pattern->a_start, *const row_start = pattern->row_start;
  const int64_t *const l_start = pattern->l_start;
  const int32_t *const a_row = pattern->a_row, *const a_from = pattern->a_from;
  const int32_t *const row_column = pattern->row_column;
  int64_t *const next = factor->next;
  double *const y = factor->y, *const inverse = factor->inverse;
  if (begin == 0) {
    for (int64_t j = 0; j < end; j++) next[j] = l_start[j];
  }
  for (int64_t j = begin; j < end; j++) {
    const int s = rule->sign == NULL ? 0 : rule->sign[j];
    for (int64_t k = a_start[j]; k < a_start[j + 1]; k++) y[a_row[k]] = values[a_from[k]];
    double d = y[j] + s * rule->shift;
    y[j] = 0;
    for (int64_t k = row_start[j]; k < row_start[j + 1]; k++) {
      const int64_t i = row_column[k];
      const double z = y[i];
      y[i] = 0;
      const int64_t first = l_start[i], put = next[i];
      const int32_t *row = pattern->l_row + first;
      double *l = factor->l + first;
      const int64_t filled = put - first;
      for (int64_t p = 0; p < filled; p++) y[row[p]] -= l[p] * z;
      const double x = z * inverse[i];
      d -= x * z;
      l[filled] = x;
      next[i] = put + 1;
      budget -= filled;
    }
    inverse[j] = 1 / kn_pivot(d, s, rule, count);
    budget -= 8;
    if (budget < 0) return j + 1;
  }
  return end;
}

static void kn_body_ldl_solve(const kn_simplicial *pattern, const kn_simplicial_factor *factor,
                              int64_t n, double *x) {
  const int64_t *const start = pattern->l_start;
  const int32_t *const row = pattern->l_row;
  const double *const l = factor->l, *const inverse = factor->inverse;
  for (int64_t j = 0; j < n; j++) {
    const double t = x[j];
    for (int64_t k = start[j]; k < start[j + 1]; k++) x[row[k]] -= l[k] * t;
  }
  for (int64_t j = n - 1; j >= 0; j--) {
    double even = x[j] * inverse[j], odd = 0;
    int64_t k = start[j];
    const int64_t stop = start[j + 1];
    for (; k + 2 <= stop; k += 2) {
      even -= l[k] * x[row[k]];
      odd -= l[k + 1] * x[row[k + 1]];
    }
    if (k < stop) even -= l[k] * x[row[k]];
    x[j] = even + odd;
  }
}
