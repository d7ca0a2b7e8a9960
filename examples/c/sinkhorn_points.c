/* Entropic transport between two clouds of points, with a progress hook that watches the
 * marginal error and a request to stop that comes from inside it.
 *
 * Costs are computed on the fly, so memory grows with n + m and not with n m.
 */
#include <kantor.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 600, M = 500, D = 3 };

/* What the hook keeps between its calls. */
typedef struct watch {
  kantor_settings *settings;
  int64_t calls;
  int64_t cancel_at; /* 0: never */
  double residual;
} watch;

/* The least random numbers that do: reproducible on every machine. */
static double uniform(uint64_t *state)
{
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (double)(*state >> 11) / 9007199254740992.0;
}

static int32_t on_progress(const kantor_progress *progress, void *user)
{
  watch *w = user;
  if (progress->is_heartbeat) return 0;
  w->calls++;
  w->residual = progress->residual;
  /* A window's close button or a signal handler would do the same, from any thread. */
  if (w->calls == w->cancel_at) kantor_settings_cancel(w->settings);
  return 0; /* anything else would stop the solve as well */
}

static int report(int32_t code)
{
  if (code < 0) fprintf(stderr, "%s: %s\n", kantor_code_name(code), kantor_last_error());
  return code >= 0;
}

static int run(kantor_problem *problem, kantor_settings *settings, watch *w, int64_t cancel_at)
{
  kantor_result *result = NULL;
  double cost = 0, residual = 0;
  int64_t iterations = 0;
  w->calls = 0;
  w->cancel_at = cancel_at;

  int32_t code = kantor_solve(problem, "sinkhorn", settings, &result);
  if (!code) code = kantor_result_real(result, "transport_cost", &cost);
  if (!code) code = kantor_result_real(result, "marginal_residual", &residual);
  if (!code) code = kantor_result_int(result, "iterations", &iterations);
  if (report(code))
    printf("%-10s after %lld iterations: transport cost %.5f, marginal error %.1e\n",
           kantor_code_name(kantor_result_status(result)), (long long)iterations, cost, residual);
  kantor_result_free(result);
  return code == 0;
}

int main(void)
{
  double *x = malloc(sizeof(double) * N * D), *y = malloc(sizeof(double) * M * D);
  kantor_problem *problem = NULL;
  kantor_settings *settings = NULL;
  watch w = {0};
  uint64_t state = 1;
  int ok = x && y;

  if (ok) {
    for (int i = 0; i < N * D; i++) x[i] = uniform(&state);
    for (int i = 0; i < M * D; i++) y[i] = 0.2 + 0.5 * uniform(&state);
  }
  ok = ok && report(kantor_problem_create("transport", &problem)) &&
       report(kantor_transport_set_points(problem, x, N, y, M, D, "sqeuclidean")) &&
       report(kantor_settings_create("sinkhorn", &settings)) &&
       report(kantor_settings_set_real(settings, "epsilon", 0.02)) &&
       report(kantor_settings_set_real(settings, "tolerance", 1e-8)) &&
       report(kantor_settings_set_progress(settings, on_progress, &w));
  w.settings = settings;

  /* Once cancelled, settings stay so until the cancel is taken back. */
  ok = ok && run(problem, settings, &w, 3) && report(kantor_settings_uncancel(settings)) &&
       run(problem, settings, &w, 0);
  if (ok) printf("The hook was called %lld times; it saw %.1e last.\n", (long long)w.calls,
                 w.residual);

  kantor_settings_free(settings);
  kantor_problem_free(problem);
  free(x);
  free(y);
  return !ok;
}
