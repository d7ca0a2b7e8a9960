/* What a solve costs a C program.

   latency exact N M   reads weights a (N), b (M) and costs (N x M) as text from standard input,
   latency solve N M   solves them again and again through kantor_transport_exact, or through
                       handles and kantor_solve, and prints the median seconds of one solve and the
                       plan as JSON.
   latency once        solves one problem of 100 x 100 and prints its cost: a cold start. */
#include <kantor.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCHES = 21 };
#define BATCH_SECONDS 0.01

typedef struct problem {
  int64_t n, m, count;
  double *cost, *a, *b, *f, *g, *value;
  int64_t *row, *column;
  double objective;
} problem;

typedef int (*solver)(problem *);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *room(int64_t count) {
  void *memory = calloc((size_t)count, 8);
  if (memory == NULL) {
    fprintf(stderr, "latency: out of memory\n");
    exit(1);
  }
  return memory;
}

static problem make(int64_t n, int64_t m) {
  problem p = {.n = n, .m = m};
  p.cost = room(n * m);
  p.a = room(n);
  p.b = room(m);
  p.f = room(n);
  p.g = room(m);
  p.row = room(n + m);
  p.column = room(n + m);
  p.value = room(n + m);
  return p;
}

static void discard(problem *p) {
  free(p->cost);
  free(p->a);
  free(p->b);
  free(p->f);
  free(p->g);
  free(p->row);
  free(p->column);
  free(p->value);
}

static int failed(const char *what) {
  fprintf(stderr, "latency: %s: %s\n", what, kantor_last_error());
  return 0;
}

/* The call without handles. Returns 1 when solved. */
static int by_one_call(problem *p) {
  const int32_t code = kantor_transport_exact(p->n, p->m, p->cost, p->a, p->b, &p->objective, p->f,
                                              p->g, p->n + p->m, p->row, p->column, p->value,
                                              &p->count);
  return code == KANTOR_SOLVED ? 1 : failed("kantor_transport_exact");
}

static int view(const kantor_result *result, const char *name, kantor_array *array) {
  array->struct_size = sizeof *array;
  return kantor_result_array(result, name, array) == KANTOR_OK;
}

/* The same through handles, with the costs copied into the problem. Returns 1 when solved. */
static int by_handles(problem *p) {
  kantor_problem *handle = NULL;
  kantor_result *result = NULL;
  kantor_array row, column, value;
  int solved = 0;
  if (kantor_problem_create("transport", &handle) == KANTOR_OK &&
      kantor_transport_set_cost(handle, p->cost, p->n, p->m) == KANTOR_OK &&
      kantor_transport_set_weights(handle, p->a, p->n, p->b, p->m) == KANTOR_OK &&
      kantor_solve(handle, NULL, NULL, &result) == KANTOR_OK &&
      kantor_result_status(result) == KANTOR_SOLVED &&
      kantor_result_real(result, "objective", &p->objective) == KANTOR_OK &&
      view(result, "plan_row", &row) && view(result, "plan_column", &column) &&
      view(result, "plan_value", &value)) {
    p->count = value.shape[0];
    memcpy(p->row, row.data, (size_t)p->count * 8);
    memcpy(p->column, column.data, (size_t)p->count * 8);
    memcpy(p->value, value.data, (size_t)p->count * 8);
    solved = 1;
  }
  kantor_result_free(result);
  kantor_problem_free(handle);
  return solved ? 1 : failed("kantor_solve");
}

static int by_value(const void *left, const void *right) {
  const double x = *(const double *)left, y = *(const double *)right;
  return (x > y) - (x < y);
}

/* Median over batches of the seconds of one solve; negative when a solve fails. */
static double measure(problem *p, solver solve) {
  double batch[BATCHES];
  int64_t calls = 1;
  for (int k = -1; k < BATCHES; k++) {
    const double start = now();
    double elapsed;
    int64_t done = 0;
    do {
      if (!solve(p)) return -1;
      done++;
      elapsed = k < 0 || done == calls ? now() - start : 0;
    } while (k < 0 ? elapsed < BATCH_SECONDS : done < calls);
    if (k < 0) calls = done;
    else batch[k] = elapsed / (double)calls;
  }
  qsort(batch, BATCHES, sizeof *batch, by_value);
  return batch[BATCHES / 2];
}

static int read_all(double *values, int64_t count) {
  for (int64_t k = 0; k < count; k++)
    if (scanf("%lf", &values[k]) != 1) return 0;
  return 1;
}

static int run(const char *mode, int64_t n, int64_t m) {
  problem p = make(n, m);
  int code = 1;
  if (!read_all(p.a, n) || !read_all(p.b, m) || !read_all(p.cost, n * m)) {
    fprintf(stderr, "latency: numbers are missing\n");
  } else {
    const double seconds = measure(&p, strcmp(mode, "solve") == 0 ? by_handles : by_one_call);
    if (seconds > 0) {
      printf("{\"seconds\": %.9g, \"plan\": [", seconds);
      for (int64_t k = 0; k < p.count; k++)
        printf("%s[%lld, %lld, %.17g]", k ? ", " : "", (long long)p.row[k],
               (long long)p.column[k], p.value[k]);
      printf("]}\n");
      code = 0;
    }
  }
  discard(&p);
  return code;
}

static int once(void) {
  problem p = make(100, 100);
  for (int64_t k = 0; k < 100; k++) p.a[k] = p.b[k] = 0.01;
  for (int64_t k = 0; k < 10000; k++) p.cost[k] = (double)(k * 7919 % 10007) / 10007;
  const int solved = by_one_call(&p);
  if (solved) printf("%.17g\n", p.objective);
  discard(&p);
  return solved ? 0 : 1;
}

int main(int count, char **arguments) {
  if (count == 2 && strcmp(arguments[1], "once") == 0) return once();
  if (count == 4) {
    const int64_t n = atoll(arguments[2]), m = atoll(arguments[3]);
    if (n > 0 && m > 0 && n < 10000 && m < 10000) return run(arguments[1], n, m);
  }
  fprintf(stderr, "usage: latency exact|solve N M < numbers, or latency once\n");
  return 2;
}
