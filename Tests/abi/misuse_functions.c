/* Bundles of functions that are wrong in every way a caller can get wrong: a code each time, and
   the release function called exactly once. */
#include "misuse.h"

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
  handles_and_names();
  bundles();
  questions();
  steppers();
  free_handles();
  return check_summary();
}
