/* Optimal transport: inline conveniences and one-call functions. Part of kantor.h.
 *
 * A transport problem has n sources with masses a and m targets with masses b, and a cost for
 * every pair: a dense matrix "cost" (n, m), or points "points_source" (n, d) and "points_target"
 * (m, d) with a "metric". Weights "weights_source" (n,) and "weights_target" (m,) are
 * non-negative; left out, they are uniform with total mass 1. A cost of +infinity forbids a pair.
 * kantor_problem_field_describe("transport", ...) tells the rest.
 */
#ifndef KANTOR_TRANSPORT_H
#define KANTOR_TRANSPORT_H

#include "array.h"
#include "problem.h"

KANTOR_BEGIN

/* Sets a dense cost matrix of n x m doubles, row-major; copied. As kantor_problem_set_array. */
static inline int32_t kantor_transport_set_cost(kantor_problem *problem, const double *cost,
                                                int64_t n, int64_t m)
{
  kantor_array array = kantor_matrix(cost, n, m);
  return kantor_problem_set_array(problem, "cost", &array, KANTOR_COPY, NULL, NULL);
}

/* Sets the weights of sources (n) and targets (m); copied. NULL leaves a side uniform. As
   kantor_problem_set_array. */
static inline int32_t kantor_transport_set_weights(kantor_problem *problem, const double *a,
                                                   int64_t n, const double *b, int64_t m)
{
  int32_t code = 0;
  if (a != NULL) {
    kantor_array array = kantor_vector(a, n);
    code = kantor_problem_set_array(problem, "weights_source", &array, KANTOR_COPY, NULL, NULL);
  }
  if (code == 0 && b != NULL) {
    kantor_array array = kantor_vector(b, m);
    code = kantor_problem_set_array(problem, "weights_target", &array, KANTOR_COPY, NULL, NULL);
  }
  return code;
}

/* Sets n source and m target points of dimension d, row-major, and the metric ("sqeuclidean",
   "euclidean", "l1", "power", "cosine"; NULL: "sqeuclidean"); copied. As
   kantor_problem_set_array. */
static inline int32_t kantor_transport_set_points(kantor_problem *problem, const double *x,
                                                  int64_t n, const double *y, int64_t m,
                                                  int64_t d, const char *metric)
{
  kantor_array source = kantor_matrix(x, n, d);
  kantor_array target = kantor_matrix(y, m, d);
  int32_t code =
      kantor_problem_set_array(problem, "points_source", &source, KANTOR_COPY, NULL, NULL);
  if (code == 0)
    code = kantor_problem_set_array(problem, "points_target", &target, KANTOR_COPY, NULL, NULL);
  if (code == 0 && metric != NULL) code = kantor_problem_set_text(problem, "metric", metric);
  return code;
}

/* Exact optimal transport of a dense cost matrix in one call, without handles:
     min <P, C>  subject to  P >= 0, P 1 = a, P^T 1 = b,
   with a basic (sparse) optimal plan and optimal potentials f, g: f_i + g_j <= C_ij.
   n, m: [in] >= 1, at most 2^29 - 1 each.
   cost: [in] n x m, row-major; finite or +infinity (a forbidden pair).
   a, b: [in] n and m weights >= 0 of equal sums (to 1e-9 relative); NULL: uniform, of the mass
   of the other side, 1 when both are NULL.
   objective: [out] <P, C>; may be NULL.
   f, g: [out] n and m potentials; may be NULL.
   capacity: [in] room in the plan arrays; n + m - 1 always suffices. 0 with NULL arrays: no plan.
   plan_row, plan_column, plan_value: [out] the entries of the plan, each pair at most once, in no
   special order; all NULL or none.
   count: [out] number of entries written; may be NULL when the plan arrays are.
   Returns: KANTOR_SOLVED, KANTOR_INFEASIBLE (outputs untouched) or another positive status by
   the certificate (outputs untouched if there is no plan); or a negative code: KANTOR_E_NULL,
   KANTOR_E_RANGE, KANTOR_E_NOT_FINITE, KANTOR_E_BUFFER, KANTOR_E_TOO_LARGE,
   KANTOR_E_OUT_OF_MEMORY (outputs untouched).
   Threads: any. Since: 0.1. */
KANTOR_API int32_t kantor_transport_exact(int64_t n, int64_t m, const double *cost,
                                          const double *a, const double *b, double *objective,
                                          double *f, double *g, int64_t capacity,
                                          int64_t *plan_row, int64_t *plan_column,
                                          double *plan_value, int64_t *count);

KANTOR_END

#endif
