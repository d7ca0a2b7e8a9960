/* A thousand small matrices made doubly stochastic at once, and the way back: the derivative of a
 * loss of the results with respect to what went in, as a layer of a network needs it.
 */
#include <kantor.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 1000, N = 4, CELLS = COUNT * N * N };

/* The least random numbers that do: reproducible on every machine. */
static double uniform(uint64_t *state)
{
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (double)(*state >> 11) / 9007199254740992.0;
}

static int report(int32_t code)
{
  if (code < 0) fprintf(stderr, "%s: %s\n", kantor_code_name(code), kantor_last_error());
  return code >= 0;
}

static kantor_array batch(double *values)
{
  kantor_array array = {0};
  array.struct_size = sizeof array;
  array.data = values;
  array.dtype = KANTOR_F64;
  array.ndim = 3;
  array.shape[0] = COUNT;
  array.shape[1] = array.shape[2] = N;
  array.stride[0] = N * N;
  array.stride[1] = N;
  array.stride[2] = 1;
  return array;
}

/* The largest distance of a row or column sum from 1. */
static double worst_sum(const double *x)
{
  double worst = 0;
  for (int t = 0; t < COUNT; t++)
    for (int i = 0; i < N; i++) {
      double row = 0, column = 0;
      for (int j = 0; j < N; j++) {
        row += x[(t * N + i) * N + j];
        column += x[(t * N + j) * N + i];
      }
      worst = fmax(worst, fmax(fabs(row - 1), fabs(column - 1)));
    }
  return worst;
}

static int run(const char *method, double *logits, double *matrices, double *slope,
               double *gradient)
{
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  kantor_array input = batch(logits), cotangent = batch(slope), answer = batch(gradient);
  const char *of = "doubly_stochastic", *wrt = "matrices";

  int ok = report(kantor_problem_create("doubly_stochastic", &problem)) &&
           report(kantor_problem_set_array(problem, "matrices", &input, KANTOR_COPY, NULL, NULL)) &&
           report(kantor_solve(problem, method, NULL, &result)) &&
           report(kantor_result_copy(result, "doubly_stochastic", matrices, CELLS));
  /* The loss is half the sum of squares, so its derivative is the matrices themselves. */
  for (int k = 0; ok && k < CELLS; k++) slope[k] = matrices[k];
  ok = ok && report(kantor_result_vjp(result, 1, &of, &cotangent, 1, &wrt, &answer));
  if (ok) {
    /* Adding a number to a row changes nothing, so each row's gradients cancel. */
    double drift = 0;
    for (int r = 0; r < COUNT * N; r++) {
      double sum = 0;
      for (int j = 0; j < N; j++) sum += gradient[r * N + j];
      drift = fmax(drift, fabs(sum));
    }
    double worst = worst_sum(matrices);
    printf("%-20s %s, sums %s, gradients of rows %s\n", method,
           kantor_code_name(kantor_result_status(result)), worst < 1e-8 ? "are 1" : "are wrong",
           drift < 1e-6 ? "cancel" : "do not cancel");
    ok = worst < 1e-8 && drift < 1e-6;
  }
  kantor_result_free(result);
  kantor_problem_free(problem);
  return ok;
}

int main(void)
{
  double *room = malloc(sizeof(double) * CELLS * 4);
  uint64_t state = 7;
  int ok = room != NULL;
  for (int k = 0; ok && k < CELLS; k++) room[k] = 4 * uniform(&state);
  ok = ok &&
       run("sinkhorn_knopp", room, room + CELLS, room + 2 * CELLS, room + 3 * CELLS) &&
       run("birkhoff_projection", room, room + CELLS, room + 2 * CELLS, room + 3 * CELLS);
  free(room);
  return !ok;
}
