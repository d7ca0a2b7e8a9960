/* A decay a exp(-b t) fitted to points of which one is wrong: least squares with a robust loss. */
#include <kantor.h>
#include <math.h>
#include <stdio.h>

enum { POINTS = 13 };
struct points {
  double t[POINTS], y[POINTS];
};

static int32_t residuals(const double *x, double *r, void *user)
{
  const struct points *p = user;
  for (int i = 0; i < POINTS; i++) r[i] = x[0] * exp(-x[1] * p->t[i]) - p->y[i];
  return 0;
}
static int32_t jacobian(const double *x, double *j, void *user)
{
  const struct points *p = user;
  for (int i = 0; i < POINTS; i++) {
    j[2 * i] = exp(-x[1] * p->t[i]);
    j[2 * i + 1] = -p->t[i] * x[0] * j[2 * i];
  }
  return 0;
}

int main(void)
{
  struct points points;
  double start[2] = {1, 1};
  kantor_array first = kantor_vector(start, 2), answer = first;
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  kantor_functions functions = kantor_functions_make(&points);
  functions.map = residuals, functions.jacobian = jacobian;
  for (int i = 0; i < POINTS; i++) {
    points.t[i] = 0.25 * i;
    points.y[i] = 2.5 * exp(-1.3 * points.t[i]) + (i == 5 ? 2 : 0);
  }
  int32_t code = kantor_problem_create("least_squares", &problem);
  if (!code) code = kantor_problem_set_functions(problem, "functions", &functions, NULL, NULL);
  if (!code) code = kantor_problem_set_array(problem, "start", &first, KANTOR_COPY, NULL, NULL);
  if (!code) code = kantor_problem_set_int(problem, "residual_count", POINTS);
  if (!code) code = kantor_problem_set_text(problem, "loss", "cauchy");
  if (!code) code = kantor_problem_set_real(problem, "loss_scale", 0.01);
  if (!code) code = kantor_solve(problem, NULL, NULL, &result);
  if (!code) code = kantor_result_array(result, "x", &answer);
  if (code) return fprintf(stderr, "%s\n", kantor_last_error()), 1;
  printf("%s: %.3f exp(-%.3f t)\n", kantor_code_name(kantor_result_status(result)),
         ((double *)answer.data)[0], ((double *)answer.data)[1]);
  kantor_result_free(result);
  kantor_problem_free(problem);
}
