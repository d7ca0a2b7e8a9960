/* Functions of the caller: objectives, constraints, operators. Part of kantor.h. */
#ifndef KANTOR_FUNCTIONS_H
#define KANTOR_FUNCTIONS_H

#include "array.h"

#include <string.h>

KANTOR_BEGIN

/* Every function returns
     0         done, all of its outputs are written;
     positive  not defined at this point: the method takes a shorter step, or ends with
               KANTOR_CALLBACK_ERROR when it is the point to start from;
     negative  stop now: the solve ends with KANTOR_STOPPED_BY_CALLBACK, and the number is the
               result's field "callback_code".
   Outputs hold NaN before the call; a NaN or an infinity that is left counts as positive. Arrays
   are contiguous, matrices row-major, and their addresses do not change during one solve. Points
   are not to be written to. Functions run on the thread that called kantor_solve, and in
   kantor_solve_batch on each of its threads at the same time. They may call any function of the
   library, and must not throw a C++ exception or longjmp through it.
   x: (n,) the point. user: the struct's member. */
typedef int32_t (*kantor_value_fn)(const double *x, double *value, void *user);
typedef int32_t (*kantor_vector_fn)(const double *x, double *out, void *user);
typedef int32_t (*kantor_value_gradient_fn)(const double *x, double *value, double *gradient,
                                            void *user);
typedef int32_t (*kantor_product_fn)(const double *x, const double *v, double *out, void *user);
typedef int32_t (*kantor_hessian_fn)(const double *x, double sigma, const double *y, double *out,
                                     void *user);
typedef int32_t (*kantor_hessian_product_fn)(const double *x, double sigma, const double *y,
                                             const double *v, double *out, void *user);
typedef int32_t (*kantor_complex_fn)(const double *x_re, const double *x_im, double *out_re,
                                     double *out_im, void *user);
typedef int32_t (*kantor_batch_fn)(const double *x, const int64_t *indices, int64_t count,
                                   double *out, void *user);
typedef int32_t (*kantor_batch_product_fn)(const double *x, const int64_t *indices, int64_t count,
                                           const double *v, double *out, void *user);
typedef int32_t (*kantor_prox_fn)(const double *x, double step, double *out, void *user);

/* Functions of one problem: f a number, c a vector of m numbers (constraints, residuals, or an
   operator). NULL: not offered. A kind says which members it reads. The struct grows at its end
   only; make it with kantor_functions_make and set what there is. */
typedef struct kantor_functions {
  size_t struct_size; /* sizeof(kantor_functions) */
  void *user;         /* passed on to every function */
  kantor_value_fn value;                   /* f(x) */
  kantor_vector_fn gradient;               /* (n,) f'(x) */
  kantor_value_gradient_fn value_gradient; /* both at once */
  kantor_vector_fn map;                    /* (m,) c(x) */
  kantor_vector_fn jacobian;               /* c'(x): values of the pattern, else (m, n) */
  kantor_product_fn jacobian_product;           /* (m,) c'(x) v, v of n numbers */
  kantor_product_fn jacobian_transpose_product; /* (n,) c'(x)^T v, v of m numbers */
  /* sigma f''(x) + sum_i y_i c_i''(x): values of the pattern, else (n, n) */
  kantor_hessian_fn hessian;
  kantor_hessian_product_fn hessian_product; /* (n,) the same times v */
  kantor_complex_fn value_complex;           /* f at a complex point, for complex steps */
  kantor_complex_fn map_complex;             /* (m,) c at a complex point */
  /* Of a finite sum, the mean over count components; an index may come twice. */
  kantor_batch_fn batch_value;
  kantor_batch_fn batch_gradient;                /* (n,) */
  kantor_batch_fn batch_map;                     /* (m,) */
  kantor_batch_product_fn batch_hessian_product; /* (n,) */
  kantor_prox_fn prox; /* (n,) argmin over u of step g(u) + |u - x|^2 / 2 */
  /* Derivatives in p parameters of the caller: of sigma f'(x) + c'(x)^T y (n, p), of c (m, p). */
  kantor_hessian_fn parameter_gradient;
  kantor_vector_fn parameter_jacobian;
  kantor_vector_fn parameter_value; /* (p,) of f in the same; for derivatives of the least value */
} kantor_functions;

/* No function yet. Pure C, no library call. */
static inline kantor_functions kantor_functions_make(void *user)
{
  kantor_functions functions;
  memset(&functions, 0, sizeof functions);
  functions.struct_size = sizeof(kantor_functions);
  functions.user = user;
  return functions;
}

/* Sets a bundle of functions.
   problem: [in] not sealed. name: [in] a field of type functions.
   functions: [in] copied; what its members point to is used until release is called.
   release, owner: [in] release(owner) is called exactly once when the functions are needed no more,
   also when this call fails; release may be NULL.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE, KANTOR_E_NAME,
   KANTOR_E_TYPE, KANTOR_E_UNSUPPORTED (a member that the kind does not read), KANTOR_E_MISSING
   (no member at all), KANTOR_E_VERSION. Since: 0.1. */
KANTOR_API int32_t kantor_problem_set_functions(kantor_problem *problem, const char *name,
                                                const kantor_functions *functions,
                                                kantor_release_fn release, void *owner);

/* Compares the derivatives that functions offer with central differences, entry by entry, also
   outside the declared patterns. Points stay inside the bounds of x.
   problem: [in] of the kind "nonlinear" or "least_squares"; sealed by the call.
   x: [in] (n,): where to look, inside the bounds; NULL: near the start, at a point that the seed
   determines.
   settings: [in] made without a method, for seed, time_limit and cancel; NULL: defaults.
   result: [out] the new handle, NULL on failure; freed by the caller. Its status is KANTOR_SOLVED
   when all entries agree to 1e-4 relative, KANTOR_STALLED when some do not, KANTOR_CALLBACK_ERROR
   when a function cannot be evaluated. Its fields: "message", "report" (a line for each bad entry,
   worst first), "compared", "disagreeing", "outside_pattern", "always_zero" (declared entries that
   are 0 at two points), "largest_error", and of the worst entries, at most 20, the arrays
   "functions" (0 gradient, 1 jacobian, 2 hessian, 3 jacobian_product, 4
   jacobian_transpose_product, 5 hessian_product), "rows", "columns" (-1 of vectors), "given" and
   "estimated".
   Threads: as kantor_solve. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_UNSUPPORTED (kind),
   KANTOR_E_STATE (settings of a method), KANTOR_E_SHAPE, KANTOR_E_LAYOUT, KANTOR_E_TYPE,
   KANTOR_E_VERSION, KANTOR_E_RANGE and KANTOR_E_NOT_FINITE (x), KANTOR_E_OUT_OF_MEMORY, and those
   of kantor_problem_seal. Since: 0.1. */
KANTOR_API int32_t kantor_problem_check_derivatives(kantor_problem *problem, const kantor_array *x,
                                                    const kantor_settings *settings,
                                                    kantor_result **result);

KANTOR_END

#endif
