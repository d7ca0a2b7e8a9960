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

int main(void)
{
  make_handles();
  handles_and_names();
  bundles();
  free_handles();
  return check_summary();
}
