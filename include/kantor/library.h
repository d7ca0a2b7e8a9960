/* The library itself: versions, errors, the catalogue of kinds and methods. Part of kantor.h. */
#ifndef KANTOR_LIBRARY_H
#define KANTOR_LIBRARY_H

#include "types.h"

KANTOR_BEGIN

/* The version of the library as text.
   Returns: [borrowed] "major.minor.patch", static storage.
   Threads: any. Errors: none. Since: 0.1. */
KANTOR_API const char *kantor_version(void);

/* The version of the library, to compare with KANTOR_VERSION_NUMBER of the header.
   Returns: major * 10000 + minor * 100 + patch.
   Threads: any. Errors: none. Since: 0.1. */
KANTOR_API int32_t kantor_version_number(void);

/* The number in the soname, to compare with KANTOR_ABI_VERSION of the header.
   Returns: the number.
   Threads: any. Errors: none. Since: 0.1. */
KANTOR_API int32_t kantor_abi_version(void);

/* How the library was built and what it found on this machine.
   Returns: [borrowed] JSON object {"version", "compiler", "cpu_level", "cpu_levels"}, UTF-8,
   static storage.
   Threads: any. Errors: none. Since: 0.1. */
KANTOR_API const char *kantor_build_info(void);

/* Everything the library can do, for bindings and manuals: kinds with their fields; methods with
   summary, source, guarantee, options (type, default, range, meaning) and outputs (shape, meaning);
   the codes; proximal maps with formula and parameters.
   Returns: [borrowed] JSON object, UTF-8, static storage.
   Threads: any. Errors: none. Since: 0.1. */
KANTOR_API const char *kantor_describe(void);

/* The name of a call code or status, such as "solved" or "range".
   code: [in] any number.
   Returns: [borrowed] the name, "unknown" for numbers that have none; static storage.
   Threads: any. Errors: none. Since: 0.1. */
KANTOR_API const char *kantor_code_name(int32_t code);

/* Why the last failed call of this thread failed: one line of English that names the argument,
   its value and what is allowed. Calls that succeed do not clear it.
   Returns: [borrowed] text of at most 511 bytes, valid until the thread's next failed call; ""
   if none failed.
   Threads: any; each has its own text. Errors: none. Since: 0.1. */
KANTOR_API const char *kantor_last_error(void);

/* Number of problem kinds.
   Returns: the count. Threads: any. Errors: none. Since: 0.1. */
KANTOR_API int64_t kantor_kind_count(void);

/* Name of a problem kind, such as "transport".
   index: [in] 0 to kantor_kind_count() - 1.
   Returns: [borrowed] the name, static storage; NULL when index is out of range.
   Threads: any. Errors: KANTOR_E_RANGE (as text only). Since: 0.1. */
KANTOR_API const char *kantor_kind_name(int64_t index);

/* A method of the catalogue. The struct grows at its end only. */
typedef struct kantor_method_info {
  size_t struct_size;       /* [in] sizeof(kantor_method_info) */
  const char *name;         /* such as "sinkhorn" */
  const char *kind;         /* such as "transport" */
  const char *summary;      /* one line */
  const char *source;       /* authors, year, title */
  const char *guarantee;    /* what the status "solved" of this method means */
  int64_t option_count;     /* its own and the common ones */
  int64_t output_count;     /* result fields */
  int32_t uses_warm_start;  /* 0 or 1 */
  int32_t has_derivatives;  /* 0 or 1: kantor_result_vjp works on its results */
} kantor_method_info;

/* Number of methods in the catalogue, over all kinds.
   Returns: the count. Threads: any. Errors: none. Since: 0.1. */
KANTOR_API int64_t kantor_method_count(void);

/* Describes a method by its place in the catalogue.
   index: [in] 0 to kantor_method_count() - 1.
   info: [out] filled up to info->struct_size; the texts are [borrowed], static storage.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_RANGE, KANTOR_E_VERSION. Since: 0.1. */
KANTOR_API int32_t kantor_method_describe(int64_t index, kantor_method_info *info);

/* Types of options and fields. */
enum {
  KANTOR_REAL = 1,
  KANTOR_INT = 2,
  KANTOR_FLAG = 3,
  KANTOR_TEXT = 4,
  KANTOR_ARRAY = 5,
  KANTOR_SPARSE = 6, /* a matrix: kantor_problem_set_sparse or kantor_problem_set_array */
  KANTOR_FUNCTIONS = 7, /* functions of the caller: kantor_problem_set_functions */
  KANTOR_PROBLEM = 8 /* another problem: kantor_problem_set_problem */
};

/* An option of a method. The struct grows at its end only. */
typedef struct kantor_option_info {
  size_t struct_size; /* [in] sizeof(kantor_option_info) */
  const char *name;
  int32_t type;           /* KANTOR_REAL, KANTOR_INT, KANTOR_FLAG or KANTOR_TEXT */
  int32_t is_advanced;    /* 1: rarely needed */
  double default_number;  /* real, int and flag */
  double min, max;        /* real and int */
  const char *default_text; /* text, else "" */
  const char *choices;    /* text: the allowed words with '|' between them; "" means any */
  const char *unit;       /* "" if none */
  const char *doc;        /* one or two sentences */
} kantor_option_info;

/* Describes an option of a method.
   method: [in] name of a method, plain or "kind/name".
   index: [in] 0 to option_count - 1 of kantor_method_info.
   info: [out] filled up to info->struct_size; the texts are [borrowed], static storage.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_NAME, KANTOR_E_RANGE, KANTOR_E_VERSION.
   Since: 0.1. */
KANTOR_API int32_t kantor_option_describe(const char *method, int64_t index,
                                          kantor_option_info *info);

/* A field of a problem or a result. The struct grows at its end only. */
typedef struct kantor_field_info {
  size_t struct_size; /* [in] sizeof(kantor_field_info) */
  const char *name;
  int32_t type;       /* KANTOR_REAL, KANTOR_INT, KANTOR_TEXT, KANTOR_ARRAY, ... */
  int32_t is_certificate; /* 1: part of the certificate of a result */
  const char *shape;  /* arrays and matrices: such as "(n, m)", else "" */
  const char *choices; /* texts that are inputs: as in kantor_option_info */
  const char *unit;
  const char *doc;
} kantor_field_info;

/* Number of fields that a problem of a kind has.
   kind: [in] name of a kind.
   Returns: the count, or KANTOR_E_NULL, KANTOR_E_NAME.
   Threads: any. Since: 0.1. */
KANTOR_API int64_t kantor_problem_field_count(const char *kind);

/* Describes a field of the problems of a kind.
   kind: [in] name of a kind. index: [in] 0 to kantor_problem_field_count(kind) - 1.
   info: [out] filled up to info->struct_size; the texts are [borrowed], static storage.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_NAME, KANTOR_E_RANGE, KANTOR_E_VERSION.
   Since: 0.1. */
KANTOR_API int32_t kantor_problem_field_describe(const char *kind, int64_t index,
                                                 kantor_field_info *info);

/* Describes a field that the results of a method may have.
   method: [in] name of a method, plain or "kind/name".
   index: [in] 0 to output_count - 1 of kantor_method_info.
   info: [out] filled up to info->struct_size; the texts are [borrowed], static storage.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_NAME, KANTOR_E_RANGE, KANTOR_E_VERSION.
   Since: 0.1. */
KANTOR_API int32_t kantor_output_describe(const char *method, int64_t index,
                                          kantor_field_info *info);

KANTOR_END

#endif
