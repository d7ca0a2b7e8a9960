/* Functions that take several arrays or give them back, called wrongly: getters, start values,
   derivative products, the one-call function. */
#include "bad_arrays.h"

static void test_array_getters(void)
{
  kantor_problem *problem = open_problem();
  union {
    kantor_array array;
    unsigned char bytes[sizeof(kantor_array) + 64];
  } out;
  paint(&out, sizeof out);
  out.array.struct_size = sizeof out.array;
  FOR_BAD(KIND_PROBLEM)
  FAILS(bad->code, kantor_problem_get_array(BAD_PROBLEM, "cost", &out.array));
  FOR_BAD(KIND_RESULT) FAILS(bad->code, kantor_result_array(BAD_RESULT, "plan", &out.array));
  FOR_BAD_NAME
  {
    FAILS(name->code, kantor_problem_get_array(problem, name->text, &out.array));
    FAILS(name->code, kantor_result_array(live_result, name->text, &out.array));
  }
  FAILS(KANTOR_E_NULL, kantor_problem_get_array(problem, "cost", NULL));
  FAILS(KANTOR_E_NULL, kantor_result_array(live_result, "plan", NULL));
  FAILS(KANTOR_E_TYPE, kantor_problem_get_array(problem, "metric", &out.array));
  FAILS(KANTOR_E_TYPE, kantor_result_array(live_result, "objective", &out.array));
  FAILS(KANTOR_E_MISSING, kantor_problem_get_array(problem, "weights_source", &out.array));
  size_t sizes[] = {0, 8, sizeof(kantor_array) - 8, 1000000, SIZE_MAX};
  for (int i = 0; i < 5; i++) {
    out.array.struct_size = sizes[i];
    FAILS(KANTOR_E_VERSION, kantor_problem_get_array(problem, "cost", &out.array));
    FAILS(KANTOR_E_VERSION, kantor_result_array(live_result, "plan", &out.array));
  }
  CHECK(is_painted(out.bytes + sizeof(size_t), sizeof out - sizeof(size_t)));
  out.array.struct_size = sizeof out;
  WORKS(kantor_result_array(live_result, "plan", &out.array));
  CHECK(out.array.struct_size == sizeof out);
  CHECK(out.array.shape[0] == ROWS && out.array.shape[1] == COLUMNS);
  CHECK(is_painted(out.bytes + sizeof(kantor_array), sizeof out - sizeof(kantor_array)));
  kantor_problem_free(problem);
}

static void test_start(const char *method)
{
  kantor_settings *settings = new_settings();
  kantor_problem *problem = sealed_problem();
  kantor_result *result = NULL;
  kantor_array array = kantor_vector(numbers, COLUMNS + 1);
  FOR_BAD(KIND_SETTINGS)
  FAILS(bad->code, kantor_settings_set_start(BAD_SETTINGS, "potential_target", &array));
  FAILS(KANTOR_E_NULL, kantor_settings_set_start(settings, NULL, &array));
  WORKS(kantor_settings_set_start(settings, "potential_target", &array));
  FAILS(KANTOR_E_SHAPE, kantor_solve(problem, method, settings, &result));
  double bad[COLUMNS] = {0, NAN, 0, 0};
  array = kantor_vector(bad, COLUMNS);
  WORKS(kantor_settings_set_start(settings, "potential_target", &array));
  FAILS(KANTOR_E_NOT_FINITE, kantor_solve(problem, method, settings, &result));
  CHECK(result == NULL);
  WORKS(kantor_settings_set_start(settings, "potential_target", NULL));
  WORKS(kantor_solve(problem, method, settings, &result));
  kantor_result_free(result);
  kantor_problem_free(problem);
  kantor_settings_free(settings);
}

/* One cotangent and one gradient, each replaced by something wrong. */
static void test_derivatives(void)
{
  double one = 1, bad_one = NAN, gradient[8];
  const char *result_name[2] = {"objective", "objective"};
  const char *field_name[2] = {"weights_target", "weights_target"};
  kantor_array cotangent = kantor_array_make(KANTOR_F64, &one, 0, 1, 1);
  kantor_array target[2];
  paint(gradient, sizeof gradient);
  target[0] = target[1] = kantor_vector(gradient, COLUMNS);
#define VJP(r, n, names, values, k, fields, targets) \
  kantor_result_vjp(r, n, names, values, k, fields, targets)
  FOR_BAD(KIND_RESULT)
  FAILS(bad->code, VJP(BAD_RESULT, 1, result_name, &cotangent, 1, field_name, target));
  int64_t counts[] = {0, -1, INT64_MIN, INT64_MAX, 1000000};
  for (int i = 0; i < 5; i++) {
    FAILS(KANTOR_E_RANGE,
          VJP(live_result, counts[i], result_name, &cotangent, 1, field_name, target));
    FAILS(KANTOR_E_RANGE,
          VJP(live_result, 1, result_name, &cotangent, counts[i], field_name, target));
  }
  FAILS(KANTOR_E_NULL, VJP(live_result, 1, NULL, &cotangent, 1, field_name, target));
  FAILS(KANTOR_E_NULL, VJP(live_result, 1, result_name, NULL, 1, field_name, target));
  FAILS(KANTOR_E_NULL, VJP(live_result, 1, result_name, &cotangent, 1, NULL, target));
  FAILS(KANTOR_E_NULL, VJP(live_result, 1, result_name, &cotangent, 1, field_name, NULL));
  FAILS(KANTOR_E_NAME, VJP(live_result, 1, result_name, &cotangent, 2, field_name, target));
  FOR_BAD_NAME
  {
    const char *bad[1];
    bad[0] = name->text;
    FAILS(name->code, VJP(live_result, 1, bad, &cotangent, 1, field_name, target));
    FAILS(name->code, VJP(live_result, 1, result_name, &cotangent, 1, bad, target));
  }
  const char *texts[] = {"message"}, *whole[] = {"iterations"}, *words[] = {"metric"};
  FAILS(KANTOR_E_TYPE, VJP(live_result, 1, texts, &cotangent, 1, field_name, target));
  FAILS(KANTOR_E_TYPE, VJP(live_result, 1, whole, &cotangent, 1, field_name, target));
  FAILS(KANTOR_E_TYPE, VJP(live_result, 1, result_name, &cotangent, 1, words, target));
  cotangent.data = &bad_one;
  FAILS(KANTOR_E_NOT_FINITE, VJP(live_result, 1, result_name, &cotangent, 1, field_name, target));
  cotangent = kantor_vector(good_cost, 2);
  FAILS(KANTOR_E_SHAPE, VJP(live_result, 1, result_name, &cotangent, 1, field_name, target));
  for (int i = 0; i < bad_array_count; i++) {
    FAILS(bad_arrays[i].code, VJP(live_result, 1, result_name, &bad_arrays[i].array, 1, field_name,
                                  target));
    cotangent = kantor_vector(&one, 1);
    FAILS(bad_arrays[i].code, VJP(live_result, 1, result_name, &cotangent, 1, field_name,
                                  &bad_arrays[i].array));
  }
  target[0].dtype = KANTOR_F32;
  FAILS(KANTOR_E_LAYOUT, VJP(live_result, 1, result_name, &cotangent, 1, field_name, target));
  target[0] = kantor_vector(gradient, COLUMNS);
  target[0].stride[0] = 0;
  FAILS(KANTOR_E_LAYOUT, VJP(live_result, 1, result_name, &cotangent, 1, field_name, target));
  target[0] = kantor_vector(gradient, COLUMNS + 1);
  FAILS(KANTOR_E_SHAPE, VJP(live_result, 1, result_name, &cotangent, 1, field_name, target));
  CHECK(is_painted(gradient, sizeof gradient));
  /* Good ones, forwards and backwards. */
  double forwards[COLUMNS];
  target[0] = kantor_vector(forwards, COLUMNS);
  WORKS(VJP(live_result, 1, result_name, &cotangent, 1, field_name, target));
  target[0] = kantor_vector(gradient + 2 * (COLUMNS - 1), COLUMNS);
  target[0].stride[0] = -2;
  WORKS(VJP(live_result, 1, result_name, &cotangent, 1, field_name, target));
  for (int j = 0; j < COLUMNS; j++) CHECK(gradient[2 * (COLUMNS - 1 - j)] == forwards[j]);
  CHECK(is_painted(&gradient[1], sizeof gradient[1]));
}

static void test_exact(void)
{
  double cost[4] = {0, 1, 1, 0}, weights[2] = {0.5, 0.5}, bad[2] = {0.5, NAN};
  double negative[2] = {1.5, -0.5}, more[2] = {1, 1}, bad_cost[4] = {0, 1, NAN, 0};
  double objective, f[2], g[2], value[3];
  int64_t row[3], column[3], count;
#define PAINT_ALL \
  (paint(&objective, sizeof objective), paint(f, sizeof f), paint(g, sizeof g), \
   paint(value, sizeof value), paint(row, sizeof row), paint(column, sizeof column), \
   paint(&count, sizeof count))
#define ARE_PAINTED \
  (is_painted(&objective, sizeof objective) && is_painted(f, sizeof f) && \
   is_painted(g, sizeof g) && is_painted(value, sizeof value) && is_painted(row, sizeof row) && \
   is_painted(column, sizeof column) && is_painted(&count, sizeof count))
#define EXACT(n, m, c, a, b, room) \
  kantor_transport_exact(n, m, c, a, b, &objective, f, g, room, row, column, value, &count)
  PAINT_ALL;
  int64_t sizes[] = {0, -1, INT64_MIN};
  for (int i = 0; i < 3; i++) {
    FAILS(KANTOR_E_RANGE, EXACT(sizes[i], 2, cost, NULL, NULL, 3));
    FAILS(KANTOR_E_RANGE, EXACT(2, sizes[i], cost, NULL, NULL, 3));
  }
  int64_t huge[] = {INT64_MAX, (int64_t)1 << 40, (int64_t)1 << 31};
  for (int i = 0; i < 3; i++)
    FAILS(KANTOR_E_TOO_LARGE, EXACT(huge[i], huge[i], cost, NULL, NULL, 3));
  FAILS(KANTOR_E_NULL, EXACT(2, 2, NULL, NULL, NULL, 3));
  FAILS(KANTOR_E_NOT_FINITE, EXACT(2, 2, bad_cost, NULL, NULL, 3));
  bad_cost[2] = -INFINITY;
  FAILS(KANTOR_E_NOT_FINITE, EXACT(2, 2, bad_cost, NULL, NULL, 3));
  FAILS(KANTOR_E_NOT_FINITE, EXACT(2, 2, cost, bad, NULL, 3));
  FAILS(KANTOR_E_NOT_FINITE, EXACT(2, 2, cost, NULL, bad, 3));
  FAILS(KANTOR_E_RANGE, EXACT(2, 2, cost, negative, NULL, 3));
  FAILS(KANTOR_E_RANGE, EXACT(2, 2, cost, weights, more, 3));
  int64_t rooms[] = {-1, INT64_MIN, 0, 1};
  for (int i = 0; i < 4; i++) FAILS(KANTOR_E_BUFFER, EXACT(2, 2, cost, NULL, NULL, rooms[i]));
  /* Plan arrays: all or none. */
  FAILS(KANTOR_E_NULL, kantor_transport_exact(2, 2, cost, NULL, NULL, &objective, f, g, 3, row,
                                              NULL, value, &count));
  FAILS(KANTOR_E_NULL, kantor_transport_exact(2, 2, cost, NULL, NULL, &objective, f, g, 3, row,
                                              column, value, NULL));
  CHECK(ARE_PAINTED);
  double forbidden[4] = {INFINITY, INFINITY, 1, 0};
  CHECK(EXACT(2, 2, forbidden, NULL, NULL, 3) == KANTOR_INFEASIBLE);
  CHECK(ARE_PAINTED);
  CHECK(kantor_transport_exact(2, 2, cost, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL,
                               NULL) == KANTOR_SOLVED);
  CHECK(EXACT(2, 2, cost, weights, weights, 3) == KANTOR_SOLVED);
  CHECK(objective == 0 && count == 2 && row[1] == column[1] && value[1] == 0.5);
}

/* The one call for quadratic programs: what it refuses, what it leaves alone, what it answers. */
static void test_qp(void)
{
  const double p[4] = {4, 1, 1, 2}, q[2] = {1, 1}, a[2] = {1, 1}, one[1] = {1};
  const double zeros[2] = {0, 0}, tops[2] = {0.7, 0.7};
  double bad[4] = {4, 1, 1, NAN}, skew[4] = {4, 1, 2, 2}, concave[4] = {1, 2, 2, 1};
  double x[2], y[3], workspace[400], nowhere[2] = {1, -1};
  int32_t active[3] = {0, 0, 0}, strange[3] = {0, 2, 0};
  kantor_qp problem = {sizeof problem, 2, 1, p, q, a, one, one, zeros, tops}, other;
  kantor_qp_answer answer;
  memset(&answer, 0, sizeof answer);
  answer.struct_size = sizeof answer;
  answer.x = x;
  answer.y = y;
  paint(x, sizeof x);
  paint(y, sizeof y);
#define QP(field, value) \
  (other = problem, other.field = (value), kantor_qp_dense(&other, &answer, NULL, 0))
  FAILS(KANTOR_E_NULL, kantor_qp_dense(NULL, &answer, NULL, 0));
  FAILS(KANTOR_E_NULL, kantor_qp_dense(&problem, NULL, NULL, 0));
  FAILS(KANTOR_E_VERSION, QP(struct_size, 0));
  int64_t sizes[] = {0, -1, INT64_MIN, INT64_MAX};
  for (int i = 0; i < 4; i++) {
    FAILS(KANTOR_E_RANGE, QP(n, sizes[i]));
    if (i > 0) FAILS(KANTOR_E_RANGE, QP(m, sizes[i]));
    FAILS(KANTOR_E_RANGE, kantor_qp_workspace(sizes[i], 1));
  }
  FAILS(KANTOR_E_NULL, QP(q, NULL));
  FAILS(KANTOR_E_NULL, QP(a, NULL));
  FAILS(KANTOR_E_NOT_FINITE, QP(p, bad));
  FAILS(KANTOR_E_NOT_FINITE, QP(q, bad + 2));
  FAILS(KANTOR_E_NOT_FINITE, QP(a, bad + 2));
  FAILS(KANTOR_E_NOT_FINITE, QP(upper, bad + 2));
  FAILS(KANTOR_E_RANGE, QP(p, skew));
  FAILS(KANTOR_E_RANGE, QP(p, concave));
  FAILS(KANTOR_E_RANGE, QP(upper, nowhere));
  FAILS(KANTOR_E_BUFFER, kantor_qp_dense(&problem, &answer, workspace, 3));
  answer.active = strange;
  FAILS(KANTOR_E_RANGE, kantor_qp_dense(&problem, &answer, NULL, 0));
  answer.active = active;
  CHECK(is_painted(x, sizeof x) && is_painted(y, sizeof y));
  /* OSQP's first example: x = (0.3, 0.7), objective 1.88, multipliers -2.9 and 0.2. */
  CHECK(kantor_qp_workspace(2, 1) > 0 && kantor_qp_workspace(2, 1) <= 400);
  for (int round = 0; round < 2; round++) {
    CHECK(kantor_qp_dense(&problem, &answer, workspace, 400) == KANTOR_SOLVED);
    CHECK(fabs(x[0] - 0.3) < 1e-12 && fabs(x[1] - 0.7) < 1e-12);
    CHECK(fabs(answer.objective - 1.88) < 1e-12);
    CHECK(fabs(y[0] + 2.9) < 1e-12 && fabs(y[2] - 0.2) < 1e-12 && y[1] == 0);
    CHECK(active[1] == 0 && active[2] == 1 && active[0] != 0);
  }
  CHECK(answer.iterations == 0);
  /* No point of the box has the sum 3; the ray has to say so. */
  const double three[1] = {3};
  other = problem;
  other.row_lower = other.row_upper = three;
  paint(x, sizeof x);
  CHECK(kantor_qp_dense(&other, &answer, NULL, 0) == KANTOR_INFEASIBLE);
  CHECK(is_painted(x, sizeof x) && answer.radius > 1e6);
  CHECK(fabs(y[0] + y[1]) < 1e-12 && fabs(y[0] + y[2]) < 1e-12 && y[0] < 0);
  /* Linear programs: a corner, and a fall without end. */
  double objective = 0;
  CHECK(kantor_lp_dense(2, 1, q, a, one, NULL, zeros, NULL, x, &objective) == KANTOR_SOLVED);
  CHECK(fabs(objective - 1) < 1e-12 && fabs(x[0] + x[1] - 1) < 1e-12);
  CHECK(kantor_lp_dense(2, 1, q, a, NULL, one, NULL, NULL, x, NULL) == KANTOR_UNBOUNDED);
  CHECK(x[0] + x[1] < 0);
}

int main(void)
{
  make_handles();
  make_bad_arrays();
  test_array_getters();
  test_start("network_simplex");
  test_start("sinkhorn");
  test_derivatives();
  test_exact();
  test_qp();
  free_handles();
  return check_summary();
}
