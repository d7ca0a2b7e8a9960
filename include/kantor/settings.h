/* Settings: options by name, hooks, warm start, cancel. Part of kantor.h. */
#ifndef KANTOR_SETTINGS_H
#define KANTOR_SETTINGS_H

#include "array.h"

KANTOR_BEGIN

/* Makes settings with every option at its default.
   method: [in] name of a method, plain or "kind/name"; a bad option name then fails where it is
   set. NULL: only the common options, for use with any method.
   settings: [out] the new handle, NULL on failure; freed by the caller.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_NAME, KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_settings_create(const char *method, kantor_settings **settings);

/* Makes a twin with the same options, hooks and warm start, and a cancel flag of its own.
   settings: [in] any settings. copy: [out] the new handle, NULL on failure; freed by the caller.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_settings_copy(const kantor_settings *settings, kantor_settings **copy);

/* Frees settings. Solves that were started with them go on.
   settings: [in] settings or NULL.
   Threads: any. Errors: none (a pointer that is no live handle is left alone). Since: 0.1. */
KANTOR_API void kantor_settings_free(kantor_settings *settings);

/* Sets an option of type real.
   settings: [in] settings. name: [in] option. value: [in] within the option's range, not NaN.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_RANGE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_set_real(kantor_settings *settings, const char *name,
                                            double value);

/* Sets an option of type int (or real).
   settings: [in] settings. name: [in] option. value: [in] within the option's range.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_RANGE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_set_int(kantor_settings *settings, const char *name,
                                           int64_t value);

/* Sets an option of type flag.
   settings: [in] settings. name: [in] option. value: [in] 0 or 1.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_RANGE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_set_flag(kantor_settings *settings, const char *name,
                                            int32_t value);

/* Sets an option of type text.
   settings: [in] settings. name: [in] option. text: [in] one of the option's choices, copied.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_RANGE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_set_text(kantor_settings *settings, const char *name,
                                            const char *text);

/* Sets an option of any type from text, as configuration files and shells have it.
   settings: [in] settings. name: [in] option. text: [in] such as "1e-6", "12", "true", "auto".
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_RANGE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_set_parse(kantor_settings *settings, const char *name,
                                             const char *text);

/* Reads an option of type real or int.
   settings: [in] settings. name: [in] option. value: [out] the value set, else the default.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE.
   Since: 0.1. */
KANTOR_API int32_t kantor_settings_get_real(const kantor_settings *settings, const char *name,
                                            double *value);

/* Reads an option of type int or flag.
   settings: [in] settings. name: [in] option. value: [out] the value set, else the default.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE.
   Since: 0.1. */
KANTOR_API int32_t kantor_settings_get_int(const kantor_settings *settings, const char *name,
                                           int64_t *value);

/* Reads an option of type text.
   settings: [in] settings. name: [in] option.
   text: [out] caller's memory of capacity bytes, terminated. capacity: [in] at least 1.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_TYPE,
   KANTOR_E_BUFFER. Since: 0.1. */
KANTOR_API int32_t kantor_settings_get_text(const kantor_settings *settings, const char *name,
                                            char *text, int64_t capacity);

/* Sets options back to their defaults; hooks and warm start stay.
   settings: [in] settings. name: [in] one option, or NULL for all.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME. Since: 0.1. */
KANTOR_API int32_t kantor_settings_reset(kantor_settings *settings, const char *name);

/* What the progress hook is told. NaN where a figure is not known. The struct grows at its end
   only. */
typedef struct kantor_progress {
  size_t struct_size;
  int64_t iteration;
  double seconds;   /* since the start of the solve */
  double objective;
  double residual;
  double gap;
  int32_t is_heartbeat; /* 1: called from inside a long iteration, only to give the host a moment */
} kantor_progress;

/* Nonzero stops the solve with KANTOR_STOPPED_BY_CALLBACK; the value is the result's field
   "callback_code". Runs on the thread that called kantor_solve. It may call any function of the
   library; it must not throw a C++ exception or longjmp through the library. */
typedef int32_t (*kantor_progress_fn)(const kantor_progress *progress, void *user);

/* Sets the progress hook: called after each iteration, and from long iterations at least once in
   every "heartbeat" seconds.
   settings: [in] settings. progress: [in] the function, NULL for none. user: [borrowed] passed on.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_set_progress(kantor_settings *settings,
                                                kantor_progress_fn progress, void *user);

/* Log levels; a hook gets its level and all below it. */
enum { KANTOR_LOG_ERROR = 1, KANTOR_LOG_WARNING = 2, KANTOR_LOG_INFO = 3, KANTOR_LOG_DEBUG = 4 };

/* Gets one line of UTF-8 (terminated; length in bytes). Rules as for kantor_progress_fn. */
typedef void (*kantor_log_fn)(int32_t level, const char *utf8, int64_t length, void *user);

/* Sets the log hook. Without one the library is silent.
   settings: [in] settings. level: [in] KANTOR_LOG_ERROR to KANTOR_LOG_DEBUG. log: [in] the
   function, NULL for none. user: [borrowed] passed on.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_RANGE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_set_log(kantor_settings *settings, int32_t level,
                                           kantor_log_fn log, void *user);

/* Lets later solves start from a result, also one of another method: fields of the same name are
   used. Sizes are checked by the solve (KANTOR_E_SHAPE).
   settings: [in] settings. result: [in] kept alive by the settings; NULL for a cold start.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_warm_start(kantor_settings *settings,
                                              const kantor_result *result);

/* Lets later solves start from an array of the caller; it wins over the field of the same name
   of a warm-start result.
   settings: [in] settings. name: [in] a result field that the method starts from, such as
   "potential_target". array: [in] copied; NULL takes it back.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE, KANTOR_E_NAME, KANTOR_E_SHAPE,
   KANTOR_E_LAYOUT, KANTOR_E_VERSION, KANTOR_E_TOO_LARGE, KANTOR_E_OUT_OF_MEMORY. Since: 0.1. */
KANTOR_API int32_t kantor_settings_set_start(kantor_settings *settings, const char *name,
                                             const kantor_array *array);

/* Asks every solve that was started with these settings to stop, now and later, until
   kantor_settings_uncancel: the solve returns its best point with KANTOR_CANCELLED.
   settings: [in] settings.
   Threads: any, also from a hook. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_cancel(kantor_settings *settings);

/* Takes a cancel back.
   settings: [in] settings.
   Threads: any. Errors: KANTOR_E_NULL, KANTOR_E_HANDLE. Since: 0.1. */
KANTOR_API int32_t kantor_settings_uncancel(kantor_settings *settings);

KANTOR_END

#endif
