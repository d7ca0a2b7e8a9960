/* A tax on what firms make, so that they make no more than a quota in all. The firms play Cournot's
   game, each with the price 12 - (q1 + q2 + q3) and costs of its own; the authority wants the
   largest welfare under the quota. A nested problem with an upper row over a game whose functions
   depend on x: lower_map tells them. */
#include <kantor.h>

#include <stdio.h>

enum { FIRMS = 3 };
static const double quota = 4.5, price = 12, cost[FIRMS] = {1, 2, 3};

static double sum(const double *q) { return q[0] + q[1] + q[2]; }

/* What each firm loses by making more: its cost and the tax, less what it sells for. */
static int32_t losses(const double *q, double *out, void *tax)
{
  for (int i = 0; i < FIRMS; i++) out[i] = cost[i] + *(double *)tax - (price - sum(q) - q[i]);
  return 0;
}

static int32_t by_tax(const double *q, double *out, void *tax)
{
  (void)q, (void)tax;
  for (int i = 0; i < FIRMS; i++) out[i] = 1;
  return 0;
}

/* The game's parameter for x: the tax itself, which is left where `losses` looks. */
static int32_t tell(const double *x, double *parameter, void *tax)
{
  *(double *)tax = *parameter = x[0];
  return 0;
}

static int32_t tell_slope(const double *x, double *out, void *tax)
{
  (void)x, (void)tax;
  out[0] = 1;
  return 0;
}

/* Over w = (x, q): minus the welfare, and the row q1 + q2 + q3 - quota <= 0. */
static int32_t welfare(const double *w, double *value, double *gradient, void *user)
{
  const double *q = w + 1, all = sum(q);
  (void)user;
  *value = all * all / 2 - price * all;
  gradient[0] = 0;
  for (int i = 0; i < FIRMS; i++) {
    *value += cost[i] * q[i];
    gradient[1 + i] = all - price + cost[i];
  }
  return 0;
}

static int32_t excess(const double *w, double *out, void *user)
{
  (void)user;
  out[0] = sum(w + 1) - quota;
  return 0;
}

static int32_t excess_slope(const double *w, double *out, void *user)
{
  (void)w, (void)user;
  out[0] = 0;
  for (int i = 0; i < FIRMS; i++) out[1 + i] = 1;
  return 0;
}

static int set(kantor_problem *problem, const char *name, kantor_array array)
{
  return kantor_problem_set_array(problem, name, &array, KANTOR_COPY, NULL, NULL);
}

int main(void)
{
  const double ones[FIRMS] = {1, 1, 1}, none[FIRMS] = {0, 0, 0}, most = 12;
  double tax = 0, x, q[FIRMS], multiplier;
  kantor_problem *firms = NULL, *authority = NULL;
  kantor_result *result = NULL;
  kantor_functions game = kantor_functions_make(&tax), map = kantor_functions_make(&tax),
                   upper = kantor_functions_make(NULL);
  game.map = losses;
  game.parameter_jacobian = by_tax;
  map.map = tell;
  map.jacobian = tell_slope;
  upper.value_gradient = welfare;
  upper.map = excess;
  upper.jacobian = excess_slope;

  kantor_problem_create("game", &firms);
  kantor_problem_set_functions(firms, "functions", &game, NULL, NULL);
  set(firms, "start", kantor_vector(none, FIRMS));
  set(firms, "players", kantor_vector(ones, FIRMS)); /* one number each */
  set(firms, "parameters", kantor_vector(none, 1));
  kantor_problem_set_text(firms, "prox", "nonnegative");

  kantor_problem_create("nested", &authority);
  kantor_problem_set_functions(authority, "upper", &upper, NULL, NULL);
  kantor_problem_set_int(authority, "upper_rows", 1);
  kantor_problem_set_problem(authority, "lower", firms, NULL, NULL);
  kantor_problem_free(firms); /* the nested problem has it */
  kantor_problem_set_text(authority, "lower_fields", "parameters");
  kantor_problem_set_functions(authority, "lower_map", &map, NULL, NULL);
  kantor_problem_set_text(authority, "answers", "x");
  kantor_problem_set_int(authority, "answer_size", FIRMS);
  set(authority, "start_x", kantor_vector(none, 1));
  set(authority, "x_lower", kantor_vector(none, 1));
  set(authority, "x_upper", kantor_vector(&most, 1));
  if (kantor_solve(authority, NULL, NULL, &result) != 0) {
    fprintf(stderr, "%s\n", kantor_last_error());
    return 1;
  }
  kantor_result_copy(result, "x", &x, 1);
  kantor_result_copy(result, "answer", q, FIRMS);
  kantor_result_copy(result, "upper_multipliers", &multiplier, 1);
  printf("%s: tax %.3f, firms make %.3f %.3f %.3f, a larger quota is worth %.3f\n",
         kantor_code_name(kantor_result_status(result)), x, q[0], q[1], q[2], multiplier);
  const int is_solved = kantor_result_status(result) == KANTOR_SOLVED;
  kantor_result_free(result);
  kantor_problem_free(authority);
  return is_solved ? 0 : 1;
}
