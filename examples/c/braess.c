/* Braess: six travellers, three routes whose times depend on the flows; at the equilibrium nobody
   gains by changing. */
#include <kantor.h>
#include <stdio.h>

static int32_t times(const double *h, double *t, void *user)
{
  double first = 10 * (h[0] + h[2]), last = 10 * (h[1] + h[2]);
  (void)user;
  t[0] = first + 50 + h[0];
  t[1] = 50 + h[1] + last;
  t[2] = first + 10 + h[2] + last;
  return 0;
}

int main(void)
{
  double start[3] = {6, 0, 0}, residual;
  kantor_array first = kantor_vector(start, 3), flows = first, found = first;
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  kantor_functions functions = kantor_functions_make(NULL);
  functions.map = times;
  int32_t code = kantor_problem_create("inclusion", &problem);
  if (!code) code = kantor_problem_set_functions(problem, "functions", &functions, NULL, NULL);
  if (!code) code = kantor_problem_set_array(problem, "start", &first, KANTOR_COPY, NULL, NULL);
  if (!code) code = kantor_problem_set_text(problem, "prox", "simplex 6");
  if (!code) code = kantor_solve(problem, NULL, NULL, &result);
  if (!code) code = kantor_result_real(result, "relative_residual", &residual);
  if (!code) code = kantor_result_array(result, "x", &flows);
  if (!code) code = kantor_result_array(result, "operator", &found);
  if (code) return fprintf(stderr, "%s\n", kantor_last_error()), 1;
  printf("%s, residual below 1e-6: %s\n", kantor_code_name(kantor_result_status(result)),
         residual <= 1e-6 ? "yes" : "no");
  for (int route = 0; route < 3; route++)
    printf("route %d: flow %.3f, time %.2f\n", route + 1, ((double *)flows.data)[route],
           ((double *)found.data)[route]);
  kantor_result_free(result);
  kantor_problem_free(problem);
}
