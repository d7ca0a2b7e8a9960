/* The shortest useful program: a 2 x 3 transport problem, entropic, in straight-line code.
 *
 *   gcc quickstart.c $(pkg-config --cflags --libs kantor) && ./a.out
 */
#include <kantor.h>
#include <stdio.h>

int main(void)
{
  double cost[6] = {0, 1, 4, 1, 0, 1}, a[2] = {0.5, 0.5}, b[3] = {0.25, 0.5, 0.25};
  double objective = 0, gap = 0;
  kantor_problem *problem = NULL;
  kantor_settings *settings = NULL;
  kantor_result *result = NULL;

  kantor_status status = kantor_problem_create("transport", &problem);
  if (!status) status = kantor_transport_set_cost(problem, cost, 2, 3);
  if (!status) status = kantor_transport_set_weights(problem, a, 2, b, 3);
  if (!status) status = kantor_settings_create("sinkhorn", &settings);
  if (!status) status = kantor_settings_set_real(settings, "epsilon", 0.05);
  if (!status) status = kantor_solve(problem, NULL, settings, &result);
  if (!status) status = kantor_result_real(result, "objective", &objective);
  if (!status) status = kantor_result_real(result, "gap", &gap);

  if (status) fprintf(stderr, "%s: %s\n", kantor_code_name(status), kantor_last_error());
  else
    printf("%s: objective %.6f, duality gap %.1e\n",
           kantor_code_name(kantor_result_status(result)), objective, gap);

  kantor_result_free(result);
  kantor_settings_free(settings);
  kantor_problem_free(problem);
  return status != 0;
}
