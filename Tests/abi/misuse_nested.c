/* Problems as data of other problems: wrong handles, names and methods; a lower problem that is
   freed, or that somebody tries to change; hypergradients of nested problems. */
#include "misuse.h"

/* F = (z - 3)^2 / 2, w = (x, z). */
static int32_t upper(const double *w, double *value, double *gradient, void *user)
{
  (void)user;
  *value = 0.5 * (w[1] - 3) * (w[1] - 3);
  gradient[0] = 0;
  gradient[1] = w[1] - 3;
  return 0;
}

static int32_t refuse(const double *w, double *value, double *gradient, void *user)
{
  (void)w;
  (void)value;
  (void)gradient;
  (void)user;
  return -9;
}

static void set(kantor_problem *problem, const char *name, double value, int rank)
{
  kantor_array array = rank == 1 ? kantor_vector(&value, 1) : kantor_matrix(&value, 1, 1);
  WORKS(kantor_problem_set_array(problem, name, &array, KANTOR_COPY, NULL, NULL));
}

/* min z^2 / 2 + q z. */
static kantor_problem *lower_problem(void)
{
  kantor_problem *problem = NULL;
  WORKS(kantor_problem_create("cone", &problem));
  set(problem, "P", 1, 2);
  set(problem, "q", 0, 1);
  return problem;
}

/* The same with q = -2 x, so that z = 2 x; without its lower problem. */
static kantor_problem *outer_problem(int stops)
{
  kantor_problem *problem = NULL;
  kantor_functions functions = kantor_functions_make(NULL);
  functions.value_gradient = stops ? refuse : upper;
  WORKS(kantor_problem_create("nested", &problem));
  WORKS(kantor_problem_set_functions(problem, "upper", &functions, NULL, NULL));
  WORKS(kantor_problem_set_text(problem, "lower_fields", "q"));
  WORKS(kantor_problem_set_text(problem, "answers", "x"));
  WORKS(kantor_problem_set_int(problem, "answer_size", 1));
  set(problem, "lower_matrix", -2, 2);
  set(problem, "start_x", 0, 1);
  return problem;
}

static void wrong_arguments(void)
{
  kantor_problem *outer = outer_problem(0), *lower = lower_problem();
  kantor_settings *settings = NULL;
#define SET(p, name, part, method, s) kantor_problem_set_problem(p, name, part, method, s)
  FOR_BAD(KIND_PROBLEM)
  {
    FAILS(bad->code, SET(BAD_PROBLEM, "lower", lower, NULL, NULL));
    FAILS(bad->code, SET(outer, "lower", BAD_PROBLEM, NULL, NULL));
  }
  FOR_BAD(KIND_SETTINGS)
  {
    if (bad->pointer == NULL) continue;
    FAILS(bad->code, SET(outer, "lower", lower, NULL, BAD_SETTINGS));
  }
  FOR_BAD_NAME
  {
    FAILS(name->code, SET(outer, name->text, lower, NULL, NULL));
    if (name->text == NULL) continue;
    FAILS(name->code, SET(outer, "lower", lower, name->text, NULL));
  }
  FAILS(KANTOR_E_TYPE, SET(outer, "upper", lower, NULL, NULL));
  FAILS(KANTOR_E_TYPE, SET(outer, "start_x", lower, NULL, NULL));
  FAILS(KANTOR_E_NAME, SET(lower, "lower_problem", lower, NULL, NULL));
  FAILS(KANTOR_E_TYPE, kantor_problem_set_int(outer, "lower", 1));
  FAILS(KANTOR_E_TYPE, kantor_problem_set_text(outer, "lower", "cone"));
  FAILS(KANTOR_E_NAME, SET(outer, "lower", lower, "sinkhorn", NULL));
  WORKS(kantor_settings_create("cone/first_order", &settings));
  FAILS(KANTOR_E_STATE, SET(outer, "lower", lower, "interior_point", settings));
  WORKS(SET(outer, "lower", lower, NULL, settings));
  kantor_settings_free(settings);
  /* A lower problem whose data do not fit together. */
  kantor_problem *empty = NULL;
  WORKS(kantor_problem_create("cone", &empty));
  FAILS(KANTOR_E_MISSING, SET(outer, "lower", empty, NULL, NULL));
  kantor_problem_free(empty);
  /* Nothing is its own lower problem. */
  FAILS(KANTOR_E_STATE, SET(outer, "lower", outer, NULL, NULL));
  kantor_problem_free(outer);
  kantor_problem_free(lower);
}

static void ownership(void)
{
  double x = 0;
  kantor_problem *outer = outer_problem(0), *lower = lower_problem();
  kantor_result *result = NULL;
  WORKS(SET(outer, "lower", lower, "interior_point", NULL));
  double one = 1;
  kantor_array array = kantor_vector(&one, 1);
  FAILS(KANTOR_E_STATE, kantor_problem_set_array(lower, "q", &array, KANTOR_COPY, NULL, NULL));
  kantor_problem_free(lower);
  for (int k = 0; k < 2; k++) {
    kantor_problem *copy = NULL;
    WORKS(kantor_problem_copy(outer, &copy));
    kantor_problem_free(outer);
    outer = copy;
  }
  WORKS(kantor_solve(outer, NULL, NULL, &result));
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  WORKS(kantor_result_copy(result, "x", &x, 1));
  CHECK(fabs(x - 1.5) < 1e-5);
  kantor_problem_free(outer);
  WORKS(kantor_result_copy(result, "answer", &x, 1));
  CHECK(fabs(x - 3) < 1e-5);
  kantor_result_free(result);
}

static void hypergradients(void)
{
  double x = 1, bad = NAN, gradient = 0, check = 1;
  kantor_array point = kantor_vector(&x, 1), rubbish = kantor_vector(&bad, 1);
  kantor_problem *outer = outer_problem(0), *lower = lower_problem();
  kantor_result *result = NULL;
  kantor_settings *settings = NULL;
  FAILS(KANTOR_E_MISSING, kantor_bilevel_hypergradient(outer, &point, NULL, &result));
  WORKS(SET(outer, "lower", lower, NULL, NULL));
  FAILS(KANTOR_E_NOT_FINITE, kantor_bilevel_hypergradient(outer, &rubbish, NULL, &result));
  WORKS(kantor_settings_create("bilevel/implicit", &settings));
  FAILS(KANTOR_E_STATE, kantor_bilevel_hypergradient(outer, &point, settings, &result));
  kantor_settings_free(settings);
  WORKS(kantor_settings_create("implicit_programming", &settings));
  WORKS(kantor_settings_set_int(settings, "check_directions", 1));
  WORKS(kantor_bilevel_hypergradient(outer, &point, settings, &result));
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  WORKS(kantor_result_copy(result, "gradient", &gradient, 1));
  WORKS(kantor_result_real(result, "derivative_check", &check));
  CHECK(fabs(gradient + 2) < 1e-6 && check < 1e-5);
  kantor_result_free(result);
  kantor_settings_free(settings);
  kantor_problem_free(outer);
  outer = outer_problem(1);
  WORKS(SET(outer, "lower", lower, NULL, NULL));
  WORKS(kantor_solve(outer, NULL, NULL, &result));
  CHECK(kantor_result_status(result) == KANTOR_STOPPED_BY_CALLBACK);
  kantor_result_free(result);
  kantor_problem_free(outer);
  kantor_problem_free(lower);
}

int main(void)
{
  make_handles();
  wrong_arguments();
  ownership();
  hypergradients();
  free_handles();
  return check_summary();
}
