/* The same steps on one dense matrix: panel by panel, each updated by the columns before it. */

static void kn_body_dense_update(double *a, int64_t leading, const double *diagonal,
                                 int64_t column, int64_t width, int64_t source_begin,
                                 int64_t source_end, int64_t row_begin, int64_t row_end,
                                 double *scratch) {
  double *c = a + column + column * leading;
  for (int64_t k = source_begin; k < source_end; k += KN_PANEL_COLUMNS) {
    const int64_t some = source_end - k < KN_PANEL_COLUMNS ? source_end - k : KN_PANEL_COLUMNS;
    kn_block_update(c, leading, NULL, a + column + k * leading, leading, diagonal + k, some,
                    width, row_begin - column, row_end - column, scratch);
  }
}

static void kn_body_dense_diagonal(double *a, int64_t leading, double *diagonal, double *inverse,
                                   int64_t column, int64_t width, const kn_pivot_rule *rule,
                                   kn_pivot_count *count, double *scratch) {
  kn_square_factor(a + column + column * leading, leading, diagonal + column, inverse + column,
                   rule->sign == NULL ? NULL : rule->sign + column, width, rule, count,
                   scratch + KN_SCRATCH_STRIP);
}

static void kn_body_dense_below(double *a, int64_t leading, const double *inverse,
                                int64_t column, int64_t width, int64_t row_begin,
                                int64_t row_end, double *scratch) {
  kn_block_below(a + row_begin + column * leading, leading, a + column + column * leading,
                 leading, inverse + column, width, row_end - row_begin,
                 scratch + KN_SCRATCH_STRIP);
}

static void kn_body_dense_solve(const double *a, int64_t leading, const double *inverse,
                                int64_t order, double *x) {
  enum { BLOCK = 64 };
  for (int64_t j = 0; j < order; j += BLOCK) {
    const int64_t width = order - j < BLOCK ? order - j : BLOCK;
    const double *square = a + j + j * leading;
    kn_square_forward(square, leading, width, x + j);
    kn_block_product(square + width, leading, order - j - width, width, x + j, x + j + width, 1);
  }
  kn_square_backward(a, leading, order, 0, inverse, x, x);
}
