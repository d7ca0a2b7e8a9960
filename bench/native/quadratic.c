/* What a small dense quadratic program costs a C program.

   quadratic cold|again N M [CALLS]   reads P (N x N), q (N), A (M x N), l and u (M) as text from
                                      standard input, solves min 1/2 x'Px + q'x, l <= Ax <= u again
                                      and again through kantor_qp_dense, and prints the median
                                      seconds of one solve and the answer as JSON.

   cold starts from the empty working set each time, again from the one of the solve before. With
   CALLS that many solves are made and no time is taken: for counting instructions. */
#include <kantor.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCHES = 101 };
#define BATCH_SECONDS 0.002

typedef struct program {
  kantor_qp data;
  kantor_qp_answer answer;
  double *workspace;
  int64_t room;
  int is_cold;
} program;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *room(int64_t count) {
  void *memory = calloc((size_t)count + 1, 8);
  if (memory == NULL) {
    fprintf(stderr, "quadratic: out of memory\n");
    exit(1);
  }
  return memory;
}

static double *read_numbers(int64_t count) {
  double *numbers = room(count);
  for (int64_t k = 0; k < count; k++) {
    if (scanf("%lf", &numbers[k]) != 1) {
      fprintf(stderr, "quadratic: numbers are missing\n");
      exit(1);
    }
  }
  return numbers;
}

static program make(int64_t n, int64_t m, int is_cold) {
  program p = {.is_cold = is_cold, .room = kantor_qp_workspace(n, m)};
  p.data = (kantor_qp){.struct_size = sizeof p.data, .n = n, .m = m};
  p.data.p = read_numbers(n * n);
  p.data.q = read_numbers(n);
  p.data.a = read_numbers(m * n);
  p.data.row_lower = read_numbers(m);
  p.data.row_upper = read_numbers(m);
  p.answer = (kantor_qp_answer){.struct_size = sizeof p.answer};
  p.answer.x = room(n);
  p.answer.y = room(m + n);
  p.answer.active = room(m + n);
  p.workspace = room(p.room);
  return p;
}

static void discard(program *p) {
  free((void *)p->data.p);
  free((void *)p->data.q);
  free((void *)p->data.a);
  free((void *)p->data.row_lower);
  free((void *)p->data.row_upper);
  free(p->answer.x);
  free(p->answer.y);
  free(p->answer.active);
  free(p->workspace);
}

static int solve(program *p) {
  if (p->is_cold) {
    memset(p->answer.active, 0, (size_t)(p->data.n + p->data.m) * sizeof *p->answer.active);
  }
  const int32_t code = kantor_qp_dense(&p->data, &p->answer, p->workspace, p->room);
  if (code == KANTOR_SOLVED) return 1;
  fprintf(stderr, "quadratic: code %d, %s\n", code, kantor_last_error());
  return 0;
}

static int by_value(const void *left, const void *right) {
  const double x = *(const double *)left, y = *(const double *)right;
  return (x > y) - (x < y);
}

/* Median over batches of the seconds of one solve; negative when a solve fails. */
static double measure(program *p) {
  double batch[BATCHES];
  int64_t calls = 0;
  const double start = now();
  do {
    if (!solve(p)) return -1;
    calls++;
  } while (now() - start < BATCH_SECONDS);
  for (int k = 0; k < BATCHES; k++) {
    const double from = now();
    for (int64_t call = 0; call < calls; call++) {
      if (!solve(p)) return -1;
    }
    batch[k] = (now() - from) / (double)calls;
  }
  qsort(batch, BATCHES, sizeof *batch, by_value);
  return batch[BATCHES / 2];
}

static void print(const char *name, const double *values, int64_t count) {
  printf("\"%s\": [", name);
  for (int64_t k = 0; k < count; k++) printf("%s%.17g", k ? ", " : "", values[k]);
  printf("], ");
}

int main(int count, char **arguments) {
  const int is_cold = count > 1 && strcmp(arguments[1], "cold") == 0;
  if (count >= 4 && count <= 5 && (is_cold || strcmp(arguments[1], "again") == 0)) {
    const int64_t n = atoll(arguments[2]), m = atoll(arguments[3]);
    if (n > 0 && m >= 0 && n < 1000 && m < 10000) {
      program p = make(n, m, is_cold);
      int64_t calls = count == 5 ? atoll(arguments[4]) : 0;
      double seconds = 0;
      if (count == 4) seconds = measure(&p);
      while (calls-- > 0 && seconds == 0) seconds = solve(&p) ? 0 : -1;
      printf("{");
      print("x", p.answer.x, n);
      print("y", p.answer.y, m + n);
      printf("\"iterations\": %lld, \"seconds\": %.9g}\n", (long long)p.answer.iterations,
             seconds);
      discard(&p);
      return seconds < 0;
    }
  }
  fprintf(stderr, "usage: quadratic cold|again N M [CALLS] < numbers\n");
  return 2;
}
