/* The hypergradient of bilevel problems: wrong handles, points and settings, and a right answer. */
#include "bad_arrays.h"
#include "misuse.h"

/* F = (y - 1)^2 / 2 and f = (y - x)^2 / 2: y(x) = x, and the derivative is x - 1. */
static int32_t upper_value(const double *w, double *value, void *user)
{
  (void)user;
  *value = 0.5 * (w[1] - 1) * (w[1] - 1);
  return 0;
}

static int32_t upper_gradient(const double *w, double *out, void *user)
{
  (void)user;
  out[0] = 0;
  out[1] = w[1] - 1;
  return 0;
}

static int32_t lower_value(const double *w, double *value, void *user)
{
  (void)user;
  *value = 0.5 * (w[1] - w[0]) * (w[1] - w[0]);
  return 0;
}

static int32_t lower_gradient(const double *w, double *out, void *user)
{
  (void)user;
  out[0] = w[0] - w[1];
  out[1] = w[1] - w[0];
  return 0;
}

static int32_t refuse(const double *w, double *out, void *user)
{
  (void)w;
  (void)out;
  (void)user;
  return -7;
}

static kantor_problem *bilevel(int stops)
{
  static double start = 0.5;
  kantor_problem *problem = NULL;
  kantor_functions upper = kantor_functions_make(NULL), lower = kantor_functions_make(NULL);
  kantor_array array = kantor_vector(&start, 1);
  upper.value = upper_value;
  upper.gradient = upper_gradient;
  lower.value = lower_value;
  lower.gradient = stops ? refuse : lower_gradient;
  WORKS(kantor_problem_create("bilevel", &problem));
  WORKS(kantor_problem_set_functions(problem, "upper", &upper, NULL, NULL));
  WORKS(kantor_problem_set_functions(problem, "lower", &lower, NULL, NULL));
  WORKS(kantor_problem_set_array(problem, "start_x", &array, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_array(problem, "start_y", &array, KANTOR_COPY, NULL, NULL));
  return problem;
}

static void wrong_arguments(void)
{
  double x[2] = {3, 0}, bad[1] = {NAN};
  kantor_array point = kantor_vector(x, 1), two = kantor_vector(x, 2);
  kantor_array rubbish = kantor_vector(bad, 1);
  kantor_problem *problem = bilevel(0);
  kantor_result *result = NULL;
  kantor_settings *settings = NULL;
#define HYPER(p, x, s, out) kantor_bilevel_hypergradient(p, x, s, out)
  FOR_BAD(KIND_PROBLEM)
  {
    result = (kantor_result *)zeroed;
    FAILS(bad->code, HYPER(BAD_PROBLEM, &point, NULL, &result));
    CHECK(result == NULL);
  }
  FOR_BAD(KIND_SETTINGS)
  {
    if (bad->pointer == NULL) continue;
    FAILS(bad->code, HYPER(problem, &point, BAD_SETTINGS, &result));
  }
  for (int i = 0; i < bad_array_count; i++)
    FAILS(bad_arrays[i].code, HYPER(problem, &bad_arrays[i].array, NULL, &result));
  FAILS(KANTOR_E_NULL, HYPER(problem, NULL, NULL, &result));
  FAILS(KANTOR_E_NULL, HYPER(problem, &point, NULL, NULL));
  FAILS(KANTOR_E_UNSUPPORTED, HYPER(live_problem, &point, NULL, &result));
  FAILS(KANTOR_E_SHAPE, HYPER(problem, &two, NULL, &result));
  FAILS(KANTOR_E_NOT_FINITE, HYPER(problem, &rubbish, NULL, &result));
  WORKS(kantor_settings_create("bilevel/mpcc", &settings));
  FAILS(KANTOR_E_STATE, HYPER(problem, &point, settings, &result));
  kantor_settings_free(settings);
  kantor_problem_free(problem);
}

static void right_answers(void)
{
  double x = 3, gradient = 0, check = 1;
  kantor_array point = kantor_vector(&x, 1);
  kantor_problem *problem = bilevel(0);
  kantor_result *result = NULL;
  kantor_settings *settings = NULL;
  WORKS(kantor_settings_create("bilevel/implicit", &settings));
  WORKS(kantor_settings_set_int(settings, "check_directions", 1));
  WORKS(HYPER(problem, &point, settings, &result));
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  WORKS(kantor_result_copy(result, "gradient", &gradient, 1));
  WORKS(kantor_result_real(result, "derivative_check", &check));
  CHECK(fabs(gradient - 2) < 1e-6 && check < 1e-6);
  kantor_result_free(result);
  kantor_settings_free(settings);
  kantor_problem_free(problem);
  problem = bilevel(1);
  WORKS(HYPER(problem, &point, NULL, &result));
  CHECK(kantor_result_status(result) == KANTOR_STOPPED_BY_CALLBACK);
  kantor_result_free(result);
  kantor_problem_free(problem);
}

int main(void)
{
  make_handles();
  wrong_arguments();
  right_answers();
  free_handles();
  return check_summary();
}
