/* Ridge regression with a penalty of its own for each feature, chosen by the loss on other samples:
   a bilevel problem. The lower level fits the weights, the upper level looks at the other loss. */
#include <kantor.h>

#include <math.h>
#include <stdio.h>

enum { SAMPLES = 40, FEATURES = 4, N = 2 * FEATURES };
typedef struct data { double a[SAMPLES][FEATURES], t[SAMPLES]; } data;

/* Half the mean square of the errors, and its derivative in the weights (w + FEATURES). */
static double loss(const data *d, const double *w, double *gradient)
{
  double sum = 0;
  for (int j = 0; j < N; j++) gradient[j] = 0;
  for (int i = 0; i < SAMPLES; i++) {
    double error = -d->t[i];
    for (int j = 0; j < FEATURES; j++) error += d->a[i][j] * w[FEATURES + j];
    for (int j = 0; j < FEATURES; j++) gradient[FEATURES + j] += error * d->a[i][j] / SAMPLES;
    sum += 0.5 * error * error / SAMPLES;
  }
  return sum;
}

static int32_t upper(const double *w, double *value, double *gradient, void *user)
{
  *value = loss((const data *)user + 1, w, gradient);
  return 0;
}

static int32_t lower(const double *w, double *value, double *gradient, void *user)
{
  *value = loss(user, w, gradient);
  for (int j = 0; j < FEATURES; j++) {
    double penalty = 0.5 * exp(w[j]) * w[FEATURES + j] * w[FEATURES + j];
    *value += penalty;
    gradient[j] += penalty;
    gradient[FEATURES + j] += exp(w[j]) * w[FEATURES + j];
  }
  return 0;
}

int main(void)
{
  static data samples[2]; /* for training, for validation */
  unsigned state = 1;
  for (int k = 0; k < 2 * SAMPLES; k++) {
    data *d = &samples[k / SAMPLES];
    int i = k % SAMPLES;
    double noise[FEATURES + 1];
    for (int j = 0; j <= FEATURES; j++)
      noise[j] = (double)((state = state * 1664525u + 1013904223u) >> 8) / (1 << 23) - 1;
    for (int j = 0; j < FEATURES; j++) d->a[i][j] = noise[j];
    d->t[i] = noise[0] - 0.5 * noise[1] + noise[FEATURES]; /* the last two features say nothing */
  }
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  kantor_functions F = kantor_functions_make(samples), f = kantor_functions_make(samples);
  F.value_gradient = upper;
  f.value_gradient = lower;
  double start[FEATURES] = {-3, -3, -3, -3}, low[FEATURES] = {-8, -8, -8, -8};
  double high[FEATURES] = {4, 4, 4, 4}, zero[FEATURES] = {0}, x[FEATURES];
  kantor_array array[4] = {kantor_vector(start, FEATURES), kantor_vector(zero, FEATURES),
                           kantor_vector(low, FEATURES), kantor_vector(high, FEATURES)};
  const char *name[4] = {"start_x", "start_y", "x_lower", "x_upper"};
  kantor_problem_create("bilevel", &problem);
  kantor_problem_set_functions(problem, "upper", &F, NULL, NULL);
  kantor_problem_set_functions(problem, "lower", &f, NULL, NULL);
  for (int k = 0; k < 4; k++)
    kantor_problem_set_array(problem, name[k], &array[k], KANTOR_COPY, NULL, NULL);
  if (kantor_solve(problem, "implicit", NULL, &result) != 0) {
    fprintf(stderr, "%s\n", kantor_last_error());
    return 1;
  }
  kantor_result_copy(result, "x", x, FEATURES);
  printf("%s: log penalties", kantor_code_name(kantor_result_status(result)));
  for (int j = 0; j < FEATURES; j++) printf(" %.2f", x[j]);
  printf("\n");
  kantor_result_free(result);
  kantor_problem_free(problem);
  return 0;
}
