/* Eight threads with handles of their own, beside a sealed problem, settings and a result that all
   share; then races for the same handles. Made for ThreadSanitizer; right without it too. */
#include "check.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 8, ROUNDS = 12, SIZE = 24 };

static kantor_problem *shared_problem;
static kantor_settings *shared_settings;
static kantor_result *shared_result;
static kantor_problem *racing_problem;
static double shared_objective;
static pthread_barrier_t barrier;

/* Each thread counts for itself. */
typedef struct worker {
  int number;
  int passed, failed;
  const char *first_failure;
} worker;

static void note(worker *me, int holds, const char *what)
{
  if (holds) {
    me->passed++;
  } else {
    me->failed++;
    if (me->first_failure == NULL) me->first_failure = what;
  }
}

#define HOLDS(condition) note(me, !!(condition), #condition)

static void fill(double *cost, uint32_t state)
{
  for (int k = 0; k < SIZE * SIZE; k++) {
    state = state * 1664525u + 1013904223u;
    cost[k] = state / 4294967296.0;
  }
}

static kantor_problem *make_problem(uint32_t seed)
{
  double cost[SIZE * SIZE];
  kantor_problem *problem = NULL;
  fill(cost, seed);
  if (kantor_problem_create("transport", &problem) != 0) return NULL;
  (void)kantor_transport_set_cost(problem, cost, SIZE, SIZE);
  return problem;
}

static int32_t on_progress(const kantor_progress *progress, void *user)
{
  ++*(int *)user;
  return progress->iteration < 0;
}

/* Nothing here is known to another thread. */
static void use_own(worker *me)
{
  kantor_problem *problem = make_problem((uint32_t)me->number + 1), *copy = NULL;
  kantor_settings *settings = NULL;
  kantor_result *result = NULL;
  double objective = NAN;
  int calls = 0;
  HOLDS(kantor_settings_create("sinkhorn", &settings) == 0);
  HOLDS(kantor_settings_set_int(settings, "threads", 1 + me->number % 2) == 0);
  HOLDS(kantor_settings_set_progress(settings, on_progress, &calls) == 0);
  HOLDS(kantor_problem_copy(problem, &copy) == 0);
  HOLDS(kantor_solve(copy, NULL, settings, &result) == 0);
  HOLDS(calls > 0);
  HOLDS(kantor_result_status(result) == KANTOR_SOLVED);
  HOLDS(kantor_result_real(result, "objective", &objective) == 0 && isfinite(objective));
  kantor_problem_free(copy);
  kantor_result_free(result);
  kantor_settings_free(settings);
  kantor_problem_free(problem);
}

/* Everything here is everybody's. */
static void use_shared(worker *me)
{
  kantor_result *result = NULL;
  double objective = NAN, plan[SIZE * SIZE];
  int64_t threads = 0;
  kantor_array view;
  HOLDS(kantor_solve(shared_problem, NULL, shared_settings, &result) == 0);
  HOLDS(kantor_result_real(result, "objective", &objective) == 0);
  HOLDS(objective == shared_objective);
  HOLDS(kantor_settings_set_int(shared_settings, "seed", me->number) == 0);
  HOLDS(kantor_settings_get_int(shared_settings, "threads", &threads) == 0 && threads == 1);
  /* The plan of the shared result is made by whoever asks first. */
  view.struct_size = sizeof view;
  HOLDS(kantor_result_array(shared_result, "plan", &view) == 0);
  HOLDS(kantor_result_copy(shared_result, "plan", plan, SIZE * SIZE) == 0);
  HOLDS(memcmp(view.data, plan, sizeof plan) == 0);
  HOLDS(kantor_describe()[0] == '{' && kantor_method_count() >= 3);
  kantor_result_free(result);
}

/* Each thread has an error text of its own. */
static void make_errors(worker *me)
{
  char name[32], part[40];
  kantor_problem *problem = NULL;
  snprintf(name, sizeof name, "kind%dkind", me->number);
  snprintf(part, sizeof part, "'%s'", name);
  HOLDS(kantor_problem_create(name, &problem) == KANTOR_E_NAME);
  HOLDS(strstr(kantor_last_error(), part) != NULL);
}

/* All set, read, seal, copy and free the same problem at once; who comes late gets a code. */
static void race(worker *me)
{
  double cost[SIZE * SIZE];
  kantor_problem *copy = NULL;
  kantor_array view;
  fill(cost, (uint32_t)me->number);
  view.struct_size = sizeof view;
  int32_t set = kantor_transport_set_cost(racing_problem, cost, SIZE, SIZE);
  HOLDS(set == 0 || set == KANTOR_E_HANDLE || set == KANTOR_E_STATE);
  int32_t sealed = me->number % 4 == 3 ? kantor_problem_seal(racing_problem) : 0;
  HOLDS(sealed == 0 || sealed == KANTOR_E_HANDLE);
  int32_t copied = kantor_problem_copy(racing_problem, &copy);
  HOLDS((copied == 0) == (copy != NULL));
  if (copy != NULL) HOLDS(kantor_problem_get_array(copy, "cost", &view) == 0);
  HOLDS(kantor_settings_cancel(shared_settings) == 0);
  HOLDS(kantor_settings_uncancel(shared_settings) == 0);
  kantor_problem_free(racing_problem);
  kantor_problem_free(copy);
}

static void *work(void *user)
{
  worker *me = user;
  for (int round = 0; round < ROUNDS; round++) {
    use_own(me);
    use_shared(me);
    make_errors(me);
    pthread_barrier_wait(&barrier);
    if (me->number == 0) racing_problem = make_problem(99);
    pthread_barrier_wait(&barrier);
    race(me);
    pthread_barrier_wait(&barrier);
  }
  return NULL;
}

int main(void)
{
  pthread_t threads[THREADS];
  worker workers[THREADS];
  memset(workers, 0, sizeof workers);
  shared_problem = make_problem(12345);
  WORKS(kantor_settings_create("network_simplex", &shared_settings));
  WORKS(kantor_solve(shared_problem, NULL, shared_settings, &shared_result));
  WORKS(kantor_result_real(shared_result, "objective", &shared_objective));
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (int t = 0; t < THREADS; t++) {
    workers[t].number = t;
    CHECK(pthread_create(&threads[t], NULL, work, &workers[t]) == 0);
  }
  for (int t = 0; t < THREADS; t++) {
    pthread_join(threads[t], NULL);
    checks_passed += workers[t].passed;
    checks_failed += workers[t].failed;
    if (workers[t].failed > 0) printf("thread %d: %s\n", t, workers[t].first_failure);
  }
  pthread_barrier_destroy(&barrier);
  kantor_result_free(shared_result);
  kantor_settings_free(shared_settings);
  kantor_problem_free(shared_problem);
  return check_summary();
}
