/* Many problems in one call: answers, codes, and what is refused. */
#include "check.h"

#include <math.h>
#include <string.h>

enum { COUNT = 9, SIDE = 4 };

static kantor_problem *make(int seed)
{
  double cost[SIDE * SIDE];
  for (int k = 0; k < SIDE * SIDE; k++) cost[k] = fmod(0.618034 * (k + 1) * (seed + 1), 1.0);
  kantor_problem *problem = NULL;
  WORKS(kantor_problem_create("transport", &problem));
  WORKS(kantor_transport_set_cost(problem, cost, SIDE, SIDE));
  return problem;
}

static int32_t count_calls(const kantor_progress *progress, void *user)
{
  int64_t *seen = user;
  seen[0]++;
  seen[1] = progress->iteration;
  return progress->iteration >= seen[2] ? 5 : 0;
}

static void answers(kantor_problem *const *problems)
{
  kantor_settings *settings = NULL;
  WORKS(kantor_settings_create("network_simplex", &settings));
  for (int64_t threads = 1; threads <= 3; threads++) {
    kantor_result *results[COUNT];
    int32_t codes[COUNT];
    WORKS(kantor_settings_set_int(settings, "threads", threads));
    WORKS(kantor_solve_batch(problems, COUNT, NULL, settings, results, codes));
    for (int k = 0; k < COUNT; k++) {
      kantor_result *alone = NULL;
      double one = 0, other = 1;
      CHECK(codes[k] == KANTOR_OK && kantor_result_status(results[k]) == KANTOR_SOLVED);
      WORKS(kantor_solve(problems[k], "network_simplex", NULL, &alone));
      WORKS(kantor_result_real(alone, "objective", &one));
      WORKS(kantor_result_real(results[k], "objective", &other));
      CHECK(one == other);
      kantor_result_free(alone);
      kantor_result_free(results[k]);
    }
  }
  kantor_settings_free(settings);
}

static void one_of_them_fails(kantor_problem *const *problems)
{
  kantor_problem *mixed[3] = {problems[0], NULL, problems[1]};
  kantor_result *results[3];
  int32_t codes[3] = {9, 9, 9};
  WORKS(kantor_problem_create("transport", &mixed[1])); /* without data */
  FAILS(KANTOR_E_MISSING, kantor_solve_batch(mixed, 3, NULL, NULL, results, codes));
  CHECK(strstr(kantor_last_error(), "problem 1 of the batch") != NULL);
  CHECK(codes[0] == 0 && codes[1] == KANTOR_E_MISSING && codes[2] == 0);
  CHECK(results[0] != NULL && results[1] == NULL && results[2] != NULL);
  kantor_result_free(results[0]);
  kantor_result_free(results[2]);
  kantor_problem_free(mixed[1]);
}

static void hooks_stop(kantor_problem *const *problems)
{
  kantor_settings *settings = NULL;
  kantor_result *results[COUNT];
  int64_t seen[3] = {0, 0, 4};
  WORKS(kantor_settings_create("network_simplex", &settings));
  WORKS(kantor_settings_set_progress(settings, count_calls, seen));
  WORKS(kantor_solve_batch(problems, COUNT, NULL, settings, results, NULL));
  CHECK(seen[0] >= 4 && seen[1] == 4);
  for (int k = 0; k < COUNT; k++) {
    int32_t status = kantor_result_status(results[k]);
    CHECK(status == KANTOR_SOLVED || (k >= 4 && status == KANTOR_STOPPED_BY_CALLBACK));
    kantor_result_free(results[k]);
  }
  kantor_settings_free(settings);
}

static void refusals(kantor_problem *const *problems)
{
  kantor_result *results[COUNT];
  int32_t codes[COUNT];
  memset(results, 1, sizeof results);
  memset(codes, 1, sizeof codes);
  FAILS(KANTOR_E_NULL, kantor_solve_batch(NULL, 1, NULL, NULL, results, codes));
  FAILS(KANTOR_E_NULL, kantor_solve_batch(problems, 1, NULL, NULL, NULL, codes));
  FAILS(KANTOR_E_RANGE, kantor_solve_batch(problems, -1, NULL, NULL, results, codes));
  FAILS(KANTOR_E_RANGE, kantor_solve_batch(problems, INT64_MAX, NULL, NULL, results, codes));
  FAILS(KANTOR_E_NAME, kantor_solve_batch(problems, 2, "no such method", NULL, results, codes));
  CHECK(results[0] == NULL && results[1] == NULL);
  CHECK(codes[0] == 0x01010101);
  kantor_problem *bad[2] = {problems[0], (kantor_problem *)results};
  FAILS(KANTOR_E_HANDLE, kantor_solve_batch(bad, 2, NULL, NULL, results, codes));
  WORKS(kantor_solve_batch(problems, 0, NULL, NULL, results, codes));
  kantor_settings *settings = NULL;
  WORKS(kantor_settings_create("sinkhorn", &settings));
  FAILS(KANTOR_E_STATE, kantor_solve_batch(problems, 2, "assignment", settings, results, codes));
  FAILS(KANTOR_E_HANDLE,
        kantor_solve_batch(problems, 2, NULL, (kantor_settings *)problems[0], results, codes));
  kantor_settings_free(settings);
}

int main(void)
{
  kantor_problem *problems[COUNT];
  for (int k = 0; k < COUNT; k++) problems[k] = make(k);
  answers(problems);
  one_of_them_fails(problems);
  hooks_stop(problems);
  refusals(problems);
  for (int k = 0; k < COUNT; k++) kantor_problem_free(problems[k]);
  return check_summary();
}
