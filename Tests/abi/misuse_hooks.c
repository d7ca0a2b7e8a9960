/* Hooks that do what they should not: free the handles in use, solve again, change settings, cancel
   from another thread. The solve goes on with what it started with, and the process lives. */
#include "misuse.h"

#include <pthread.h>

enum { SIZE = 40 };

/* A problem that sinkhorn does not solve in its first iterations. */
static kantor_problem *larger_problem(void)
{
  static double cost[SIZE * SIZE];
  uint32_t state = 7;
  for (int i = 0; i < SIZE * SIZE; i++) {
    state = state * 1664525u + 1013904223u;
    cost[i] = state / 4294967296.0;
  }
  double a[SIZE], b[SIZE];
  for (int i = 0; i < SIZE; i++) {
    a[i] = 1 + i % 3;
    b[i] = 1 + (SIZE - 1 - i) % 3;
  }
  kantor_problem *problem = NULL;
  WORKS(kantor_problem_create("transport", &problem));
  WORKS(kantor_transport_set_cost(problem, cost, SIZE, SIZE));
  WORKS(kantor_transport_set_weights(problem, a, SIZE, b, SIZE));
  return problem;
}

typedef struct scene {
  kantor_problem *problem;
  kantor_settings *settings;
  kantor_result *start;
  int32_t answer; /* what the hook returns */
  int calls;
  int depth;
} scene;

static int32_t solve_in(scene *scene, kantor_result **result)
{
  return kantor_solve(scene->problem, "sinkhorn", scene->settings, result);
}

static scene new_scene(kantor_progress_fn progress, scene *where)
{
  scene scene;
  memset(&scene, 0, sizeof scene);
  scene.problem = larger_problem();
  WORKS(kantor_settings_create("sinkhorn", &scene.settings));
  WORKS(kantor_settings_set_real(scene.settings, "epsilon", 0.01));
  WORKS(kantor_settings_set_progress(scene.settings, progress, where));
  return scene;
}

static void end_scene(scene *scene, kantor_result *result)
{
  kantor_result_free(result);
  kantor_result_free(scene->start);
  kantor_settings_free(scene->settings);
  kantor_problem_free(scene->problem);
}

static int32_t count_calls(const kantor_progress *progress, void *user)
{
  scene *scene = user;
  scene->calls++;
  CHECK(progress->struct_size == sizeof *progress);
  CHECK(progress->iteration >= 0 && progress->seconds >= 0);
  CHECK(progress->is_heartbeat == 0 || progress->is_heartbeat == 1);
  return scene->answer;
}

static void test_stop(void)
{
  int32_t answers[] = {1, -1, INT_MIN, INT_MAX, 42};
  for (int i = 0; i < 5; i++) {
    scene scene = new_scene(count_calls, &scene);
    scene.answer = answers[i];
    kantor_result *result = NULL;
    WORKS(solve_in(&scene, &result));
    int64_t code = 0;
    CHECK(scene.calls == 1);
    CHECK(kantor_result_status(result) == KANTOR_STOPPED_BY_CALLBACK);
    WORKS(kantor_result_int(result, "callback_code", &code));
    CHECK(code == answers[i]);
    end_scene(&scene, result);
  }
}

static int32_t free_everything(const kantor_progress *progress, void *user)
{
  scene *scene = user;
  (void)progress;
  scene->calls++;
  kantor_problem_free(scene->problem);
  kantor_settings_free(scene->settings);
  kantor_result_free(scene->start);
  return 0;
}

static void test_free_during_run(void)
{
  scene scene = new_scene(free_everything, &scene);
  kantor_result *result = NULL, *plain = NULL;
  WORKS(kantor_solve(scene.problem, NULL, NULL, &plain));
  scene.start = new_result();
  WORKS(kantor_settings_warm_start(scene.settings, plain));
  WORKS(solve_in(&scene, &result));
  CHECK(scene.calls >= 1);
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  FAILS(KANTOR_E_HANDLE, kantor_problem_seal(scene.problem));
  FAILS(KANTOR_E_HANDLE, kantor_settings_cancel(scene.settings));
  double exact = 0, bound = 1;
  WORKS(kantor_result_real(plain, "objective", &exact));
  WORKS(kantor_result_real(result, "lower_bound", &bound));
  CHECK(bound <= exact + 1e-9 && bound > 0);
  kantor_result_free(plain);
  kantor_result_free(result);
}

/* Everything that a handle in use can be asked for, from inside. */
static int32_t meddle(const kantor_progress *progress, void *user)
{
  scene *scene = user;
  (void)progress;
  scene->calls++;
  kantor_problem *copy = NULL;
  kantor_settings *twin = NULL;
  kantor_result *inner = NULL;
  FAILS(KANTOR_E_STATE, kantor_transport_set_cost(scene->problem, good_cost, ROWS, COLUMNS));
  WORKS(kantor_problem_seal(scene->problem));
  WORKS(kantor_problem_copy(scene->problem, &copy));
  WORKS(kantor_transport_set_cost(copy, good_cost, ROWS, COLUMNS));
  WORKS(kantor_settings_copy(scene->settings, &twin));
  WORKS(kantor_settings_set_progress(scene->settings, NULL, NULL));
  WORKS(kantor_settings_set_real(scene->settings, "time_limit", 0));
  WORKS(kantor_settings_set_int(scene->settings, "threads", 2));
  WORKS(kantor_settings_reset(scene->settings, NULL));
  WORKS(kantor_settings_warm_start(scene->settings, NULL));
  if (scene->depth < 3) {
    /* The same problem with the same settings and this very hook. */
    scene->depth++;
    WORKS(kantor_solve(scene->problem, "sinkhorn", twin, &inner));
    CHECK(kantor_result_status(inner) == KANTOR_SOLVED);
    scene->depth--;
  }
  kantor_result_free(inner);
  kantor_settings_free(twin);
  kantor_problem_free(copy);
  return 0;
}

static void test_reentry(void)
{
  scene scene = new_scene(meddle, &scene);
  kantor_result *result = NULL;
  WORKS(solve_in(&scene, &result));
  CHECK(scene.calls >= 4);
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  end_scene(&scene, result);
}

static void *cancel_now(void *settings)
{
  return kantor_settings_cancel(settings) == 0 ? settings : NULL;
}

static int32_t cancel_from_thread(const kantor_progress *progress, void *user)
{
  scene *scene = user;
  pthread_t thread;
  void *answer = NULL;
  (void)progress;
  scene->calls++;
  CHECK(pthread_create(&thread, NULL, cancel_now, scene->settings) == 0);
  CHECK(pthread_join(thread, &answer) == 0);
  CHECK(answer == scene->settings);
  return 0;
}

static void test_cancel(void)
{
  scene scene = new_scene(cancel_from_thread, &scene);
  kantor_result *result = NULL;
  WORKS(solve_in(&scene, &result));
  CHECK(scene.calls == 1);
  CHECK(kantor_result_status(result) == KANTOR_CANCELLED);
  kantor_result_free(result);
  /* It holds for later solves too, and its twin has a flag of its own. */
  kantor_settings *twin = NULL;
  WORKS(kantor_settings_set_progress(scene.settings, NULL, NULL));
  WORKS(solve_in(&scene, &result));
  CHECK(kantor_result_status(result) == KANTOR_CANCELLED);
  kantor_result_free(result);
  WORKS(kantor_settings_copy(scene.settings, &twin));
  WORKS(kantor_solve(scene.problem, "sinkhorn", twin, &result));
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  kantor_result_free(result);
  WORKS(kantor_settings_uncancel(scene.settings));
  WORKS(solve_in(&scene, &result));
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  kantor_settings_free(twin);
  end_scene(&scene, result);
}

static void test_time_limit(void)
{
  scene scene = new_scene(NULL, NULL);
  kantor_result *result = NULL;
  WORKS(kantor_settings_set_real(scene.settings, "time_limit", 0));
  WORKS(solve_in(&scene, &result));
  CHECK(kantor_result_status(result) == KANTOR_TIME_LIMIT);
  end_scene(&scene, result);
}

static void free_in_log(int32_t level, const char *utf8, int64_t length, void *user)
{
  scene *scene = user;
  CHECK(level >= KANTOR_LOG_ERROR && level <= KANTOR_LOG_DEBUG);
  CHECK(length == (int64_t)strlen(utf8));
  scene->calls++;
  kantor_settings_free(scene->settings);
}

static void test_hook_arguments(void)
{
  scene scene = new_scene(NULL, NULL);
  kantor_result *result = NULL;
  FOR_BAD(KIND_SETTINGS)
  {
    FAILS(bad->code, kantor_settings_set_progress(BAD_SETTINGS, count_calls, NULL));
    FAILS(bad->code, kantor_settings_set_log(BAD_SETTINGS, KANTOR_LOG_INFO, free_in_log, NULL));
    FAILS(bad->code, kantor_settings_warm_start(BAD_SETTINGS, live_result));
    FAILS(bad->code, kantor_settings_warm_start(BAD_SETTINGS, NULL));
  }
  FOR_BAD(KIND_RESULT)
  if (bad->pointer != NULL)
    FAILS(bad->code, kantor_settings_warm_start(scene.settings, BAD_RESULT));
  int32_t levels[] = {0, 5, -1, INT_MIN, INT_MAX};
  for (int i = 0; i < 5; i++) {
    FAILS(KANTOR_E_RANGE,
          kantor_settings_set_log(scene.settings, levels[i], free_in_log, &scene));
    FAILS(KANTOR_E_RANGE, kantor_settings_set_log(scene.settings, levels[i], NULL, NULL));
  }
  WORKS(kantor_settings_set_log(scene.settings, KANTOR_LOG_ERROR, NULL, NULL));
  WORKS(kantor_settings_set_log(scene.settings, KANTOR_LOG_DEBUG, free_in_log, &scene));
  WORKS(solve_in(&scene, &result));
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  end_scene(&scene, result);
}

/* A result of other sizes is refused by the solve, not before. */
static void test_warm_start(void)
{
  scene scene = new_scene(NULL, NULL);
  kantor_result *result = (kantor_result *)(void *)zeroed;
  WORKS(kantor_settings_warm_start(scene.settings, live_result));
  FAILS(KANTOR_E_SHAPE, solve_in(&scene, &result));
  CHECK(result == NULL);
  WORKS(kantor_settings_warm_start(scene.settings, NULL));
  WORKS(solve_in(&scene, &result));
  end_scene(&scene, result);
}

int main(void)
{
  make_handles();
  test_stop();
  test_free_during_run();
  test_reentry();
  test_cancel();
  test_time_limit();
  test_hook_arguments();
  test_warm_start();
  free_handles();
  return check_summary();
}
