/* Loops of sparse and dense LDL' factorisation and the solves with it. One body for all CPU levels,
   chosen as in kantor_kernels.h; nothing here allocates or keeps a pointer. Indices are checked by
   the caller. Within a level, an entry of a factor gets the same operations in the same order
   however the work is cut up, so the bits do not depend on cuts by rows or threads. */
#ifndef KANTOR_LINEAR_H
#define KANTOR_LINEAR_H

#include <stdint.h>

enum {
  KN_PANEL_COLUMNS = 128, /* most columns in a panel */
  KN_FACTOR_SLACK = 64    /* doubles after the last panel that may be read */
};

/* What to do with pivots. With an expected sign s != 0 a pivot d is replaced by s * replacement
   when s * d <= threshold; without one when |d| <= threshold, keeping its sign. Before anything
   else s * shift is added to the diagonal. */
typedef struct kn_pivot_rule {
  const int8_t *sign; /* of every column; NULL: none is expected */
  double shift;
  double threshold;
  double replacement;
} kn_pivot_rule;

/* Counts are added to. */
typedef struct kn_pivot_count {
  int64_t replaced;
  int64_t wrong_sign; /* replaced ones whose size was above the threshold */
  int64_t positive, negative;
  int64_t not_finite; /* the factor is of no use if this is not 0 */
} kn_pivot_count;

/* ---- column by column ------------------------------------------------------------------------ */

typedef struct kn_simplicial {
  const int64_t *a_start; /* upper triangle of the permuted matrix by columns */
  const int32_t *a_row;
  const int32_t *a_from;    /* index of each entry in the caller's values */
  const int64_t *row_start; /* columns of every row of L, ascending */
  const int32_t *row_column;
  const int64_t *l_start; /* rows of every column of L, ascending */
  const int32_t *l_row;
} kn_simplicial;

typedef struct kn_simplicial_factor {
  double *l;
  double *inverse; /* 1 / D */
  int64_t *next;   /* work: where each column grows */
  double *y;       /* work: zero between calls */
} kn_simplicial_factor;

/* Rows [begin, end) of the factor; begin = 0 starts anew. Returns the row to go on with: less than
   `end` when about `budget` multiplications are done. */
int64_t kn_ldl_rows(const kn_simplicial *pattern, const double *values,
                    const kn_simplicial_factor *factor, const kn_pivot_rule *rule,
                    kn_pivot_count *count, int64_t begin, int64_t end, int64_t budget);
/* x <- (L D L')^-1 x, n unknowns. */
void kn_ldl_solve(const kn_simplicial *pattern, const kn_simplicial_factor *factor, int64_t n,
                  double *x);

/* ---- by panels ------------------------------------------------------------------------------- */

/* Panel s holds columns [first[s], first[s + 1]) of L as a dense block, by columns, with leading
   dimension leading[s]: its rows are rows[row_start[s] .. row_start[s + 1]), the first of which are
   its own columns. */
typedef struct kn_panels {
  const int32_t *first;
  const int64_t *row_start;
  const int32_t *rows;
  const int64_t *offset; /* of the block among the values of the factor */
  const int32_t *leading;
  /* What earlier panels do to this one: source, first of its rows that matters, and how many of the
     rows from there on are columns of this one. */
  const int64_t *update_start;
  const int32_t *update_source, *update_row, *update_count;
  /* Entries of the matrix: index in the caller's values, place in the block. */
  const int64_t *entry_start;
  const int32_t *entry_from;
  const int64_t *entry_to;
} kn_panels;

typedef struct kn_panel_factor {
  double *values;
  double *diagonal, *inverse; /* D and 1 / D */
} kn_panel_factor;

/* Doubles of work memory for one thread, where no panel has more than `rows` rows. */
int64_t kn_panel_scratch(int64_t rows);

/* Whole panels [begin, end), as kn_ldl_rows. `map` has as many
   entries as the matrix has rows. */
int64_t kn_panels_factor(const kn_panels *panels, const double *values,
                         const kn_panel_factor *factor, const kn_pivot_rule *rule,
                         kn_pivot_count *count, int64_t begin, int64_t end, int64_t budget,
                         int32_t *map, double *scratch);

/* The steps of one panel, so that several threads can share it: (1) entries and map; (2) updates
   [update_begin, update_end) of its rows [row_begin, row_end); (3) the square block on the
   diagonal, and what (4) needs of it; (4) rows below it. Row numbers count within the panel. */
void kn_panel_begin(const kn_panels *panels, const double *values, const kn_panel_factor *factor,
                    int64_t panel, int32_t *map);
void kn_panel_update(const kn_panels *panels, const kn_panel_factor *factor, int64_t panel,
                     int64_t update_begin, int64_t update_end, int64_t row_begin, int64_t row_end,
                     const int32_t *map, double *scratch);
void kn_panel_diagonal(const kn_panels *panels, const kn_panel_factor *factor,
                       const kn_pivot_rule *rule, kn_pivot_count *count, int64_t panel,
                       double *scratch);
void kn_panel_below(const kn_panels *panels, const kn_panel_factor *factor, int64_t panel,
                    int64_t row_begin, int64_t row_end, double *scratch);

/* x <- L^-1 x over panels [begin, end), and x <- L'^-1 D^-1 x over them from the end; x has
   `count` right-hand sides, `stride` apart; work: as many doubles as a panel has rows times 4. */
void kn_panels_forward(const kn_panels *panels, const kn_panel_factor *factor, int64_t begin,
                       int64_t end, double *x, int64_t count, int64_t stride, double *work);
void kn_panels_backward(const kn_panels *panels, const kn_panel_factor *factor, int64_t begin,
                        int64_t end, double *x, int64_t count, int64_t stride, double *work);

/* ---- dense ----------------------------------------------------------------------------------- */

/* The lower triangle of a symmetric matrix, by columns, leading dimension `leading`
   (KN_FACTOR_SLACK doubles after its end may be read), becomes L below the diagonal. Columns
   [column, column + width) of it, width <= KN_PANEL_COLUMNS, `order` rows in all: updates by all
   columns before them, then the columns themselves. */
void kn_dense_update(double *a, int64_t leading, const double *diagonal, int64_t column,
                     int64_t width, int64_t source_begin, int64_t source_end, int64_t row_begin,
                     int64_t row_end, double *scratch);
void kn_dense_diagonal(double *a, int64_t leading, double *diagonal, double *inverse,
                       int64_t column, int64_t width, const kn_pivot_rule *rule,
                       kn_pivot_count *count, double *scratch);
void kn_dense_below(double *a, int64_t leading, const double *inverse, int64_t column,
                    int64_t width, int64_t row_begin, int64_t row_end, double *scratch);
/* x <- (L D L')^-1 x. */
void kn_dense_solve(const double *a, int64_t leading, const double *inverse, int64_t order,
                    double *x);

#endif
