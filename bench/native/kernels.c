/* Throughput of the kernels at every CPU level this machine has.

   Built without the library, from the kernels themselves:
     clang -O2 -I Sources/CKantorKernels/include bench/native/kernels.c \
       Sources/CKantorKernels/[a-z]*.c -lm
   Run: kernels [--json] [--level base|v2|v3|v4]. A table (or JSON) goes to standard output: for
   each kernel and level the median of several runs in nanoseconds per entry, and in 10^9 entries
   (for exp and log: evaluations) per second. One thread; about ten seconds for all levels. */
#include "kantor_kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 2048, COLUMNS = 4096, SHORT = 4096, LARGEST_DIMENSION = 64, WIDTH = 3 };
#define SECONDS_PER_KERNEL 0.04
#define LEAST_RUNS 5
#define MOST_RUNS 200

typedef struct data {
  double *dense64, *kernel64, *x64, *y64, *a, *phi, *gamma, *sum, *out, *short64, *result64;
  float *dense32, *kernel32, *x32, *y32, *short32, *result32;
  double *values;
  void *scratch;
  double error;
} data;

/* Processor time of this thread, so that other work on the machine disturbs less. */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *aligned(size_t bytes) {
  void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (p == NULL) {
    fprintf(stderr, "kernels: out of memory (%zu bytes)\n", bytes);
    exit(1);
  }
  return p;
}

/* A fixed sequence of numbers in [0, 1). */
static double uniform(void) {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) * 0x1p-53;
}

static void prepare(data *d) {
  const size_t entries = (size_t)ROWS * COLUMNS;
  d->dense64 = aligned(entries * sizeof(double));
  d->dense32 = aligned(entries * sizeof(float));
  d->kernel64 = aligned(entries * sizeof(double));
  d->kernel32 = aligned(entries * sizeof(float));
  for (size_t k = 0; k < entries; k++) {
    d->dense64[k] = uniform();
    d->dense32[k] = (float)d->dense64[k];
    d->kernel64[k] = exp(-4 * d->dense64[k]);
    d->kernel32[k] = (float)d->kernel64[k];
  }
  const size_t xs = (size_t)ROWS * LARGEST_DIMENSION, ys = (size_t)COLUMNS * LARGEST_DIMENSION;
  d->x64 = aligned(xs * sizeof(double));
  d->x32 = aligned(xs * sizeof(float));
  d->y64 = aligned(ys * sizeof(double));
  d->y32 = aligned(ys * sizeof(float));
  for (size_t k = 0; k < xs; k++) d->x32[k] = (float)(d->x64[k] = 0.3 * (uniform() - 0.5));
  for (size_t k = 0; k < ys; k++) d->y32[k] = (float)(d->y64[k] = 0.3 * (uniform() - 0.5));
  d->a = aligned(ROWS * sizeof(double));
  d->phi = aligned(ROWS * sizeof(double));
  d->gamma = aligned(COLUMNS * sizeof(double));
  d->sum = aligned(COLUMNS * sizeof(double) * WIDTH);
  d->out = aligned(ROWS * sizeof(double) * WIDTH);
  d->values = aligned(COLUMNS * sizeof(double) * WIDTH);
  d->short64 = aligned(SHORT * sizeof(double));
  d->short32 = aligned(SHORT * sizeof(float));
  d->result64 = aligned(SHORT * sizeof(double));
  d->result32 = aligned(SHORT * sizeof(float));
  d->scratch = aligned((size_t)kn_sweep_scratch(COLUMNS));
  for (int i = 0; i < ROWS; i++) d->a[i] = 1.0 / ROWS;
  for (int j = 0; j < COLUMNS; j++) d->gamma[j] = -log(COLUMNS) - 0.1 * uniform();
  for (int j = 0; j < COLUMNS * WIDTH; j++) d->values[j] = uniform();
  for (int k = 0; k < SHORT; k++) d->short32[k] = (float)(d->short64[k] = -20 * uniform());
}

static kn_cost points(const data *d, int32_t kind, int32_t dimension) {
  return (kn_cost){.kind = kind, .dimension = dimension, .rows = ROWS, .columns = COLUMNS,
                   .dense64 = d->dense64, .dense32 = d->dense32, .leading = COLUMNS,
                   .x64 = d->x64, .y64 = d->y64, .x32 = d->x32, .y32 = d->y32,
                   .stride = COLUMNS, .power = 1.5};
}

#define INV_EPS 20.0

/* ---- the kernels, one function each: runs once and returns the number of entries ------------ */

typedef struct job {
  const char *name;
  double (*run)(data *d, int32_t kind, int32_t dimension);
  int32_t kind, dimension;
} job;

#define LOOPS 512

static double run_exp64(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  for (int k = 0; k < LOOPS; k++) kn_exp_f64(d->short64, d->result64, SHORT);
  return (double)LOOPS * SHORT;
}
static double run_exp32(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  for (int k = 0; k < LOOPS; k++) kn_exp_f32(d->short32, d->result32, SHORT);
  return (double)LOOPS * SHORT;
}
static double run_log64(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  for (int k = 0; k < LOOPS; k++) kn_log_f64(d->kernel64, d->result64, SHORT);
  return (double)LOOPS * SHORT;
}
static double run_log32(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  for (int k = 0; k < LOOPS; k++) kn_log_f32(d->kernel32, d->result32, SHORT);
  return (double)LOOPS * SHORT;
}
static double run_lse64(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  for (int k = 0; k < LOOPS; k++) d->result64[k] = kn_logsumexp_f64(d->short64, SHORT);
  return (double)LOOPS * SHORT;
}
static double run_lse32(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  for (int k = 0; k < LOOPS; k++) d->result32[k] = kn_logsumexp_f32(d->short32, SHORT);
  return (double)LOOPS * SHORT;
}
static double run_cost64(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  for (int k = 0; k < LOOPS; k++) kn_cost_row_f64(&cost, k, 0, SHORT, d->result64);
  return (double)LOOPS * SHORT;
}
static double run_cost32(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  for (int k = 0; k < LOOPS; k++) kn_cost_row_f32(&cost, k, 0, SHORT, d->result32);
  return (double)LOOPS * SHORT;
}
static double run_sweep64(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_sinkhorn_sweep_f64(&cost, 0, ROWS, INV_EPS, d->a, d->phi, d->gamma, d->sum, &d->error,
                        d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_sweep32(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_sinkhorn_sweep_f32(&cost, 0, ROWS, INV_EPS, d->a, d->phi, d->gamma, d->sum, &d->error, 0,
                        d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_mixed(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_sinkhorn_sweep_f32(&cost, 0, ROWS, INV_EPS, d->a, d->phi, d->gamma, d->sum, &d->error, 1,
                        d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_softmin64(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_softmin_rows_f64(&cost, 0, ROWS, INV_EPS, d->gamma, d->out, d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_softmin32(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_softmin_rows_f32(&cost, 0, ROWS, INV_EPS, d->gamma, d->out, d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_hardmin(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_hardmin_rows_f64(&cost, 0, ROWS, d->gamma, d->out, d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_hardmin_columns(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_hardmin_columns_f64(&cost, 0, ROWS, d->a, d->sum, d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_kernel32(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_kernel_rows_f32(&cost, 0, ROWS / 4, INV_EPS, d->a, d->gamma, d->kernel32, COLUMNS,
                     d->scratch);
  return (double)(ROWS / 4) * COLUMNS;
}
static double run_kernel64(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_kernel_rows_f64(&cost, 0, ROWS / 4, INV_EPS, d->a, d->gamma, d->kernel64, COLUMNS,
                     d->scratch);
  return (double)(ROWS / 4) * COLUMNS;
}
static double run_scaling64(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  kn_scaling_sweep_f64(d->kernel64, COLUMNS, COLUMNS, 0, ROWS, d->a, d->phi, d->values, d->sum,
                       &d->error);
  return (double)ROWS * COLUMNS;
}
static double run_scaling32(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  kn_scaling_sweep_f32(d->kernel32, COLUMNS, COLUMNS, 0, ROWS, d->a, d->phi, d->values, d->sum,
                       &d->error, d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_apply(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_plan_apply_f64(&cost, 0, ROWS, INV_EPS, d->a, d->gamma, d->values, WIDTH, d->out,
                    d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_apply_transposed(data *d, int32_t kind, int32_t dimension) {
  const kn_cost cost = points(d, kind, dimension);
  kn_plan_apply_transposed_f64(&cost, 0, ROWS, INV_EPS, d->a, d->gamma, d->values, WIDTH, d->sum,
                               d->scratch);
  return (double)ROWS * COLUMNS;
}
static double run_argmin64(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  int64_t where;
  for (int i = 0; i < LOOPS; i++) {
    kn_argmin_difference_f64(d->dense64, d->gamma, SHORT, d->result64, &where);
  }
  return (double)LOOPS * SHORT;
}
static double run_two_smallest(data *d, int32_t kind, int32_t dimension) {
  (void)kind, (void)dimension;
  int64_t where;
  for (int i = 0; i < LOOPS; i++) {
    kn_two_smallest_f64(d->dense64, d->gamma, SHORT, d->result64, &where, d->result64 + 1);
  }
  return (double)LOOPS * SHORT;
}
/* The yardstick of the memory-bound kernels: reading a matrix once. */
static double run_read(data *d, int32_t kind, int32_t dimension) {
  (void)dimension;
  const int doubles = kind == KN_COST_DENSE_F64;
  const uint64_t *p = doubles ? (const uint64_t *)(const void *)d->dense64
                              : (const uint64_t *)(const void *)d->dense32;
  const size_t words = (size_t)ROWS * COLUMNS / (doubles ? 1 : 2);
  uint64_t s = 0;
  for (size_t k = 0; k < words; k += 8) {
    s += (p[k] ^ p[k + 1]) + (p[k + 2] ^ p[k + 3]) + (p[k + 4] ^ p[k + 5]) + (p[k + 6] ^ p[k + 7]);
  }
  d->error += (double)(s & 1);
  return (double)ROWS * COLUMNS;
}

static const job jobs[] = {
    {"exp f64", run_exp64, 0, 0},
    {"exp f32", run_exp32, 0, 0},
    {"log f64", run_log64, 0, 0},
    {"log f32", run_log32, 0, 0},
    {"log-sum-exp f64", run_lse64, 0, 0},
    {"log-sum-exp f32", run_lse32, 0, 0},
    {"cost row f64, squared, d=2", run_cost64, KN_COST_SQEUCLIDEAN, 2},
    {"cost row f64, Euclidean, d=2", run_cost64, KN_COST_EUCLIDEAN, 2},
    {"cost row f64, squared, d=16", run_cost64, KN_COST_SQEUCLIDEAN, 16},
    {"cost row f32, squared, d=2", run_cost32, KN_COST_SQEUCLIDEAN, 2},
    {"cost row f32, Euclidean, d=2", run_cost32, KN_COST_EUCLIDEAN, 2},
    {"sweep f64, dense", run_sweep64, KN_COST_DENSE_F64, 0},
    {"sweep f64, squared, d=2", run_sweep64, KN_COST_SQEUCLIDEAN, 2},
    {"sweep f64, squared, d=16", run_sweep64, KN_COST_SQEUCLIDEAN, 16},
    {"sweep f64, squared, d=64", run_sweep64, KN_COST_SQEUCLIDEAN, 64},
    {"sweep f64, Euclidean, d=2", run_sweep64, KN_COST_EUCLIDEAN, 2},
    {"sweep f32, dense", run_sweep32, KN_COST_DENSE_F32, 0},
    {"sweep f32, squared, d=2", run_sweep32, KN_COST_SQEUCLIDEAN, 2},
    {"sweep f32, squared, d=3", run_sweep32, KN_COST_SQEUCLIDEAN, 3},
    {"sweep f32, squared, d=16", run_sweep32, KN_COST_SQEUCLIDEAN, 16},
    {"sweep f32, squared, d=64", run_sweep32, KN_COST_SQEUCLIDEAN, 64},
    {"sweep f32, Euclidean, d=2", run_sweep32, KN_COST_EUCLIDEAN, 2},
    {"sweep f32, power 1.5, d=2", run_sweep32, KN_COST_POWER, 2},
    {"sweep mixed, dense", run_mixed, KN_COST_DENSE_F32, 0},
    {"sweep mixed, squared, d=2", run_mixed, KN_COST_SQEUCLIDEAN, 2},
    {"softmin rows f64, dense", run_softmin64, KN_COST_DENSE_F64, 0},
    {"softmin rows f32, dense", run_softmin32, KN_COST_DENSE_F32, 0},
    {"hardmin rows f64, dense", run_hardmin, KN_COST_DENSE_F64, 0},
    {"hardmin columns f64, dense", run_hardmin_columns, KN_COST_DENSE_F64, 0},
    {"kernel rows f64, squared, d=2", run_kernel64, KN_COST_SQEUCLIDEAN, 2},
    {"kernel rows f32, squared, d=2", run_kernel32, KN_COST_SQEUCLIDEAN, 2},
    {"scaling sweep f64", run_scaling64, 0, 0},
    {"scaling sweep f32", run_scaling32, 0, 0},
    {"plan apply f64, d=2, width 3", run_apply, KN_COST_SQEUCLIDEAN, 2},
    {"plan apply transposed f64, d=2, width 3", run_apply_transposed, KN_COST_SQEUCLIDEAN, 2},
    {"argmin of a difference f64", run_argmin64, 0, 0},
    {"two smallest of a difference f64", run_two_smallest, 0, 0},
    {"reading the matrix once, f64", run_read, KN_COST_DENSE_F64, 0},
    {"reading the matrix once, f32", run_read, KN_COST_DENSE_F32, 0},
};
enum { JOBS = sizeof jobs / sizeof jobs[0] };

static int ascending(const void *x, const void *y) {
  const double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* Median time of a run, in nanoseconds per entry. Potentials restart with every kernel, and the
   first run, which settles them, is not counted. */
static double measure(data *d, const job *j) {
  for (int i = 0; i < ROWS; i++) d->phi[i] = 0.0;
  for (int k = 0; k < COLUMNS * WIDTH; k++) d->sum[k] = 0.0;
  double each[MOST_RUNS], begin = now();
  int runs = 0;
  j->run(d, j->kind, j->dimension);
  while (runs < LEAST_RUNS || (runs < MOST_RUNS && now() - begin < SECONDS_PER_KERNEL)) {
    double start = now();
    double entries = j->run(d, j->kind, j->dimension);
    each[runs++] = 1e9 * (now() - start) / entries;
  }
  qsort(each, (size_t)runs, sizeof each[0], ascending);
  return each[runs / 2];
}

static void write_table(const char *const *names, int levels, double results[][JOBS]) {
  printf("%-42s", "ns per entry (10^9 entries per second)");
  for (int l = 0; l < levels; l++) printf("%18s", names[l]);
  printf("\n");
  for (int k = 0; k < JOBS; k++) {
    printf("%-42s", jobs[k].name);
    for (int l = 0; l < levels; l++) {
      printf("%9.3f (%6.2f)", results[l][k], 1.0 / results[l][k]);
    }
    printf("\n");
  }
}

static void write_json(const char *const *names, int levels, double results[][JOBS]) {
  printf("{\"unit\": \"ns per entry\", \"rows\": %d, \"columns\": %d, \"levels\": {", ROWS,
         COLUMNS);
  for (int l = 0; l < levels; l++) {
    printf("%s\n  \"%s\": {", l ? "," : "", names[l]);
    for (int k = 0; k < JOBS; k++) {
      printf("%s\n    \"%s\": %.4f", k ? "," : "", jobs[k].name, results[l][k]);
    }
    printf("\n  }");
  }
  printf("\n}}\n");
}

int main(int count, char **arguments) {
  static const int32_t numbers[] = {0, 2, 3, 4};
  static double results[4][JOBS];
  const char *names[4], *only = NULL;
  int levels = 0, json = 0;
  for (int k = 1; k < count; k++) {
    if (strcmp(arguments[k], "--json") == 0) {
      json = 1;
    } else if (strcmp(arguments[k], "--level") == 0 && k + 1 < count) {
      only = arguments[++k];
    } else {
      fprintf(stderr, "usage: %s [--json] [--level base|v2|v3|v4]\n", arguments[0]);
      return 2;
    }
  }
  static data d;
  prepare(&d);
  for (int l = 0; l < 4; l++) {
    if (!kn_level_select(numbers[l])) continue;
    if (only != NULL && strcmp(only, kn_level_name()) != 0) continue;
    names[levels] = kn_level_name();
    for (int k = 0; k < JOBS; k++) results[levels][k] = measure(&d, &jobs[k]);
    levels++;
  }
  if (levels == 0) {
    fprintf(stderr, "%s: this machine has no level %s\n", arguments[0], only);
    return 1;
  }
  (json ? write_json : write_table)(names, levels, results);
  return 0;
}
