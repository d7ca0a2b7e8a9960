/* Steppers: solves that ask for the values of functions instead of calling them. Part of
   kantor.h. */
#ifndef KANTOR_STEPPER_H
#define KANTOR_STEPPER_H

#include "types.h"

KANTOR_BEGIN

/* For hosts whose functions are computed elsewhere: in another process, on a queue, by hand.

       kantor_problem_set_questions(problem, "functions", "value gradient");
       kantor_stepper_create(problem, NULL, NULL, &stepper);
       kantor_question question;
       question.struct_size = sizeof question;
       while (kantor_stepper_next(stepper, &question) == 0 && question.member != NULL) {
         ... question.x, and write question.out ...
         kantor_stepper_answer(stepper, 0);
       }
       kantor_stepper_result(stepper, &result);
       kantor_stepper_free(stepper);

   The solve runs on a thread of its own, which waits while the caller has the word; hooks of the
   settings are called there. */
typedef struct kantor_stepper kantor_stepper;

/* A value that is asked for; names and shapes are those of kantor_functions. NULL or 0: not part of
   this question. The struct grows at its end only; struct_size is [in]. */
typedef struct kantor_question {
  size_t struct_size;     /* sizeof(kantor_question) */
  const char *field;      /* the problem's field, such as "functions" */
  const char *member;     /* such as "gradient"; NULL: the solve has ended */
  const double *x;        /* the point */
  const double *v;        /* the vector of a product, or the imaginary part of x */
  const double *y;        /* multipliers of a second derivative */
  const int64_t *indices; /* components of a batch */
  int64_t count;          /* how many */
  double sigma;           /* weight of f in a second derivative */
  double step;            /* of a prox */
  double *out;            /* to be written */
  double *out_second;     /* the gradient of value_gradient, or the imaginary part of out */
} kantor_question;

/* Declares functions that a stepper will ask for, in place of kantor_problem_set_functions.
   kantor_solve of such a problem ends with KANTOR_STOPPED_BY_CALLBACK.
   problem: [in] not sealed. name: [in] a field of type functions.
   members: [in] names of members of kantor_functions, separated by blanks, such as "map jacobian".
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE, KANTOR_E_NAME,
   KANTOR_E_TYPE, KANTOR_E_UNSUPPORTED, KANTOR_E_MISSING (no member). Since: 0.1. */
KANTOR_API int32_t kantor_problem_set_questions(kantor_problem *problem, const char *name,
                                                const char *members);

/* Starts a solve that asks.
   problem, method, settings: [in] as for kantor_solve.
   stepper: [out] the new handle, NULL on failure; freed by the caller.
   Threads: any. Errors: those of kantor_solve. Since: 0.1. */
KANTOR_API int32_t kantor_stepper_create(kantor_problem *problem, const char *method,
                                         const kantor_settings *settings,
                                         kantor_stepper **stepper);

/* Waits for the next question.
   stepper: [in] without an open question.
   question: [out] filled up to question->struct_size; member NULL when the solve has ended. What it
   points to is [borrowed] until the answer; the addresses of one member stay the same.
   Threads: any, one at a time. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_VERSION,
   KANTOR_E_STATE (the last question is open). Since: 0.1. */
KANTOR_API int32_t kantor_stepper_next(kantor_stepper *stepper, kantor_question *question);

/* Answers the open question, whose outputs are written.
   stepper: [in] with an open question. code: [in] as functions return it: 0 done, positive not
   defined at this point, negative stop.
   Threads: any, one at a time. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE (no open
   question). Since: 0.1. */
KANTOR_API int32_t kantor_stepper_answer(kantor_stepper *stepper, int32_t code);

/* Gives the result of a solve that has ended.
   stepper: [in] whose last question was NULL.
   result: [out] the new handle, NULL on failure; freed by the caller.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE (it has not ended), those of
   kantor_solve. Since: 0.1. */
KANTOR_API int32_t kantor_stepper_result(kantor_stepper *stepper, kantor_result **result);

/* Frees a stepper; a solve that has not ended is stopped. Results live on.
   stepper: [in] a stepper or NULL.
   Threads: any. Errors: none (a pointer that is no live handle is left alone). Since: 0.1. */
KANTOR_API void kantor_stepper_free(kantor_stepper *stepper);

KANTOR_END

#endif
