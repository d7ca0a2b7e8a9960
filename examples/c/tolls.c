/* Tolls on a network: travellers choose routes by delay and toll, which is a quadratic program; the
   authority chooses tolls of two roads to lower the total delay. A nested problem: the lower one is
   a cone program whose linear objective is the free delays plus M x, M saying who passes where. */
#include <kantor.h>

#include <stdio.h>

enum { ROUTES = 3, ROADS = 2 };

/* Delays of the routes of Braess's paradox, 10 f on two narrow roads and 60 + f on two wide ones;
   the third route takes both narrow roads and a short cut. The delays are D z + open_delay. */
static const double D[ROUTES * ROUTES] = {11, 0, 10, 0, 11, 10, 10, 10, 21};
static const double open_delay[ROUTES] = {60, 60, 0};

/* Total delay z'(D z + free), over (x, z). */
static int32_t total(const double *w, double *value, double *gradient, void *user)
{
  const double *z = w + ROADS;
  (void)user;
  *value = 0;
  for (int i = 0; i < ROADS; i++) gradient[i] = 0;
  for (int i = 0; i < ROUTES; i++) {
    double delay = 0;
    for (int j = 0; j < ROUTES; j++) delay += D[i * ROUTES + j] * z[j];
    *value += z[i] * (delay + open_delay[i]);
    gradient[ROADS + i] = 2 * delay + open_delay[i];
  }
  return 0;
}

static int set(kantor_problem *problem, const char *name, kantor_array array)
{
  return kantor_problem_set_array(problem, name, &array, KANTOR_COPY, NULL, NULL);
}

int main(void)
{
  /* min z'D z / 2 + free'z with z >= 0 that sum to 6. */
  const double A[] = {1, 1, 1, -1, 0, 0, 0, -1, 0, 0, 0, -1}, b[] = {6, 0, 0, 0};
  const double pass[ROUTES * ROADS] = {1, 0, 0, 1, 1, 1}; /* who pays which toll */
  const double start[ROADS] = {1, 1}, none[ROADS] = {0, 0}, most[ROADS] = {40, 40};
  double x[ROADS], z[ROUTES], delay = 0;
  kantor_problem *travellers = NULL, *tolls = NULL;
  kantor_result *result = NULL;
  kantor_functions upper = kantor_functions_make(NULL);
  upper.value_gradient = total;

  kantor_problem_create("cone", &travellers);
  set(travellers, "P", kantor_matrix(D, ROUTES, ROUTES));
  set(travellers, "q", kantor_vector(open_delay, ROUTES));
  set(travellers, "A", kantor_matrix(A, 4, ROUTES));
  set(travellers, "b", kantor_vector(b, 4));
  kantor_problem_set_text(travellers, "cones", "zero 1, nonnegative 3");

  kantor_problem_create("nested", &tolls);
  kantor_problem_set_functions(tolls, "upper", &upper, NULL, NULL);
  kantor_problem_set_problem(tolls, "lower", travellers, "interior_point", NULL);
  kantor_problem_free(travellers); /* the nested problem has it */
  kantor_problem_set_text(tolls, "lower_fields", "q");
  set(tolls, "lower_matrix", kantor_matrix(pass, ROUTES, ROADS));
  kantor_problem_set_text(tolls, "answers", "x");
  kantor_problem_set_int(tolls, "answer_size", ROUTES);
  set(tolls, "start_x", kantor_vector(start, ROADS));
  set(tolls, "x_lower", kantor_vector(none, ROADS));
  set(tolls, "x_upper", kantor_vector(most, ROADS));
  if (kantor_solve(tolls, NULL, NULL, &result) != 0) {
    fprintf(stderr, "%s\n", kantor_last_error());
    return 1;
  }
  kantor_result_copy(result, "x", x, ROADS);
  kantor_result_copy(result, "answer", z, ROUTES);
  kantor_result_real(result, "objective", &delay);
  printf("%s: tolls %.2f and %.2f, travellers %.3f %.3f %.3f, total delay %.3f\n",
         kantor_code_name(kantor_result_status(result)), x[0], x[1], z[0], z[1], z[2], delay);
  kantor_result_free(result);
  kantor_problem_free(tolls);
  return 0;
}
