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

/* A quadratic program whose solution is x = b. */
static void test_forward_derivatives(void)
{
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  double one = 1, b = 2, q = -5, bad = NAN, change[2];
  kantor_array matrix = kantor_matrix(&one, 1, 1), array = kantor_vector(&q, 1);
  WORKS(kantor_problem_create("cone", &problem));
  WORKS(kantor_problem_set_array(problem, "P", &matrix, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_array(problem, "A", &matrix, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_array(problem, "q", &array, KANTOR_COPY, NULL, NULL));
  array = kantor_vector(&b, 1);
  WORKS(kantor_problem_set_array(problem, "b", &array, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_text(problem, "cones", "nonnegative 1"));
  WORKS(kantor_solve(problem, NULL, NULL, &result));
  const char *field[2] = {"b", "b"}, *of[2] = {"x", "objective"};
  kantor_array tangent[2], out[2];
  paint(change, sizeof change);
  tangent[0] = tangent[1] = kantor_vector(&one, 1);
  out[0] = kantor_vector(change, 1);
  out[1] = kantor_array_make(KANTOR_F64, change + 1, 0, 1, 1);
#define JVP(r, n, names, values, k, fields, targets) \
  kantor_result_jvp(r, n, names, values, k, fields, targets)
  FOR_BAD(KIND_RESULT)
  FAILS(bad->code, JVP(BAD_RESULT, 1, field, tangent, 2, of, out));
  FAILS(KANTOR_E_RANGE, JVP(result, 0, field, tangent, 2, of, out));
  FAILS(KANTOR_E_RANGE, JVP(result, 1, field, tangent, INT64_MIN, of, out));
  FAILS(KANTOR_E_NULL, JVP(result, 1, NULL, tangent, 2, of, out));
  FAILS(KANTOR_E_NULL, JVP(result, 1, field, NULL, 2, of, out));
  FAILS(KANTOR_E_NULL, JVP(result, 1, field, tangent, 2, NULL, out));
  FAILS(KANTOR_E_NULL, JVP(result, 1, field, tangent, 2, of, NULL));
  FAILS(KANTOR_E_NAME, JVP(result, 2, field, tangent, 2, of, out));
  FOR_BAD_NAME
  {
    const char *wrong[1];
    wrong[0] = name->text;
    FAILS(name->code, JVP(result, 1, wrong, tangent, 1, of, out));
    FAILS(name->code, JVP(result, 1, field, tangent, 1, wrong, out));
  }
  const char *texts[] = {"message"}, *words[] = {"cones"};
  FAILS(KANTOR_E_TYPE, JVP(result, 1, field, tangent, 1, texts, out));
  FAILS(KANTOR_E_TYPE, JVP(result, 1, words, tangent, 1, of, out));
  tangent[0].data = &bad;
  FAILS(KANTOR_E_NOT_FINITE, JVP(result, 1, field, tangent, 2, of, out));
  tangent[0] = kantor_vector(&one, 1);
  out[0].dtype = KANTOR_F32;
  FAILS(KANTOR_E_LAYOUT, JVP(result, 1, field, tangent, 2, of, out));
  double three[3] = {1, 1, 1};
  out[0] = kantor_vector(three, 3);
  FAILS(KANTOR_E_SHAPE, JVP(result, 1, field, tangent, 1, of, out));
  tangent[0] = kantor_vector(three, 3);
  out[0] = kantor_vector(change, 1);
  FAILS(KANTOR_E_SHAPE, JVP(result, 1, field, tangent, 2, of, out));
  CHECK(is_painted(change, sizeof change));
  tangent[0] = kantor_vector(&one, 1);
  /* A transport result has no such products. */
  const char *weights[1] = {"weights_target"};
  FAILS(KANTOR_E_UNSUPPORTED, JVP(live_result, 1, weights, tangent, 1, of + 1, out + 1));
  WORKS(JVP(result, 1, field, tangent, 2, of, out));
  /* The objective x^2/2 - 5x falls by 5 - 2 at x = 2. */
  CHECK(fabs(change[0] - 1) < 1e-6 && fabs(change[1] + 3) < 1e-6);
  kantor_result_free(result);
  kantor_problem_free(problem);
}

static void test_cone_bound(void)
{
  kantor_problem *problem = NULL;
  /* min -6a - 10b - 12c, a + 2b + 3c <= 5, 0 <= a, b, c <= 1: the multiplier 4 proves -24. */
  double q[3] = {-6, -10, -12}, a[21] = {1, 2, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, -1, 0, 0,
                                         0, -1, 0, 0, 0, -1};
  double b[7] = {5, 1, 1, 1, 0, 0, 0}, z[7] = {4}, bound, low[3] = {-INFINITY, 0, 0};
  double high[3] = {INFINITY, 1, 1}, bad[7] = {NAN};
  kantor_array array = kantor_vector(q, 3), matrix = kantor_matrix(a, 7, 3);
  WORKS(kantor_problem_create("cone", &problem));
  WORKS(kantor_problem_set_array(problem, "q", &array, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_array(problem, "A", &matrix, KANTOR_COPY, NULL, NULL));
  array = kantor_vector(b, 7);
  WORKS(kantor_problem_set_array(problem, "b", &array, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_text(problem, "cones", "nonnegative 7"));
  kantor_array guess = kantor_vector(z, 7), x = kantor_vector(q, 3);
  kantor_array lower = kantor_vector(low, 3), upper = kantor_vector(high, 3);
  paint(&bound, sizeof bound);
#define BOUND(p, g, v, l, u, out) kantor_cone_bound(p, g, v, l, u, out)
  FOR_BAD(KIND_PROBLEM)
  FAILS(bad->code, BOUND(BAD_PROBLEM, &guess, NULL, NULL, NULL, &bound));
  FAILS(KANTOR_E_NULL, BOUND(problem, NULL, NULL, NULL, NULL, &bound));
  FAILS(KANTOR_E_NULL, BOUND(problem, &guess, NULL, NULL, NULL, NULL));
  FAILS(KANTOR_E_SHAPE, BOUND(problem, &x, NULL, NULL, NULL, &bound));
  FAILS(KANTOR_E_SHAPE, BOUND(problem, &guess, &guess, NULL, NULL, &bound));
  FAILS(KANTOR_E_NOT_FINITE, BOUND(problem, &guess, NULL, &upper, NULL, &bound));
  FAILS(KANTOR_E_NOT_FINITE, BOUND(problem, &guess, NULL, NULL, &lower, &bound));
  for (int i = 0; i < bad_array_count; i++)
    FAILS(bad_arrays[i].code, BOUND(problem, &bad_arrays[i].array, NULL, NULL, NULL, &bound));
  guess = kantor_vector(bad, 7);
  FAILS(KANTOR_E_NOT_FINITE, BOUND(problem, &guess, NULL, NULL, NULL, &bound));
  CHECK(is_painted(&bound, sizeof bound));
  guess = kantor_vector(z, 7);
  WORKS(BOUND(problem, &guess, &x, &lower, &upper, &bound));
  CHECK(bound <= -24 && bound > -24.000001);
  z[0] = 5;
  WORKS(BOUND(problem, &guess, NULL, NULL, NULL, &bound));
  CHECK(bound <= -26 && bound > -26.000001);
  kantor_problem_free(problem);
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
  strange[1] = INT32_MIN;
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
  test_forward_derivatives();
  test_cone_bound();
  test_exact();
  test_qp();
  free_handles();
  return check_summary();
}
