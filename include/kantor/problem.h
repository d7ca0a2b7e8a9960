/* Problems: data of one kind. Part of kantor.h. */
#ifndef KANTOR_PROBLEM_H
#define KANTOR_PROBLEM_H

#include "array.h"

KANTOR_BEGIN

/* Makes an empty problem.
   kind: [in] name of a kind, such as "transport".
   problem: [out] the new handle, NULL on failure; freed by the caller with kantor_problem_free.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_NAME, KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_problem_create(const char *kind, kantor_problem **problem);

/* Makes a twin that is not sealed and shares the arrays: the cheap way to change a problem that
   was solved already.
   problem: [in] any problem. copy: [out] the new handle, NULL on failure; freed by the caller.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_problem_copy(const kantor_problem *problem, kantor_problem **copy);

/* Validates the data as a whole and ends the setting of fields. kantor_solve does it too.
   problem: [in] the problem; after a failure it can still be changed.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE and what the data give cause for:
   KANTOR_E_MISSING, KANTOR_E_SHAPE, KANTOR_E_RANGE, KANTOR_E_NOT_FINITE, KANTOR_E_TOO_LARGE,
   KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_problem_seal(kantor_problem *problem);

/* Tells the method that kantor_solve chooses for these data when none is named. Validates the data
   and ends the setting of fields, as the solve does.
   problem: [in] the problem; after a failure it can still be changed.
   text: [out] caller's memory of capacity bytes, terminated, such as "transport/sinkhorn".
   capacity: [in] at least 1.
   Threads: any. Errors: those of kantor_problem_seal, KANTOR_E_BUFFER. Since: 0.1. */
KANTOR_API int32_t kantor_problem_method(kantor_problem *problem, char *text, int64_t capacity);

/* Frees a problem. Results made from it live on.
   problem: [in] a problem or NULL.
   Threads: any. Errors: none (a pointer that is no live problem is left alone). Since: 0.1. */
KANTOR_API void kantor_problem_free(kantor_problem *problem);

/* Sets a real number.
   problem: [in] not sealed. name: [in] a field of type real. value: [in] finite.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE, KANTOR_E_NAME,
   KANTOR_E_TYPE, KANTOR_E_NOT_FINITE. Since: 0.1. */
KANTOR_API int32_t kantor_problem_set_real(kantor_problem *problem, const char *name,
                                           double value);

/* Sets an integer.
   problem: [in] not sealed. name: [in] a field of type int. value: [in] any.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE, KANTOR_E_NAME,
   KANTOR_E_TYPE. Since: 0.1. */
KANTOR_API int32_t kantor_problem_set_int(kantor_problem *problem, const char *name,
                                          int64_t value);

/* Sets a word.
   problem: [in] not sealed. name: [in] a field of type text. text: [in] UTF-8, copied.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE, KANTOR_E_NAME,
   KANTOR_E_TYPE, KANTOR_E_RANGE. Since: 0.1. */
KANTOR_API int32_t kantor_problem_set_text(kantor_problem *problem, const char *name,
                                           const char *text);

/* Sets an array.
   problem: [in] not sealed. name: [in] a field of type array.
   array: [in] any strides and element type the field allows.
   ownership: [in] KANTOR_COPY, or KANTOR_BORROW: then elements are f64 or f32, the last stride
   is 1, the data are aligned to their element, and the caller leaves them unchanged and alive until
   release is called.
   release, owner: [in] with KANTOR_BORROW: release(owner) is called exactly once, also when this
   call fails; release may be NULL. Ignored with KANTOR_COPY.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE, KANTOR_E_NAME,
   KANTOR_E_TYPE, KANTOR_E_SHAPE, KANTOR_E_LAYOUT, KANTOR_E_RANGE, KANTOR_E_VERSION,
   KANTOR_E_TOO_LARGE, KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_problem_set_array(kantor_problem *problem, const char *name,
                                            const kantor_array *array, int32_t ownership,
                                            kantor_release_fn release, void *owner);

/* Sets a matrix from its entries.
   problem: [in] not sealed. name: [in] a field of type sparse, which kantor_problem_set_array
   sets too, from a dense array of rank 2.
   matrix: [in] copied. Its indices are checked when the problem is sealed.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE, KANTOR_E_NAME,
   KANTOR_E_TYPE, KANTOR_E_SHAPE, KANTOR_E_LAYOUT, KANTOR_E_VERSION, KANTOR_E_TOO_LARGE,
   KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_problem_set_sparse(kantor_problem *problem, const char *name,
                                             const kantor_sparse *matrix);

/* Sets another problem, with the way to solve it: the lower problem of a nested one.
   problem: [in] not sealed. name: [in] a field of type problem.
   part: [in] any problem. It is sealed by the call, as a solve of it would, and kept: it does not
   change any more, and its handle may be freed at once.
   method: [in] a method of part's kind; NULL: that of the settings, else the default for its data.
   settings: [in] options of that method, copied; NULL for the defaults. Their hooks and their
   cancel are not used: those of the solve of problem reach into the solves of part.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_STATE, KANTOR_E_NAME,
   KANTOR_E_TYPE, and those of kantor_problem_seal for part. Since: 0.1. */
KANTOR_API int32_t kantor_problem_set_problem(kantor_problem *problem, const char *name,
                                              kantor_problem *part, const char *method,
                                              const kantor_settings *settings);

/* Reads an array field back.
   problem: [in] any problem. name: [in] a field of type array that was set.
   array: [out] a view, [borrowed] from the problem and not to be written to; valid until the
   field is set again or the problem and its results are freed. struct_size is [in].
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_MISSING, KANTOR_E_VERSION. Since: 0.1. */
KANTOR_API int32_t kantor_problem_get_array(const kantor_problem *problem, const char *name,
                                            kantor_array *array);

KANTOR_END

#endif
