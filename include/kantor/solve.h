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

KANTOR_END

#endif
