/* Cone programs: one-call functions for small dense quadratic and linear programs, and bounds of
 * optimal values. Part of kantor.h.
 *
 *     min 1/2 x'Px + q'x   subject to   row_lower <= A x <= row_upper,   lower <= x <= upper
 *
 * Cone programs of any size and with other cones are problems of the kind "cone", solved by
 * kantor_solve; kantor_problem_field_describe("cone", ...) tells their fields.
 */
#ifndef KANTOR_CONE_H
#define KANTOR_CONE_H

#include "array.h"

KANTOR_BEGIN

/* A quadratic program in the caller's memory. Matrices are dense and row-major. */
typedef struct kantor_qp {
  size_t struct_size;      /* sizeof(kantor_qp) */
  int64_t n;               /* variables, at least 1 */
  int64_t m;               /* rows of a, 0 or more */
  const double *p;         /* n x n, symmetric positive semidefinite; NULL: a linear program */
  const double *q;         /* n */
  const double *a;         /* m x n; may be NULL when m is 0 */
  const double *row_lower; /* m, -INFINITY allowed; NULL: no lower bounds of rows */
  const double *row_upper; /* m, INFINITY allowed; NULL: no upper bounds of rows */
  const double *lower;     /* n, -INFINITY allowed; NULL: no lower bounds of variables */
  const double *upper;     /* n, INFINITY allowed; NULL: no upper bounds of variables */
} kantor_qp;

/* Where the answer goes, in the caller's memory, and what is known about it. */
typedef struct kantor_qp_answer {
  size_t struct_size;     /* sizeof(kantor_qp_answer) */
  double *x;              /* [out] n: the minimiser; may be NULL */
  double *y;              /* [out] m + n multipliers, of rows and then of variables:
                             P x + q + A'y_rows + y_variables = 0, >= 0 at upper bounds, <= 0 at
                             lower ones; may be NULL */
  int32_t *active;        /* [in, out] m + n: -1 where a lower bound is active, 1 an upper one,
                             else 0; on entry the working set to start from, zeros for none; may
                             be NULL */
  double objective;       /* [out] */
  double primal_residual; /* [out] largest violation of a bound */
  double dual_residual;   /* [out] largest component of P x + q + A'y_rows + y_variables */
  double gap;             /* [out] objective minus dual objective, its size */
  double radius;          /* [out] see kantor_qp_dense */
  int64_t iterations;     /* [out] changes of the working set */
} kantor_qp_answer;

/* Room for a workspace: the number of doubles that kantor_qp_dense works in for n variables and m
   rows.
   n: [in] >= 1.
   m: [in] >= 0.
   Returns: the number, or KANTOR_E_RANGE or KANTOR_E_TOO_LARGE.
   Threads: any. Since: 0.1. */
KANTOR_API int64_t kantor_qp_workspace(int64_t n, int64_t m);

/* Solves a small dense quadratic or linear program in one call, by an active-set method: in
   microseconds for ten variables. Meant for some hundred variables and rows at most.
   problem: [in] the data; every number finite, but for bounds.
   answer: [out] see the struct; `active` is read as well. x, y and active are written when the
   status is KANTOR_SOLVED or KANTOR_SOLVED_INACCURATE.
   workspace: [in] kantor_qp_workspace(n, m) doubles, with which nothing is allocated; what stands
   there is of no meaning before and after. NULL: memory is allocated for the call.
   count: [in] the number of doubles at workspace.
   Returns: KANTOR_SOLVED (residuals and gap at most 1e-9 relative), KANTOR_SOLVED_INACCURATE
   (1e-5), KANTOR_INFEASIBLE: y is a ray, A'y_rows + y_variables = 0 up to rounding with a negative
   support of the bounds, and proves that no feasible x has max |x_j| < radius;
   KANTOR_UNBOUNDED: x is a ray along which the objective falls for ever, up to 1 / radius;
   KANTOR_ITERATION_LIMIT or KANTOR_NUMERICAL_ERROR: no answer. Nothing but what is said here, and
   the numbers of the answer, is written. Or a negative code, and nothing is written: KANTOR_E_NULL,
   KANTOR_E_VERSION, KANTOR_E_RANGE (sizes, crossed bounds, p not symmetric or not positive
   semidefinite, active), KANTOR_E_NOT_FINITE, KANTOR_E_BUFFER, KANTOR_E_TOO_LARGE,
   KANTOR_E_OUT_OF_MEMORY.
   Threads: any; a workspace and an answer serve one call at a time. Since: 0.1. */
KANTOR_API int32_t kantor_qp_dense(const kantor_qp *problem, kantor_qp_answer *answer,
                                   double *workspace, int64_t count);

/* A linear program min c'x subject to row_lower <= A x <= row_upper, lower <= x <= upper, by
   kantor_qp_dense. x: [out] n; objective: [out]; both may be NULL. Bounds may be NULL. */
static inline int32_t kantor_lp_dense(int64_t n, int64_t m, const double *c, const double *a,
                                      const double *row_lower, const double *row_upper,
                                      const double *lower, const double *upper, double *x,
                                      double *objective)
{
  kantor_qp problem;
  kantor_qp_answer answer;
  int32_t code;
  problem.struct_size = sizeof problem;
  problem.n = n;
  problem.m = m;
  problem.p = NULL;
  problem.q = c;
  problem.a = a;
  problem.row_lower = row_lower;
  problem.row_upper = row_upper;
  problem.lower = lower;
  problem.upper = upper;
  answer.struct_size = sizeof answer;
  answer.x = x;
  answer.y = NULL;
  answer.active = NULL;
  code = kantor_qp_dense(&problem, &answer, NULL, 0);
  if (objective != NULL && (code == KANTOR_SOLVED || code == KANTOR_SOLVED_INACCURATE))
    *objective = answer.objective;
  return code;
}

/* A lower bound of the optimal value of a cone program, proven from any multipliers and rounded
   safely: it never exceeds the optimal value, whatever z and x are, and is within rounding of it
   for the multipliers of a solution. P is taken to be positive semidefinite.
   problem: [in] of the kind "cone"; sealed by the call.
   z: [in] (m,): a guess of the multipliers; moved into the dual cones first.
   x: [in] (n,): a guess of the solution, used where P couples variables; may be NULL.
   lower, upper: [in] (n,): bounds that hold for the variables of some solution, infinities allowed,
   in addition to those that follow from the rows; may be NULL.
   bound: [out] the bound; -INFINITY when a variable without a bound keeps it from being finite,
   INFINITY when the rows prove that no point is feasible.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_TYPE, KANTOR_E_SHAPE,
   KANTOR_E_LAYOUT, KANTOR_E_NOT_FINITE, KANTOR_E_RANGE, KANTOR_E_UNSUPPORTED, KANTOR_E_VERSION,
   KANTOR_E_OUT_OF_MEMORY, and those of kantor_problem_seal. Since: 0.1. */
KANTOR_API int32_t kantor_cone_bound(kantor_problem *problem, const kantor_array *z,
                                     const kantor_array *x, const kantor_array *lower,
                                     const kantor_array *upper, double *bound);

KANTOR_END

#endif
