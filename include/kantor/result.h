/* Results: status, certificate, named values, derivatives. Part of kantor.h. */
#ifndef KANTOR_RESULT_H
#define KANTOR_RESULT_H

#include "array.h"
#include "library.h"

KANTOR_BEGIN

/* Frees a result.
   result: [in] a result or NULL.
   Threads: any. Errors: none (a pointer that is no live result is left alone). Since: 0.1. */
KANTOR_API void kantor_result_free(kantor_result *result);

/* The status of a result.
   result: [in] a result.
   Returns: KANTOR_SOLVED or another positive status; KANTOR_E_NULL, KANTOR_E_HANDLE.
   Threads: any. Since: 0.1. */
KANTOR_API int32_t kantor_result_status(const kantor_result *result);

/* Reads a number.
   result: [in] a result. name: [in] a field of type real or int. value: [out] the number.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE.
   Since: 0.1. */
KANTOR_API int32_t kantor_result_real(const kantor_result *result, const char *name,
                                      double *value);

/* Reads an integer.
   result: [in] a result. name: [in] a field of type int. value: [out] the number.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE.
   Since: 0.1. */
KANTOR_API int32_t kantor_result_int(const kantor_result *result, const char *name,
                                     int64_t *value);

/* Reads a text.
   result: [in] a result. name: [in] a field of type text.
   text: [out] caller's memory of capacity bytes, terminated. capacity: [in] at least 1.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_BUFFER. Since: 0.1. */
KANTOR_API int32_t kantor_result_text(const kantor_result *result, const char *name, char *text,
                                      int64_t capacity);

/* Views an array. Large arrays, such as a dense plan, are made by the first call that asks.
   result: [in] a result. name: [in] a field of type array.
   array: [out] a view, [borrowed] from the result until it is freed, not to be written to;
   struct_size is [in].
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_VERSION, KANTOR_E_TOO_LARGE, KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_result_array(const kantor_result *result, const char *name,
                                       kantor_array *array);

/* Copies an array field of f64 elements into the caller's memory, row-major.
   result: [in] a result. name: [in] a field of type array with f64 elements.
   values: [out] caller's memory. capacity: [in] its size in elements.
   Threads: any. Errors: those of kantor_result_array and KANTOR_E_BUFFER. Since: 0.1. */
KANTOR_API int32_t kantor_result_copy(const kantor_result *result, const char *name,
                                      double *values, int64_t capacity);

/* Number of fields that this result has.
   result: [in] a result.
   Returns: the count; KANTOR_E_NULL, KANTOR_E_HANDLE.
   Threads: any. Since: 0.1. */
KANTOR_API int64_t kantor_result_field_count(const kantor_result *result);

/* Describes a field of this result.
   result: [in] a result. index: [in] 0 to kantor_result_field_count(result) - 1.
   info: [out] filled up to info->struct_size; the texts are [borrowed], static storage.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_RANGE, KANTOR_E_VERSION.
   Since: 0.1. */
KANTOR_API int32_t kantor_result_field_describe(const kantor_result *result, int64_t index,
                                                kantor_field_info *info);

/* Saves a result in the caller's memory: status, certificate, numbers, texts and arrays. Arrays
   that are made on request are saved when somebody has asked for them (kantor_result_array), else
   left out. The format is the same on all machines and is kept, see docs/stability.md.
   result: [in] a result.
   bytes: [out] caller's memory of capacity bytes, or NULL to learn the size only.
   capacity: [in] >= 0. size: [out] bytes that the saved result takes.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_RANGE, KANTOR_E_BUFFER,
   KANTOR_E_OUT_OF_MEMORY; then neither bytes nor size are written. Since: 0.1. */
KANTOR_API int32_t kantor_result_save(const kantor_result *result, void *bytes, int64_t capacity,
                                      int64_t *size);

/* Makes a result of saved bytes, to read it or to start a solve from it. Its certificate is the
   saved one and is not checked again; it has no derivative products.
   bytes: [in] what kantor_result_save wrote. size: [in] their number.
   result: [out] a new result, to be freed; NULL on failure.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_RANGE, KANTOR_E_FORMAT (other bytes, or damaged),
   KANTOR_E_VERSION (saved by a newer library), KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_result_load(const void *bytes, int64_t size, kantor_result **result);

/* Vector-Jacobian product: pulls cotangents of results back to the problem's data. With L a
   function of the named results, cotangent = dL/d(result); the answer is dL/d(field).
   result: [in] a result whose method has derivatives.
   cotangent_count: [in] >= 1. cotangent_names, cotangents: [in] result fields ("objective" as an
   array of rank 0 or of one element) and arrays of the shape of the field.
   gradient_count: [in] >= 1. gradient_names: [in] problem fields. gradients: [out] f64 arrays of
   the shape of the field, any strides, caller's memory; written only when the whole call succeeds.
   A field that was given as a sparse matrix has a vector: the derivative with respect to each
   stored value, in the caller's order.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_SHAPE, KANTOR_E_LAYOUT, KANTOR_E_NOT_FINITE, KANTOR_E_RANGE, KANTOR_E_UNSUPPORTED,
   KANTOR_E_VERSION, KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_result_vjp(const kantor_result *result, int64_t cotangent_count,
                                     const char *const *cotangent_names,
                                     const kantor_array *cotangents, int64_t gradient_count,
                                     const char *const *gradient_names,
                                     const kantor_array *gradients);

/* Jacobian-vector product: how results change, to first order, when the problem's data move along
   tangents.
   result: [in] a result whose method has these products: interior_point.
   tangent_count: [in] >= 1. tangent_names, tangents: [in] problem fields and arrays of the shape of
   the field; a vector of values for one given as a sparse matrix. Fields not named stay.
   change_count: [in] >= 1. change_names: [in] result fields. changes: [out] f64 arrays of the shape
   of the field (a real one: rank 0, or one element), any strides, caller's memory; written only
   when the whole call succeeds.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_SHAPE, KANTOR_E_LAYOUT, KANTOR_E_NOT_FINITE, KANTOR_E_RANGE, KANTOR_E_MISSING,
   KANTOR_E_UNSUPPORTED, KANTOR_E_VERSION, KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_result_jvp(const kantor_result *result, int64_t tangent_count,
                                     const char *const *tangent_names,
                                     const kantor_array *tangents, int64_t change_count,
                                     const char *const *change_names,
                                     const kantor_array *changes);

KANTOR_END

#endif
