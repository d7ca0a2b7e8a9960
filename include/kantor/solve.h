/* The one verb. Part of kantor.h. */
#ifndef KANTOR_SOLVE_H
#define KANTOR_SOLVE_H

#include "types.h"

KANTOR_BEGIN

/* Solves a problem. A limit, a cancel or a certificate that falls short is not an error: the call
   returns 0 and the result's status tells.
   problem: [in] validated and sealed by this call if it is not yet.
   method: [in] name of a method of the problem's kind, plain or "kind/name"; NULL: the settings'
   method, else the kind's default for these data.
   settings: [in] options; NULL: defaults. Made for another method: KANTOR_E_STATE.
   result: [out] the new handle, NULL on failure; freed by the caller.
   Threads: any; solves of one problem or with one settings may run at the same time. Errors:
   KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_STATE, KANTOR_E_UNSUPPORTED, those of
   kantor_problem_seal, KANTOR_E_SHAPE (warm start), KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_solve(kantor_problem *problem, const char *method,
                                const kantor_settings *settings, kantor_result **result);

/* Solves many problems of one kind, several at a time. Each problem gets the result that
   kantor_solve of it alone gives, whatever the number of threads.
   problems: [in] count handles; the same one may stand there more than once.
   count: [in] 0 or more.
   method: [in] as for kantor_solve; NULL: each problem's own default.
   settings: [in] as for kantor_solve, with three differences: "threads" is the number of problems
   solved at a time, each on one thread; "time_limit" is that of the whole batch, after which the
   problems left end with the status KANTOR_TIME_LIMIT; progress and log hooks are called on the
   calling thread alone, and progress counts finished problems as iterations.
   results: [out] count handles, each freed by the caller; NULL where the problem could not be
   solved for an error in its data.
   codes: [out] count codes, what kantor_solve would have returned for each; may be NULL.
   Returns: 0, or the code of the first problem that failed, whose place the error text names; the
   results of the others are there all the same. After an error that concerns the whole batch no
   result is made and codes are untouched.
   Threads: any. Errors: those of kantor_solve, KANTOR_E_TYPE (problems of several kinds),
   KANTOR_E_RANGE (count). Since: 0.1. */
KANTOR_API int32_t kantor_solve_batch(kantor_problem *const *problems, int64_t count,
                                      const char *method, const kantor_settings *settings,
                                      kantor_result **results, int32_t *codes);

KANTOR_END

#endif
