/* Proximal maps and projections by name. Part of kantor.h.
 *
 * The proximal map of a convex function g takes x to the one minimiser u of
 *
 *     g(u) + |u - x|^2 / (2 step),
 *
 * which is the projection on a set where g is the set's indicator. The maps, their formulas and
 * their parameters are listed under "proximal_maps" of kantor_describe().
 *
 *     double x[3] = {1, 2, 3}, u[3], r = 2;
 *     kantor_array point = kantor_vector(x, 3), out = kantor_vector(u, 3);
 *     kantor_array radius = kantor_array_make(KANTOR_F64, &r, 0, 1, 1);
 *     const char *names[] = {"radius"};
 *     const kantor_array *values[] = {&radius};
 *     kantor_prox_apply("simplex", 1, names, values, &point, 1, &out, NULL);
 */
#ifndef KANTOR_PROX_H
#define KANTOR_PROX_H

#include "array.h"

KANTOR_BEGIN

/* The proximal map at one point or at many.
   map: [in] the name, such as "simplex", "l1" or "total_variation".
   parameter_count: [in] how many parameters are given; those that are not have their defaults.
   names, values: [in] their names, and a number (ndim 0), vector or matrix for each; may be NULL
   when parameter_count is 0.
   x: [in] (..., n): points along the last axis. Maps of matrices take (..., rows, columns), or
   (..., n) when their parameter "rows" is given.
   step: [in] > 0; projections do not depend on it.
   out: [out] f64, of the shape of x; may be the memory of x.
   value: [out] g at each point of out, as many numbers as x has points, in row-major order; 0 on
   the set of an indicator. May be NULL.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_NAME (map, parameter), KANTOR_E_MISSING,
   KANTOR_E_RANGE (step, parameters, an empty set), KANTOR_E_SHAPE, KANTOR_E_LAYOUT,
   KANTOR_E_NOT_FINITE, KANTOR_E_UNSUPPORTED (large matrices without OpenBLAS), KANTOR_E_VERSION,
   KANTOR_E_TOO_LARGE, KANTOR_E_OUT_OF_MEMORY; nothing is written then. Since: 0.1. */
KANTOR_API int32_t kantor_prox_apply(const char *map, int64_t parameter_count,
                                     const char *const *names, const kantor_array *const *values,
                                     const kantor_array *x, double step, const kantor_array *out,
                                     double *value);

/* The derivative of a proximal map with respect to its point, transposed and applied: J'v. At a
   kink J is that of the branch which a comparison by >= takes.
   map, parameter_count, names, values, x, step: [in] as for kantor_prox_apply.
   v: [in] of the shape of x.
   out: [out] f64, of the shape of x: J'v for each point; may be the memory of v.
   Threads: any. Errors: as for kantor_prox_apply. Since: 0.1. */
KANTOR_API int32_t kantor_prox_vjp(const char *map, int64_t parameter_count,
                                   const char *const *names, const kantor_array *const *values,
                                   const kantor_array *x, double step, const kantor_array *v,
                                   const kantor_array *out);

KANTOR_END

#endif
