/* A collection of nonlinear programs, solved one after the other. Its functions are generated. */
#include <kantor.h>
#include <math.h>
#include <string.h>

struct item {
  int64_t n, m;
  const double *start, *lower, *upper, *row_lower, *row_upper;
  kantor_value_fn value;
  kantor_vector_fn gradient, map, jacobian;
  kantor_hessian_fn hessian;
};

enum { WORK = 4096 };

#define ONE(name)                                                                            \
  int name(const double **, double **, long long *, double *, int);                          \
  static int32_t w_##name(const double *x, double *out, void *user)                          \
  {                                                                                          \
    const double *in[1] = {x};                                                               \
    double *to[1] = {out}, work[WORK];                                                       \
    long long integers[64];                                                                  \
    return (void)user, name(in, to, integers, work, 0);                                      \
  }
#define THREE(name)                                                                          \
  int name(const double **, double **, long long *, double *, int);                          \
  static int32_t w_##name(const double *x, double s, const double *y, double *out, void *user) \
  {                                                                                          \
    const double *in[3] = {x, &s, y};                                                        \
    double *to[1] = {out}, work[WORK];                                                       \
    long long integers[64];                                                                  \
    return (void)user, name(in, to, integers, work, 0);                                      \
  }

#include "table.h"

static void set(kantor_problem *problem, const char *name, const double *values, int64_t count)
{
  double *numbers = (double *)values;
  kantor_array array = kantor_vector(numbers, count);
  kantor_problem_set_array(problem, name, &array, KANTOR_COPY, NULL, NULL);
}

/* Points one after the other; the sum of iterations. second: whether Hessians are offered. Of every
 * `parts` problems that in place `part` is solved: callers in several threads share the work. */
int solve_collection(const char *method, int second, int part, int parts, double *points)
{
  int64_t total = 0;
  for (size_t k = 0; k < sizeof items / sizeof *items; points += items[k].n, k++) {
    if ((int)(k % (size_t)parts) != part) continue;
    const struct item *p = items + k;
    kantor_problem *problem = NULL;
    kantor_result *result = NULL;
    kantor_array x = kantor_vector(points, p->n);
    int64_t iterations = 0;
    kantor_functions functions = kantor_functions_make(NULL);
    functions.value = p->value;
    functions.gradient = p->gradient;
    if (second) functions.hessian = p->hessian;
    if (p->m) {
      functions.map = p->map;
      functions.jacobian = p->jacobian;
    }
    kantor_problem_create("nonlinear", &problem);
    kantor_problem_set_functions(problem, "functions", &functions, NULL, NULL);
    set(problem, "start", p->start, p->n);
    set(problem, "lower", p->lower, p->n);
    set(problem, "upper", p->upper, p->n);
    if (p->m) {
      set(problem, "constraint_lower", p->row_lower, p->m);
      set(problem, "constraint_upper", p->row_upper, p->m);
    }
    kantor_solve(problem, method, NULL, &result);
    if (result && kantor_result_array(result, "x", &x) == 0)
      memcpy(points, x.data, (size_t)p->n * sizeof(double));
    if (result && kantor_result_int(result, "iterations", &iterations) == 0) total += iterations;
    kantor_result_free(result);
    kantor_problem_free(problem);
  }
  return (int)total;
}
