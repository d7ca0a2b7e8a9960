/* Inclusions, games and bilinear problems that are wrong, go wrong, or have no solution. */
#include "misuse.h"

static int32_t identity(const double *x, double *out, void *user)
{
  (void)user;
  for (int i = 0; i < 2; i++) out[i] = x[i];
  return 0;
}

static int32_t shift(const double *x, double *out, void *user)
{
  (void)x;
  (void)user;
  out[0] = 1;
  out[1] = 0;
  return 0;
}

/* Away from 0, further from monotone than any method is proven for. */
static int32_t away(const double *x, double *out, void *user)
{
  (void)user;
  out[0] = -0.8 * x[0] + 0.6 * x[1];
  out[1] = -0.6 * x[0] - 0.8 * x[1];
  return 0;
}

static int32_t not_a_number(const double *x, double *out, void *user)
{
  (void)x;
  (void)user;
  out[0] = out[1] = NAN;
  return 0;
}

static int32_t outside(const double *x, double *out, void *user)
{
  (void)x;
  (void)out;
  (void)user;
  return 1;
}

static int32_t refuse(const double *x, double *out, void *user)
{
  (void)x;
  (void)out;
  (void)user;
  return -7;
}

typedef int32_t (*map_function)(const double *, double *, void *);

static kantor_problem *posed(const char *kind, map_function map)
{
  static double start[2] = {1, 0.5};
  kantor_problem *problem = NULL;
  kantor_functions functions = kantor_functions_make(NULL);
  kantor_array first = kantor_vector(start, 2);
  functions.map = map;
  WORKS(kantor_problem_create(kind, &problem));
  WORKS(kantor_problem_set_functions(problem, "functions", &functions, NULL, NULL));
  WORKS(kantor_problem_set_array(problem, "start", &first, KANTOR_COPY, NULL, NULL));
  return problem;
}

static int32_t seal_with(const char *prox)
{
  kantor_problem *problem = posed("inclusion", identity);
  int32_t code;
  WORKS(kantor_problem_set_text(problem, "prox", prox));
  code = kantor_problem_seal(problem);
  kantor_problem_free(problem);
  return code;
}

static void wrong_terms(void)
{
  CHECK(seal_with("simplex 1") == 0);
  CHECK(seal_with("simplx 1") == KANTOR_E_NAME);
  CHECK(seal_with("simplex 0") == KANTOR_E_RANGE);
  CHECK(seal_with("simplex -1") == KANTOR_E_RANGE);
  CHECK(seal_with("box 2 1") == KANTOR_E_RANGE);
  CHECK(seal_with("box") == KANTOR_E_MISSING);
  CHECK(seal_with("zero, zero") == KANTOR_E_SHAPE);
  CHECK(seal_with("callback") == KANTOR_E_MISSING);
}

static void wrong_games(void)
{
  double sizes[2] = {1, 2}, corner[2] = {0, 1}, matrix[6] = {1, 0, 0, 0, 1, 0};
  kantor_array players = kantor_vector(sizes, 2), nobody = kantor_vector(sizes, 0);
  kantor_array ends = kantor_vector(corner, 2), oblong = kantor_matrix(matrix, 2, 3);
  kantor_problem *problem = posed("game", identity);
  WORKS(kantor_problem_set_array(problem, "players", &players, KANTOR_COPY, NULL, NULL));
  FAILS(KANTOR_E_SHAPE, kantor_problem_seal(problem));
  WORKS(kantor_problem_set_array(problem, "players", &nobody, KANTOR_COPY, NULL, NULL));
  FAILS(KANTOR_E_SHAPE, kantor_problem_seal(problem));
  kantor_problem_free(problem);
  WORKS(kantor_problem_create("game_certificate", &problem));
  WORKS(kantor_problem_set_array(problem, "jacobian", &oblong, KANTOR_COPY, NULL, NULL));
  FAILS(KANTOR_E_SHAPE, kantor_problem_seal(problem));
  kantor_problem_free(problem);
  WORKS(kantor_problem_create("game_certificate", &problem));
  WORKS(kantor_problem_set_array(problem, "lower", &ends, KANTOR_COPY, NULL, NULL));
  FAILS(KANTOR_E_MISSING, kantor_problem_seal(problem));
  kantor_problem_free(problem);
}

static void ends_as(map_function map, const char *method, int32_t status, const char *word)
{
  kantor_problem *problem = posed("inclusion", map);
  kantor_settings *settings = NULL;
  kantor_result *result = NULL;
  char message[600] = "";
  WORKS(kantor_settings_create(method, &settings));
  WORKS(kantor_settings_set_int(settings, "max_iterations", 20000));
  WORKS(kantor_solve(problem, method, settings, &result));
  CHECK(kantor_result_status(result) == status);
  WORKS(kantor_result_text(result, "message", message, sizeof message));
  CHECK(strstr(message, word) != NULL);
  kantor_result_free(result);
  kantor_settings_free(settings);
  kantor_problem_free(problem);
}

static void solves_that_fail(void)
{
  const char *methods[] = {"inclusion/golden_ratio", "inclusion/fast_extragradient",
                           "inclusion/extragradient"};
  for (int k = 0; k < 3; k++) {
    ends_as(not_a_number, methods[k], KANTOR_CALLBACK_ERROR, "nan");
    ends_as(outside, methods[k], KANTOR_CALLBACK_ERROR, "returned 1");
    ends_as(refuse, methods[k], KANTOR_STOPPED_BY_CALLBACK, "-7");
    ends_as(shift, methods[k], KANTOR_STALLED, "every solution is farther");
  }
  ends_as(away, methods[1], KANTOR_STALLED, "not monotone");
}

/* x >= 0 with x1 + x2 <= -1. */
static void no_saddle_point(void)
{
  double k[2] = {1, 1}, c[2] = {1, 1}, b = -1, ray = 0;
  kantor_array coupling = kantor_matrix(k, 2, 1), cost = kantor_vector(c, 2);
  kantor_array right = kantor_vector(&b, 1);
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  WORKS(kantor_problem_create("bilinear", &problem));
  WORKS(kantor_problem_set_array(problem, "K", &coupling, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_array(problem, "c", &cost, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_array(problem, "b", &right, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_text(problem, "g", "nonnegative"));
  WORKS(kantor_problem_set_text(problem, "h", "nonnegative"));
  WORKS(kantor_solve(problem, NULL, NULL, &result));
  CHECK(kantor_result_status(result) == KANTOR_INFEASIBLE);
  WORKS(kantor_result_copy(result, "ray_dual", &ray, 1));
  CHECK(fabs(ray - 1) < 1e-9);
  kantor_result_free(result);
  kantor_problem_free(problem);
}

int main(void)
{
  make_handles();
  wrong_terms();
  wrong_games();
  solves_that_fail();
  no_saddle_point();
  free_handles();
  return check_summary();
}
