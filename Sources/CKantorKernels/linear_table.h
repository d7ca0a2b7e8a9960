/* The list of kernels of kantor_linear.h, and the table that holds one CPU level. */
#ifndef KN_LINEAR_TABLE_H
#define KN_LINEAR_TABLE_H

#include "include/kantor_linear.h"

/* Work memory of a thread, in doubles: the packed columns of an update; the packed rows of a square
   block (half of it, by strips); and a little that a tile may read past the end. Row numbers
   follow. */
enum {
  KN_SCRATCH_STRIP = KN_PANEL_COLUMNS * KN_PANEL_COLUMNS,
  KN_SCRATCH_SQUARE = KN_PANEL_COLUMNS * KN_PANEL_COLUMNS / 2,
  KN_SCRATCH_DOUBLES = KN_SCRATCH_STRIP + KN_SCRATCH_SQUARE + 64
};

/* X(result type, name, (parameters), (arguments)) */
#define KN_LINEAR_KERNELS(X) \
  X(int64_t, ldl_rows, \
    (const kn_simplicial *pattern, const double *values, const kn_simplicial_factor *factor, \
     const kn_pivot_rule *rule, kn_pivot_count *count, int64_t begin, int64_t end, \
     int64_t budget), \
    (pattern, values, factor, rule, count, begin, end, budget)) \
  X(void, ldl_solve, \
    (const kn_simplicial *pattern, const kn_simplicial_factor *factor, int64_t n, double *x), \
    (pattern, factor, n, x)) \
  X(int64_t, panels_factor, \
    (const kn_panels *panels, const double *values, const kn_panel_factor *factor, \
     const kn_pivot_rule *rule, kn_pivot_count *count, int64_t begin, int64_t end, \
     int64_t budget, int32_t *map, double *scratch), \
    (panels, values, factor, rule, count, begin, end, budget, map, scratch)) \
  X(void, panel_begin, \
    (const kn_panels *panels, const double *values, const kn_panel_factor *factor, \
     int64_t panel, int32_t *map), \
    (panels, values, factor, panel, map)) \
  X(void, panel_update, \
    (const kn_panels *panels, const kn_panel_factor *factor, int64_t panel, \
     int64_t update_begin, int64_t update_end, int64_t row_begin, int64_t row_end, \
     const int32_t *map, double *scratch), \
    (panels, factor, panel, update_begin, update_end, row_begin, row_end, map, scratch)) \
  X(void, panel_diagonal, \
    (const kn_panels *panels, const kn_panel_factor *factor, const kn_pivot_rule *rule, \
     kn_pivot_count *count, int64_t panel, double *scratch), \
    (panels, factor, rule, count, panel, scratch)) \
  X(void, panel_below, \
    (const kn_panels *panels, const kn_panel_factor *factor, int64_t panel, int64_t row_begin, \
     int64_t row_end, double *scratch), \
    (panels, factor, panel, row_begin, row_end, scratch)) \
  X(void, panels_forward, \
    (const kn_panels *panels, const kn_panel_factor *factor, int64_t begin, int64_t end, \
     double *x, int64_t count, int64_t stride, double *work), \
    (panels, factor, begin, end, x, count, stride, work)) \
  X(void, panels_backward, \
    (const kn_panels *panels, const kn_panel_factor *factor, int64_t begin, int64_t end, \
     double *x, int64_t count, int64_t stride, double *work), \
    (panels, factor, begin, end, x, count, stride, work)) \
  X(void, dense_update, \
    (double *a, int64_t leading, const double *diagonal, int64_t column, int64_t width, \
     int64_t source_begin, int64_t source_end, int64_t row_begin, int64_t row_end, \
     double *scratch), \
    (a, leading, diagonal, column, width, source_begin, source_end, row_begin, row_end, \
     scratch)) \
  X(void, dense_diagonal, \
    (double *a, int64_t leading, double *diagonal, double *inverse, int64_t column, \
     int64_t width, const kn_pivot_rule *rule, kn_pivot_count *count, double *scratch), \
    (a, leading, diagonal, inverse, column, width, rule, count, scratch)) \
  X(void, dense_below, \
    (double *a, int64_t leading, const double *inverse, int64_t column, int64_t width, \
     int64_t row_begin, int64_t row_end, double *scratch), \
    (a, leading, inverse, column, width, row_begin, row_end, scratch)) \
  X(void, dense_solve, \
    (const double *a, int64_t leading, const double *inverse, int64_t order, double *x), \
    (a, leading, inverse, order, x))

#define KN_LINEAR_ENTRY(result, name, parameters, arguments) result(*name) parameters;
typedef struct kn_linear_table {
  KN_LINEAR_KERNELS(KN_LINEAR_ENTRY)
} kn_linear_table;

extern const kn_linear_table kn_linear_base __attribute__((visibility("hidden")));
#if defined(__x86_64__)
extern const kn_linear_table kn_linear_v3 __attribute__((visibility("hidden")));
extern const kn_linear_table kn_linear_v4 __attribute__((visibility("hidden")));
#endif

#endif
