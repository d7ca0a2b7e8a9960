/* Kantor: constrained, bilevel and optimal-transport problems, solved and certified.
 *
 * A problem holds data of one kind, settings hold options, kantor_solve makes a result:
 *
 *     kantor_problem *problem = NULL;
 *     kantor_result *result = NULL;
 *     kantor_problem_create("transport", &problem);
 *     kantor_transport_set_cost(problem, cost, n, m);
 *     kantor_solve(problem, NULL, NULL, &result);
 *     if (kantor_result_status(result) == KANTOR_SOLVED) ...
 *     kantor_result_free(result);
 *     kantor_problem_free(problem);
 *
 * Rules that hold everywhere
 *   Codes    every function that can fail returns one: 0 done, negative failed and changed nothing
 *            (kantor_last_error says why). A result has a positive status.
 *   Handles  *_create, *_copy and kantor_solve make one and the caller frees it. On failure
 *            the out-handle is set to NULL. Freeing NULL does nothing. Order of frees is free.
 *   Getters  what they return belongs to the handle (or to the library) and is not to be freed.
 *   Threads  functions may be called from any thread. Problems are validated by their first solve
 *            and do not change from then on; settings are snapshotted by each solve.
 *   Silence  the library writes to no stream, installs no signal handler, and starts no thread
 *            unless the option "threads" asks for more than one, or a stepper is made.
 *
 * Copyright 2026 the Kantor authors. Licensed under Apache-2.0.
 */
#ifndef KANTOR_H
#define KANTOR_H

#include "kantor/types.h"

#include "kantor/array.h"
#include "kantor/bilevel.h"
#include "kantor/cone.h"
#include "kantor/functions.h"
#include "kantor/library.h"
#include "kantor/problem.h"
#include "kantor/prox.h"
#include "kantor/result.h"
#include "kantor/settings.h"
#include "kantor/solve.h"
#include "kantor/stepper.h"
#include "kantor/transport.h"

#endif
