/* Rosenbrock's valley inside a disc: min (1-x)^2 + 100 (y-x^2)^2, x^2 + y^2 <= 1.5. */
#include <kantor.h>
#include <stdio.h>

static int32_t value(const double *x, double *f, void *user)
{
  double a = 1 - x[0], b = x[1] - x[0] * x[0];
  return (void)user, *f = a * a + 100 * b * b, 0;
}
static int32_t gradient(const double *x, double *g, void *user)
{
  double b = x[1] - x[0] * x[0];
  return (void)user, g[0] = 2 * (x[0] - 1) - 400 * x[0] * b, g[1] = 200 * b, 0;
}
static int32_t row(const double *x, double *c, void *user)
{
  return (void)user, c[0] = x[0] * x[0] + x[1] * x[1], 0;
}

int main(void)
{
  double start[2] = {-1.2, 1}, most[1] = {1.5}, f;
  kantor_array first = kantor_vector(start, 2), upper = kantor_vector(most, 1), x = first;
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  kantor_functions functions = kantor_functions_make(NULL);
  functions.value = value, functions.gradient = gradient, functions.map = row;
  if (kantor_problem_create("nonlinear", &problem) ||
      kantor_problem_set_functions(problem, "functions", &functions, NULL, NULL) ||
      kantor_problem_set_array(problem, "start", &first, KANTOR_COPY, NULL, NULL) ||
      kantor_problem_set_array(problem, "constraint_upper", &upper, KANTOR_COPY, NULL, NULL) ||
      kantor_solve(problem, NULL, NULL, &result) ||
      kantor_result_real(result, "objective", &f) || kantor_result_array(result, "x", &x))
    return fprintf(stderr, "%s\n", kantor_last_error()), 1;
  const double *best = x.data;
  printf("%s: f(%.6f, %.6f) = %.8f\n", kantor_code_name(kantor_result_status(result)), best[0],
         best[1], f);
  kantor_result_free(result), kantor_problem_free(problem);
}
