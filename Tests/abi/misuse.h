/* What the parts of the misuse suite share: good objects, bad handles, patterned memory. */
#ifndef KANTOR_TEST_MISUSE_H
#define KANTOR_TEST_MISUSE_H

#include "check.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS = 3, COLUMNS = 4 };

static const double good_cost[ROWS * COLUMNS] = {0, 1, 4, 2, 1, 0, 1, 5, 7, 3, 2, 0};

/* A problem with data, not sealed. */
static inline kantor_problem *open_problem(void)
{
  kantor_problem *problem = NULL;
  WORKS(kantor_problem_create("transport", &problem));
  WORKS(kantor_transport_set_cost(problem, good_cost, ROWS, COLUMNS));
  return problem;
}

static inline kantor_problem *sealed_problem(void)
{
  kantor_problem *problem = open_problem();
  WORKS(kantor_problem_seal(problem));
  return problem;
}

static inline kantor_settings *new_settings(void)
{
  kantor_settings *settings = NULL;
  WORKS(kantor_settings_create(NULL, &settings));
  return settings;
}

static inline kantor_result *new_result(void)
{
  kantor_problem *problem = open_problem();
  kantor_result *result = NULL;
  WORKS(kantor_solve(problem, NULL, NULL, &result));
  kantor_problem_free(problem);
  return result;
}

/* Handles that no function may accept in place of one of a kind, and the code each deserves. */
typedef struct bad_handle {
  void *pointer;
  int32_t code;
} bad_handle;

enum { KIND_PROBLEM, KIND_SETTINGS, KIND_RESULT, BAD_HANDLES = 12 };

static kantor_problem *live_problem;
static kantor_settings *live_settings;
static kantor_result *live_result;
static kantor_problem *dead_problem;
static kantor_settings *dead_settings;
static kantor_result *dead_result;
static char zeroed[512];

static inline void make_handles(void)
{
  live_problem = sealed_problem();
  live_settings = new_settings();
  live_result = new_result();
  dead_problem = open_problem();
  dead_settings = new_settings();
  dead_result = new_result();
  kantor_problem_free(dead_problem);
  kantor_settings_free(dead_settings);
  kantor_result_free(dead_result);
}

static inline void free_handles(void)
{
  kantor_problem_free(live_problem);
  kantor_settings_free(live_settings);
  kantor_result_free(live_result);
}

static inline const bad_handle *bad_handles(int kind)
{
  static bad_handle list[BAD_HANDLES + 1];
  static double on_heap_like[8];
  int count = 0;
#define BAD(p, c) (list[count].pointer = (p), list[count].code = (c), count++)
  BAD(NULL, KANTOR_E_NULL);
  if (kind != KIND_PROBLEM) BAD(live_problem, KANTOR_E_HANDLE);
  if (kind != KIND_SETTINGS) BAD(live_settings, KANTOR_E_HANDLE);
  if (kind != KIND_RESULT) BAD(live_result, KANTOR_E_HANDLE);
  if (kind == KIND_PROBLEM) BAD(dead_problem, KANTOR_E_HANDLE);
  if (kind == KIND_SETTINGS) BAD(dead_settings, KANTOR_E_HANDLE);
  if (kind == KIND_RESULT) BAD(dead_result, KANTOR_E_HANDLE);
  BAD(zeroed, KANTOR_E_HANDLE);
  BAD(on_heap_like, KANTOR_E_HANDLE);
  BAD((void *)(uintptr_t)1, KANTOR_E_HANDLE);
  BAD((void *)~(uintptr_t)0, KANTOR_E_HANDLE);
  BAD((void *)(uintptr_t)0x7fffdeadbee0, KANTOR_E_HANDLE);
  /* One byte beside a live handle of the right kind. */
  BAD((void *)((uintptr_t)(kind == KIND_PROBLEM    ? (void *)live_problem
                           : kind == KIND_SETTINGS ? (void *)live_settings
                                                   : (void *)live_result) +
               1),
      KANTOR_E_HANDLE);
#undef BAD
  list[count].pointer = NULL;
  list[count].code = 0;
  return list;
}

/* bad runs over the bad handles of a kind. */
#define FOR_BAD(kind) for (const bad_handle *bad = bad_handles(kind); bad->code != 0; bad++)
#define BAD_PROBLEM ((kantor_problem *)bad->pointer)
#define BAD_SETTINGS ((kantor_settings *)bad->pointer)
#define BAD_RESULT ((kantor_result *)bad->pointer)

/* Names that nothing has: each gives code, NULL gives KANTOR_E_NULL. */
typedef struct bad_name {
  const char *text;
  int32_t code;
} bad_name;

static inline const bad_name *bad_names(void)
{
  static char endless[1100001];
  memset(endless, 'x', sizeof endless - 1);
  static bad_name list[9];
  bad_name fixed[] = {
      {NULL, KANTOR_E_NULL},        {"", KANTOR_E_NAME},
      {"no such name", KANTOR_E_NAME}, {"\xff\xfe\x80", KANTOR_E_NAME},
      {"two\nlines\t\x01", KANTOR_E_NAME}, {"%s%n%d", KANTOR_E_NAME},
      {"\xF0\x9F\x91\xA9\xE2\x80\x8D", KANTOR_E_NAME}, {endless, KANTOR_E_NAME},
      {NULL, 0}};
  memcpy(list, fixed, sizeof fixed);
  return list;
}

#define FOR_BAD_NAME for (const bad_name *name = bad_names(); name->code != 0; name++)

/* Memory that a failing call must leave as it is. */
enum { PATTERN = 0x5a };

static inline void paint(void *memory, size_t size)
{
  memset(memory, PATTERN, size);
}

static inline int is_painted(const void *memory, size_t size)
{
  const unsigned char *bytes = memory;
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != PATTERN) return 0;
  return 1;
}

#endif
