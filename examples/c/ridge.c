/* Ridge regression with a penalty exp(x_j) for each feature, chosen by the loss on other samples: a
   bilevel problem. The lower level fits the weights y, the upper level looks at the other loss. */
#include <kantor.h>
#include <math.h>
#include <stdio.h>
enum { SAMPLES = 40, P = 4 };
typedef struct data { double a[SAMPLES][P], t[SAMPLES]; } data;
/* Half the mean square of the errors, and its derivatives in x (none) and y; w is (x, y). */
static int32_t upper(const double *w, double *value, double *gradient, void *user)
{
  const data *d = user;
  *value = 0;
  for (int j = 0; j < 2 * P; j++) gradient[j] = 0;
  for (int i = 0; i < SAMPLES; i++) {
    double error = -d->t[i];
    for (int j = 0; j < P; j++) error += d->a[i][j] * w[P + j];
    for (int j = 0; j < P; j++) gradient[P + j] += error * d->a[i][j] / SAMPLES;
    *value += 0.5 * error * error / SAMPLES;
  }
  return 0;
}

static int32_t lower(const double *w, double *value, double *gradient, void *user)
{
  upper(w, value, gradient, user);
  for (int j = 0; j < P; j++) {
    *value += gradient[j] = 0.5 * exp(w[j]) * w[P + j] * w[P + j];
    gradient[P + j] += exp(w[j]) * w[P + j];
  }
  return 0;
}

int main(void)
{
  static data samples[2]; /* for training, for validation; the last two features say nothing */
  for (int i = 0; i < 2 * SAMPLES; i++) {
    double *a = samples[i / SAMPLES].a[i % SAMPLES];
    for (int j = 0; j < P; j++) a[j] = sin((i + 1.0) * (j + 1) * (j + 2));
    samples[i / SAMPLES].t[i % SAMPLES] = a[0] - 0.5 * a[1] + sin(7.0 * i * i);
  }
  kantor_functions F = kantor_functions_make(&samples[1]), f = kantor_functions_make(samples);
  F.value_gradient = upper, f.value_gradient = lower;
  double x[P], values[4][P] = {{-3, -3, -3, -3}, {0}, {-8, -8, -8, -8}, {4, 4, 4, 4}};
  const char *name[4] = {"start_x", "start_y", "x_lower", "x_upper"};
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  kantor_problem_create("bilevel", &problem);
  kantor_problem_set_functions(problem, "upper", &F, NULL, NULL);
  kantor_problem_set_functions(problem, "lower", &f, NULL, NULL);
  for (int k = 0; k < 4; k++) {
    kantor_array array = kantor_vector(values[k], P);
    kantor_problem_set_array(problem, name[k], &array, KANTOR_COPY, NULL, NULL);
  }
  if (kantor_solve(problem, "implicit", NULL, &result) || kantor_result_copy(result, "x", x, P))
    return fprintf(stderr, "%s\n", kantor_last_error()), 1;
  printf("%s: log penalties %.2f %.2f %.2f %.2f\n",
         kantor_code_name(kantor_result_status(result)), x[0], x[1], x[2], x[3]);
  kantor_result_free(result);
  kantor_problem_free(problem);
}
