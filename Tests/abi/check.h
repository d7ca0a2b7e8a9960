/* A test program counts what holds; its last line says how many checks passed and failed. */
#ifndef KANTOR_TEST_CHECK_H
#define KANTOR_TEST_CHECK_H

#include <kantor.h>
#include <stdio.h>
#include <string.h>

static int checks_passed, checks_failed;

static inline void check_that(int holds, const char *what, const char *file, int line)
{
  if (holds) {
    checks_passed++;
    return;
  }
  checks_failed++;
  printf("%s:%d: %s\n", file, line, what);
}

#define CHECK(condition) check_that(!!(condition), #condition, __FILE__, __LINE__)

/* Leaves a text in kantor_last_error that no other call gives, to tell a fresh one from it. */
static inline void mark_last_error(void) { (void)kantor_kind_name(-777777); }
static inline int last_error_is_marked(void)
{
  return strstr(kantor_last_error(), "-777777") != NULL;
}

static inline void check_failure(int64_t got, int64_t wanted, const char *what, const char *file,
                                 int line)
{
  const char *text = kantor_last_error();
  int has_text = text[0] != 0 && strlen(text) < 512 && !last_error_is_marked();
  int is_one_line = strchr(text, '\n') == NULL;
  if (got == wanted && has_text && is_one_line) {
    checks_passed++;
    return;
  }
  checks_failed++;
  printf("%s:%d: %s gave %s (%lld), not %s; text: %s\n", file, line, what,
         kantor_code_name((int32_t)got), (long long)got, kantor_code_name((int32_t)wanted), text);
}

/* The call fails with this code and a text of its own. */
#define FAILS(code, call) \
  do { \
    mark_last_error(); \
    int64_t fails_got = (call); \
    check_failure(fails_got, (code), #call, __FILE__, __LINE__); \
  } while (0)

static inline void check_success(int64_t got, const char *what, const char *file, int line)
{
  if (got >= 0) {
    checks_passed++;
    return;
  }
  checks_failed++;
  printf("%s:%d: %s gave %s: %s\n", file, line, what, kantor_code_name((int32_t)got),
         kantor_last_error());
}

#define WORKS(call) check_success((call), #call, __FILE__, __LINE__)

static inline int check_summary(void)
{
  printf("%d passed, %d failed\n", checks_passed, checks_failed);
  return checks_failed != 0;
}

#endif
