/* Bundles of functions that are wrong in every way a caller can get wrong: a code each time, and
   the release function called exactly once. */
#include "bad_arrays.h"

static int32_t constant(const double *x, double *value, void *user)
{
  (void)x;
  (void)user;
  *value = 1;
  return 0;
}

static void count(void *owner)
{
  ++*(int *)owner;
}

static kantor_functions good(void)
{
  kantor_functions functions = kantor_functions_make(NULL);
  functions.value = constant;
  return functions;
}

static int32_t wrong_gradient(const double *x, double *out, void *user)
{
  (void)x;
  (void)user;
  out[0] = 0;
  out[1] = 5;
  return 0;
}

static void handles_and_names(void)
{
  const kantor_functions functions = good();
  int released = 0, calls = 0;
  FOR_BAD(KIND_PROBLEM)
  {
    FAILS(bad->code,
          kantor_problem_set_functions(BAD_PROBLEM, "cost", &functions, count, &released));
    calls++;
  }
  kantor_problem *problem = open_problem();
  FOR_BAD_NAME
  {
    FAILS(name->code,
          kantor_problem_set_functions(problem, name->text, &functions, count, &released));
    calls++;
  }
  CHECK(released == calls);
  kantor_problem_free(problem);
}

static void bundles(void)
{
  kantor_problem *problem = open_problem();
  int released = 0;
  /* A field that is no bundle: the type decides before the struct is looked at. */
  const kantor_functions functions = good();
  FAILS(KANTOR_E_TYPE, kantor_problem_set_functions(problem, "cost", &functions, count, &released));
  FAILS(KANTOR_E_TYPE, kantor_problem_set_functions(problem, "cost", NULL, count, &released));
  CHECK(released == 2);
  FAILS(KANTOR_E_TYPE, kantor_problem_set_functions(problem, "cost", &functions, NULL, NULL));
  kantor_problem_free(problem);
}

/* A caller with the header of 0.1: what lies behind its struct is not looked at. */
static void prefix(void)
{
  kantor_problem *problem = NULL;
  kantor_functions functions = good();
  WORKS(kantor_problem_create("inclusion", &problem));
  functions.value = NULL;
  functions.map = wrong_gradient;
  functions.parameter_value = constant;
  FAILS(KANTOR_E_UNSUPPORTED,
        kantor_problem_set_functions(problem, "functions", &functions, NULL, NULL));
  functions.struct_size = offsetof(kantor_functions, parameter_value);
  WORKS(kantor_problem_set_functions(problem, "functions", &functions, NULL, NULL));
  functions.struct_size -= 8;
  FAILS(KANTOR_E_VERSION,
        kantor_problem_set_functions(problem, "functions", &functions, NULL, NULL));
  kantor_problem_free(problem);
}

/* The check of derivatives. */
static void derivatives(void)
{
  kantor_problem *problem = NULL, *other = open_problem();
  kantor_settings *settings = NULL, *of_method = NULL;
  kantor_result *result = NULL;
  double start[2] = {1, 2}, nan[2] = {NAN, 0};
  kantor_array x = kantor_vector(start, 2), few = kantor_vector(start, 1);
  kantor_array bad_point = kantor_vector(nan, 2);
  kantor_functions functions = good();
  functions.gradient = wrong_gradient;
  WORKS(kantor_problem_create("nonlinear", &problem));
  WORKS(kantor_problem_set_functions(problem, "functions", &functions, NULL, NULL));
  FAILS(KANTOR_E_MISSING, kantor_problem_check_derivatives(problem, NULL, NULL, &result));
  WORKS(kantor_problem_set_array(problem, "start", &x, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_settings_create(NULL, &settings));
  WORKS(kantor_settings_create("sinkhorn", &of_method));
  FOR_BAD(KIND_PROBLEM)
  FAILS(bad->code, kantor_problem_check_derivatives(BAD_PROBLEM, NULL, NULL, &result));
  FAILS(KANTOR_E_NULL, kantor_problem_check_derivatives(problem, NULL, NULL, NULL));
  FAILS(KANTOR_E_STATE, kantor_problem_check_derivatives(problem, NULL, of_method, &result));
  FAILS(KANTOR_E_SHAPE, kantor_problem_check_derivatives(problem, &few, NULL, &result));
  FAILS(KANTOR_E_NOT_FINITE, kantor_problem_check_derivatives(problem, &bad_point, NULL, &result));
  for (int i = 0; i < bad_array_count; i++)
    FAILS(bad_arrays[i].code,
          kantor_problem_check_derivatives(problem, &bad_arrays[i].array, NULL, &result));
  CHECK(kantor_problem_check_derivatives(other, NULL, NULL, &result) < 0);
  WORKS(kantor_problem_check_derivatives(problem, &x, settings, &result));
  CHECK(kantor_result_status(result) == KANTOR_STALLED);
  kantor_result_free(result);
  kantor_settings_free(settings);
  kantor_settings_free(of_method);
  kantor_problem_free(problem);
  kantor_problem_free(other);
}

/* Questions in place of functions; nothing in a transport problem can be asked for. */
static void questions(void)
{
  FOR_BAD(KIND_PROBLEM)
  FAILS(bad->code, kantor_problem_set_questions(BAD_PROBLEM, "cost", "value"));
  kantor_problem *problem = open_problem();
  FOR_BAD_NAME FAILS(name->code, kantor_problem_set_questions(problem, name->text, "value"));
  FAILS(KANTOR_E_TYPE, kantor_problem_set_questions(problem, "cost", "value"));
  FAILS(KANTOR_E_TYPE, kantor_problem_set_questions(problem, "cost", NULL));
  kantor_problem_free(problem);
}

/* The method that would be chosen, and memory that does not hold its name. */
static void choices(void)
{
  char text[64];
  kantor_problem *problem = open_problem();
  FAILS(KANTOR_E_NULL, kantor_problem_method(problem, NULL, 64));
  paint(text, sizeof text);
  FAILS(KANTOR_E_BUFFER, kantor_problem_method(problem, text, 9));
  FAILS(KANTOR_E_BUFFER, kantor_problem_method(problem, text, -1));
  CHECK(is_painted(text, sizeof text));
  WORKS(kantor_problem_method(problem, text, sizeof text));
  CHECK(strcmp(text, "transport/network_simplex") == 0);
  kantor_problem_free(problem);
  problem = NULL;
  WORKS(kantor_problem_create("transport", &problem));
  FAILS(KANTOR_E_MISSING, kantor_problem_method(problem, text, sizeof text));
  kantor_problem_free(problem);
}

/* A stepper of a problem without questions ends at once; wrong turns are told. */
static void steppers(void)
{
  kantor_stepper *stepper = NULL;
  FOR_BAD(KIND_PROBLEM)
  {
    stepper = (kantor_stepper *)zeroed;
    FAILS(bad->code, kantor_stepper_create(BAD_PROBLEM, NULL, NULL, &stepper));
    CHECK(stepper == NULL);
  }
  FOR_BAD(KIND_SETTINGS)
  {
    if (bad->pointer == NULL) continue;
    FAILS(bad->code, kantor_stepper_create(live_problem, NULL, BAD_SETTINGS, &stepper));
  }
  FAILS(KANTOR_E_NULL, kantor_stepper_create(live_problem, NULL, NULL, NULL));
  FAILS(KANTOR_E_NAME, kantor_stepper_create(live_problem, "no such method", NULL, &stepper));

  kantor_question question;
  kantor_result *result = NULL;
  question.struct_size = sizeof question;
  FAILS(KANTOR_E_HANDLE, kantor_stepper_next((kantor_stepper *)live_problem, &question));
  FAILS(KANTOR_E_HANDLE, kantor_stepper_answer((kantor_stepper *)live_result, 0));
  FAILS(KANTOR_E_HANDLE, kantor_stepper_result((kantor_stepper *)zeroed, &result));
  FAILS(KANTOR_E_NULL, kantor_stepper_next(NULL, &question));
  FAILS(KANTOR_E_NULL, kantor_stepper_answer(NULL, 0));
  FAILS(KANTOR_E_NULL, kantor_stepper_result(NULL, &result));
  kantor_stepper_free(NULL);
  kantor_stepper_free((kantor_stepper *)live_problem);

  WORKS(kantor_stepper_create(live_problem, NULL, NULL, &stepper));
  FAILS(KANTOR_E_NULL, kantor_stepper_next(stepper, NULL));
  FAILS(KANTOR_E_NULL, kantor_stepper_result(stepper, NULL));
  FAILS(KANTOR_E_STATE, kantor_stepper_result(stepper, &result));
  FAILS(KANTOR_E_STATE, kantor_stepper_answer(stepper, 0));
  question.struct_size = 0;
  FAILS(KANTOR_E_VERSION, kantor_stepper_next(stepper, &question));
  question.struct_size = sizeof question;
  WORKS(kantor_stepper_next(stepper, &question));
  CHECK(question.member == NULL);
  WORKS(kantor_stepper_next(stepper, &question));
  FAILS(KANTOR_E_STATE, kantor_stepper_answer(stepper, 0));
  WORKS(kantor_stepper_result(stepper, &result));
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  kantor_result_free(result);
  kantor_stepper_free(stepper);
  FAILS(KANTOR_E_HANDLE, kantor_stepper_next(stepper, &question));
  /* Freed before the first word: the solve ends by itself. */
  WORKS(kantor_stepper_create(live_problem, NULL, NULL, &stepper));
  kantor_stepper_free(stepper);
}

int main(void)
{
  make_handles();
  make_bad_arrays();
  handles_and_names();
  bundles();
  prefix();
  derivatives();
  questions();
  choices();
  steppers();
  free_handles();
  return check_summary();
}
