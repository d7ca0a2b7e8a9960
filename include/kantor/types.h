/* Codes, handles, visibility, versions. Part of kantor.h. */
#ifndef KANTOR_TYPES_H
#define KANTOR_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define KANTOR_BEGIN extern "C" {
#define KANTOR_END }
#else
#define KANTOR_BEGIN
#define KANTOR_END
#endif

#if defined(__GNUC__) || defined(__clang__)
#define KANTOR_API __attribute__((visibility("default")))
#else
#define KANTOR_API
#endif

#define KANTOR_VERSION_MAJOR 0
#define KANTOR_VERSION_MINOR 1
#define KANTOR_VERSION_PATCH 0
/* major * 10000 + minor * 100 + patch */
#define KANTOR_VERSION_NUMBER 100
/* The number in the soname; structs and functions only grow while it stays. */
#define KANTOR_ABI_VERSION 0

KANTOR_BEGIN

/* A call code (zero or negative) or a result's status (positive). */
typedef int32_t kantor_status;

/* Call codes. */
enum {
  KANTOR_OK = 0,
  KANTOR_E_NULL = -1,           /* a pointer that is needed is NULL */
  KANTOR_E_HANDLE = -2,         /* not a live handle of the kind that is needed */
  KANTOR_E_BUSY = -3,           /* the handle is in use by another call */
  KANTOR_E_STATE = -4,          /* not now: a sealed problem, settings of another method */
  KANTOR_E_NAME = -5,           /* no kind, method, option or field has this name */
  KANTOR_E_TYPE = -6,           /* the name is of another type */
  KANTOR_E_RANGE = -7,          /* a value outside the allowed range */
  KANTOR_E_SHAPE = -8,          /* sizes that do not fit together */
  KANTOR_E_LAYOUT = -9,         /* strides, alignment or element type that cannot be used */
  KANTOR_E_NOT_FINITE = -10,    /* NaN, or an infinity where a number is needed */
  KANTOR_E_MISSING = -11,       /* a field that is needed was not set */
  KANTOR_E_UNSUPPORTED = -12,   /* the method cannot do this */
  KANTOR_E_TOO_LARGE = -13,     /* sizes whose product overflows */
  KANTOR_E_OUT_OF_MEMORY = -14,
  KANTOR_E_FORMAT = -15,        /* bytes that are no saved result, or damaged */
  KANTOR_E_VERSION = -16,       /* a header, or saved bytes, newer than the library */
  KANTOR_E_BUFFER = -17,        /* the caller's memory is too small */
  KANTOR_E_INTERNAL = -99       /* a defect in Kantor; please report it */
};

/* Statuses. Each follows from a certificate computed on the caller's data, never from what a
   method believes of itself. After a limit the result holds the best point so far. */
enum {
  KANTOR_SOLVED = 1,
  KANTOR_SOLVED_INACCURATE = 2, /* the certificate holds to a looser tolerance than asked */
  KANTOR_INFEASIBLE = 3,
  KANTOR_UNBOUNDED = 4,
  KANTOR_STALLED = 5,           /* no more progress, far from the tolerance */
  KANTOR_ITERATION_LIMIT = 6,
  KANTOR_TIME_LIMIT = 7,
  KANTOR_CANCELLED = 8,
  KANTOR_CALLBACK_ERROR = 9,
  KANTOR_NUMERICAL_ERROR = 10,
  KANTOR_LOCALLY_INFEASIBLE = 11,
  KANTOR_EVALUATION_LIMIT = 12,
  KANTOR_STOPPED_BY_CALLBACK = 13
};

/* Handles: never defined, always used by pointer. */
typedef struct kantor_problem kantor_problem;
typedef struct kantor_settings kantor_settings;
typedef struct kantor_result kantor_result;

KANTOR_END

#endif
