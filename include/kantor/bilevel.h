/* Bilevel problems: the derivative of the upper objective along the answer of the lower level. Part
 * of kantor.h.
 *
 *     min F(x, y) over x,   where y minimises f(x, y) for that x
 *
 * Such problems are of the kind "bilevel", solved by kantor_solve; their functions take the joined
 * vector (x, y) and are set by kantor_problem_set_functions for the fields "upper" and "lower".
 * Where y is the answer of another problem of this library whose data depend on x, the kind is
 * "nested": that problem is set by kantor_problem_set_problem for the field "lower".
 */
#ifndef KANTOR_BILEVEL_H
#define KANTOR_BILEVEL_H

#include "array.h"

KANTOR_BEGIN

/* Solves the lower level for one x and differentiates F(x, y(x)), for callers with an outer loop
   of their own.
   problem: [in] of the kind "bilevel" or "nested"; sealed by the call.
   x: [in] (nx,). The lower solve starts at "start_y", or at the start value "y" of the settings.
   settings: [in] made for "bilevel/implicit" or "nested/implicit_programming" as the problem is, or
   for no method; NULL for the defaults. Read are tolerance, adjoint, neumann_terms,
   max_evaluations and the common options; with the option check_directions > 0 the derivative is
   compared with differences of further lower solves.
   result: [out] objective (corrected for what is left of the lower residual), gradient (nx,), y,
   adjoint, lower_multipliers, lower_value_gradient (the derivative of the least f),
   lower_residual, adjoint_residual, adjoint_state, and with a check derivative_check, check_steps,
   check_differences. Its status is KANTOR_SOLVED; KANTOR_SOLVED_INACCURATE where the derivative is
   one of several (a singular system or a kink); KANTOR_STALLED where y is no minimiser or a
   residual is too large; KANTOR_LOCALLY_INFEASIBLE or KANTOR_UNBOUNDED where there is no y; or the
   reason that ended it. Of a nested problem: objective, gradient, answer, lower_values,
   lower_status, lower_objective and derivative_check; its status is that of the lower problem.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_TYPE, KANTOR_E_SHAPE,
   KANTOR_E_LAYOUT, KANTOR_E_NOT_FINITE, KANTOR_E_STATE, KANTOR_E_UNSUPPORTED, KANTOR_E_TOO_LARGE,
   KANTOR_E_VERSION, KANTOR_E_OUT_OF_MEMORY, and those of kantor_problem_seal. Since: 0.1. */
KANTOR_API int32_t kantor_bilevel_hypergradient(kantor_problem *problem, const kantor_array *x,
                                                const kantor_settings *settings,
                                                kantor_result **result);

KANTOR_END

#endif
