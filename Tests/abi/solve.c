/* Known answers through the C functions, and what the headers promise about names and numbers. */
#include "check.h"

#include <math.h>
#include <stdlib.h>

static double real_of(const kantor_result *result, const char *name)
{
  double value = NAN;
  WORKS(kantor_result_real(result, name, &value));
  return value;
}

static int is_near(double x, double y)
{
  return fabs(x - y) <= 1e-12 * fmax(1, fabs(y));
}

/* Masses at 0 and 1 meet masses at 0, 1 and 2 along a line; a quarter moves by one step twice. */
static void test_small(void)
{
  const double cost[6] = {0, 1, 4, 1, 0, 1}, a[2] = {0.5, 0.5}, b[3] = {0.25, 0.5, 0.25};
  const double plan[6] = {0.25, 0.25, 0, 0, 0.25, 0.25};
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  WORKS(kantor_problem_create("transport", &problem));
  WORKS(kantor_transport_set_cost(problem, cost, 2, 3));
  WORKS(kantor_transport_set_weights(problem, a, 2, b, 3));
  WORKS(kantor_solve(problem, NULL, NULL, &result));
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  CHECK(is_near(real_of(result, "objective"), 0.5));
  CHECK(is_near(real_of(result, "dual_objective"), 0.5));
  CHECK(real_of(result, "marginal_residual") <= 1e-15);
  double copy[6], f[2], g[3];
  WORKS(kantor_result_copy(result, "plan", copy, 6));
  for (int k = 0; k < 6; k++) CHECK(is_near(copy[k], plan[k]));
  WORKS(kantor_result_copy(result, "potential_source", f, 2));
  WORKS(kantor_result_copy(result, "potential_target", g, 3));
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++) {
      CHECK(f[i] + g[j] <= cost[3 * i + j] + 1e-12);
      if (plan[3 * i + j] > 0) CHECK(is_near(f[i] + g[j], cost[3 * i + j]));
    }
  kantor_array rows, values;
  rows.struct_size = values.struct_size = sizeof rows;
  WORKS(kantor_result_array(result, "plan_row", &rows));
  WORKS(kantor_result_array(result, "plan_value", &values));
  CHECK(rows.dtype == KANTOR_I64 && rows.ndim == 1 && rows.shape[0] == values.shape[0]);
  double mass = 0;
  for (int64_t k = 0; k < values.shape[0]; k++) {
    int64_t row = ((const int64_t *)rows.data)[k * rows.stride[0]];
    CHECK(row == 0 || row == 1);
    mass += ((const double *)values.data)[k * values.stride[0]];
  }
  CHECK(is_near(mass, 1));
  kantor_problem_free(problem);
  /* The result outlives its problem. */
  CHECK(is_near(real_of(result, "objective"), 0.5));
  kantor_result_free(result);
}

/* Points on a line: the optimal coupling is monotone, W2^2 is the mean of squared distances. */
static void test_points(void)
{
  const double x[4] = {3, 0, 2, 1}, y[4] = {11, 13, 12, 10};
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  WORKS(kantor_problem_create("transport", &problem));
  WORKS(kantor_transport_set_points(problem, x, 4, y, 4, 1, NULL));
  WORKS(kantor_solve(problem, NULL, NULL, &result));
  CHECK(kantor_result_status(result) == KANTOR_SOLVED);
  CHECK(is_near(real_of(result, "objective"), 100));
  kantor_result_free(result);
  kantor_problem *other = NULL;
  WORKS(kantor_problem_copy(problem, &other));
  WORKS(kantor_problem_set_text(other, "metric", "l1"));
  WORKS(kantor_solve(other, "network_simplex", NULL, &result));
  CHECK(is_near(real_of(result, "objective"), 10));
  kantor_result_free(result);
  kantor_problem_free(other);
  kantor_problem_free(problem);
}

/* Two points, entropy epsilon: the plan is a / (1 + exp(-1 / epsilon)) on the diagonal. */
static void test_entropic(void)
{
  const double cost[4] = {0, 1, 1, 0};
  const double epsilons[3] = {1, 0.1, 0.03};
  kantor_problem *problem = NULL;
  kantor_settings *settings = NULL;
  WORKS(kantor_problem_create("transport", &problem));
  WORKS(kantor_transport_set_cost(problem, cost, 2, 2));
  WORKS(kantor_settings_create("sinkhorn", &settings));
  for (int k = 0; k < 3; k++) {
    kantor_result *result = NULL;
    double plan[4], diagonal = 0.5 / (1 + exp(-1 / epsilons[k]));
    WORKS(kantor_settings_set_real(settings, "epsilon", epsilons[k]));
    WORKS(kantor_solve(problem, NULL, settings, &result));
    CHECK(kantor_result_status(result) == KANTOR_SOLVED);
    WORKS(kantor_result_copy(result, "plan", plan, 4));
    CHECK(fabs(plan[0] - diagonal) < 1e-9 && fabs(plan[3] - diagonal) < 1e-9);
    CHECK(fabs(plan[1] - (0.5 - diagonal)) < 1e-9);
    CHECK(fabs(real_of(result, "transport_cost") - 2 * (0.5 - diagonal)) < 1e-9);
    kantor_result_free(result);
  }
  kantor_settings_free(settings);
  kantor_problem_free(problem);
}

static void test_infeasible(void)
{
  const double cost[4] = {INFINITY, INFINITY, 1, 0};
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  WORKS(kantor_problem_create("transport", &problem));
  WORKS(kantor_transport_set_cost(problem, cost, 2, 2));
  WORKS(kantor_solve(problem, NULL, NULL, &result));
  CHECK(kantor_result_status(result) == KANTOR_INFEASIBLE);
  CHECK(real_of(result, "objective") == INFINITY);
  kantor_result_free(result);
  kantor_problem_free(problem);
}

/* Both shares of a loan: strided f32 costs read where they are, the answer as with copies. */
static void test_element_types(void)
{
  float narrow[2 * 5] = {0, 1, 4, -1, -1, 1, 0, 1, -1, -1};
  int32_t whole[6] = {0, 1, 1, 0, 4, 1};
  const double b[3] = {0.25, 0.5, 0.25};
  for (int k = 0; k < 2; k++) {
    kantor_problem *problem = NULL;
    kantor_result *result = NULL;
    kantor_array cost = kantor_array_make(KANTOR_F32, narrow, 2, 2, 3);
    cost.stride[0] = 5;
    if (k == 1) {
      cost = kantor_array_make(KANTOR_I32, whole, 2, 2, 3);
      cost.stride[0] = 1;
      cost.stride[1] = 2;
    }
    int32_t ownership = k == 0 ? KANTOR_BORROW : KANTOR_COPY;
    WORKS(kantor_problem_create("transport", &problem));
    WORKS(kantor_problem_set_array(problem, "cost", &cost, ownership, NULL, NULL));
    WORKS(kantor_transport_set_weights(problem, NULL, 0, b, 3));
    WORKS(kantor_solve(problem, "network_simplex", NULL, &result));
    CHECK(is_near(real_of(result, "objective"), 0.5));
    kantor_result_free(result);
    kantor_problem_free(problem);
  }
}

static void test_codes(void)
{
#define NAMED(code, name) CHECK(strcmp(kantor_code_name(code), name) == 0)
  NAMED(KANTOR_OK, "ok");
  NAMED(KANTOR_E_NULL, "null");
  NAMED(KANTOR_E_HANDLE, "handle");
  NAMED(KANTOR_E_BUSY, "busy");
  NAMED(KANTOR_E_STATE, "state");
  NAMED(KANTOR_E_NAME, "name");
  NAMED(KANTOR_E_TYPE, "type");
  NAMED(KANTOR_E_RANGE, "range");
  NAMED(KANTOR_E_SHAPE, "shape");
  NAMED(KANTOR_E_LAYOUT, "layout");
  NAMED(KANTOR_E_NOT_FINITE, "not_finite");
  NAMED(KANTOR_E_MISSING, "missing");
  NAMED(KANTOR_E_UNSUPPORTED, "unsupported");
  NAMED(KANTOR_E_TOO_LARGE, "too_large");
  NAMED(KANTOR_E_OUT_OF_MEMORY, "out_of_memory");
  NAMED(KANTOR_E_FORMAT, "format");
  NAMED(KANTOR_E_VERSION, "version");
  NAMED(KANTOR_E_BUFFER, "buffer");
  NAMED(KANTOR_E_INTERNAL, "internal");
  NAMED(KANTOR_SOLVED, "solved");
  NAMED(KANTOR_SOLVED_INACCURATE, "solved_inaccurate");
  NAMED(KANTOR_INFEASIBLE, "infeasible");
  NAMED(KANTOR_UNBOUNDED, "unbounded");
  NAMED(KANTOR_STALLED, "stalled");
  NAMED(KANTOR_ITERATION_LIMIT, "iteration_limit");
  NAMED(KANTOR_TIME_LIMIT, "time_limit");
  NAMED(KANTOR_CANCELLED, "cancelled");
  NAMED(KANTOR_CALLBACK_ERROR, "callback_error");
  NAMED(KANTOR_NUMERICAL_ERROR, "numerical_error");
  NAMED(KANTOR_LOCALLY_INFEASIBLE, "locally_infeasible");
  NAMED(KANTOR_EVALUATION_LIMIT, "evaluation_limit");
  NAMED(KANTOR_STOPPED_BY_CALLBACK, "stopped_by_callback");
}

static void test_versions(void)
{
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", KANTOR_VERSION_MAJOR, KANTOR_VERSION_MINOR,
           KANTOR_VERSION_PATCH);
  CHECK(strcmp(kantor_version(), text) == 0);
  CHECK(kantor_version_number() == KANTOR_VERSION_NUMBER);
  CHECK(KANTOR_VERSION_NUMBER ==
        KANTOR_VERSION_MAJOR * 10000 + KANTOR_VERSION_MINOR * 100 + KANTOR_VERSION_PATCH);
  CHECK(kantor_abi_version() == KANTOR_ABI_VERSION);
  CHECK(strstr(kantor_build_info(), text) != NULL);
  CHECK(strstr(kantor_describe(), text) != NULL);
}

/* The catalogue read by its functions: everything has a text, and every default can be set. */
static void test_catalogue(void)
{
  CHECK(kantor_kind_count() >= 1);
  CHECK(strcmp(kantor_kind_name(0), "transport") == 0);
  CHECK(kantor_problem_field_count("transport") >= 9);
  for (int64_t i = 0; i < kantor_problem_field_count("transport"); i++) {
    kantor_field_info field;
    field.struct_size = sizeof field;
    WORKS(kantor_problem_field_describe("transport", i, &field));
    CHECK(field.name[0] != 0 && field.doc[0] != 0 && field.unit != NULL);
    CHECK((field.type == KANTOR_ARRAY) == (field.shape[0] != 0));
    if (strcmp(field.name, "metric") == 0) CHECK(strstr(field.choices, "l1|power") != NULL);
  }
  CHECK(kantor_method_count() >= 3);
  for (int64_t i = 0; i < kantor_method_count(); i++) {
    kantor_method_info method;
    kantor_settings *settings = NULL;
    method.struct_size = sizeof method;
    WORKS(kantor_method_describe(i, &method));
    CHECK(method.kind[0] != 0);
    CHECK(method.summary[0] != 0 && method.source[0] != 0 && method.guarantee[0] != 0);
    /* Methods of several kinds may share a plain name. */
    char path[128];
    snprintf(path, sizeof path, "%s/%s", method.kind, method.name);
    WORKS(kantor_settings_create(path, &settings));
    for (int64_t k = 0; k < method.option_count; k++) {
      kantor_option_info option;
      option.struct_size = sizeof option;
      WORKS(kantor_option_describe(path, k, &option));
      CHECK(option.doc[0] != 0);
      double real = NAN;
      int64_t whole = -1;
      char text[64];
      switch (option.type) {
        case KANTOR_REAL:
          WORKS(kantor_settings_get_real(settings, option.name, &real));
          CHECK(real == option.default_number && real >= option.min && real <= option.max);
          WORKS(kantor_settings_set_real(settings, option.name, option.default_number));
          break;
        case KANTOR_INT:
          WORKS(kantor_settings_get_int(settings, option.name, &whole));
          CHECK((double)whole == option.default_number);
          WORKS(kantor_settings_set_int(settings, option.name, whole));
          break;
        case KANTOR_FLAG:
          WORKS(kantor_settings_get_int(settings, option.name, &whole));
          CHECK((double)whole == option.default_number && (whole == 0 || whole == 1));
          WORKS(kantor_settings_set_flag(settings, option.name, 1 - (int32_t)whole));
          break;
        default:
          CHECK(option.type == KANTOR_TEXT);
          WORKS(kantor_settings_get_text(settings, option.name, text, sizeof text));
          CHECK(strcmp(text, option.default_text) == 0);
          CHECK(option.choices[0] == 0 || strstr(option.choices, text) != NULL);
          WORKS(kantor_settings_set_text(settings, option.name, text));
      }
    }
    kantor_field_info output;
    output.struct_size = sizeof output;
    for (int64_t k = 0; k < method.output_count; k++) {
      WORKS(kantor_output_describe(path, k, &output));
      CHECK(output.name[0] != 0 && output.doc[0] != 0);
    }
    FAILS(KANTOR_E_RANGE, kantor_output_describe(path, method.output_count, &output));
    kantor_settings_free(settings);
  }
}

static void test_settings(void)
{
  kantor_settings *settings = NULL, *twin = NULL;
  int64_t whole = 0;
  double real = 0;
  WORKS(kantor_settings_create("network_simplex", &settings));
  WORKS(kantor_settings_set_parse(settings, "time_limit", "2.5e1"));
  WORKS(kantor_settings_set_parse(settings, "trace", "yes"));
  WORKS(kantor_settings_set_parse(settings, "threads", "2"));
  WORKS(kantor_settings_copy(settings, &twin));
  WORKS(kantor_settings_reset(settings, "threads"));
  WORKS(kantor_settings_get_real(twin, "time_limit", &real));
  CHECK(real == 25);
  WORKS(kantor_settings_get_int(twin, "trace", &whole));
  CHECK(whole == 1);
  WORKS(kantor_settings_get_int(twin, "threads", &whole));
  CHECK(whole == 2);
  WORKS(kantor_settings_get_int(settings, "threads", &whole));
  CHECK(whole == 1);
  WORKS(kantor_settings_get_real(settings, "threads", &real));
  CHECK(real == 1);
  kantor_settings_free(settings);
  kantor_settings_free(twin);
}

/* Every field of a result, by its description. */
static void test_fields(void)
{
  const double cost[4] = {0, 1, 1, 0};
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  int certificates = 0;
  WORKS(kantor_problem_create("transport", &problem));
  WORKS(kantor_transport_set_cost(problem, cost, 2, 2));
  WORKS(kantor_solve(problem, NULL, NULL, &result));
  CHECK(kantor_result_field_count(result) > 10);
  for (int64_t i = 0; i < kantor_result_field_count(result); i++) {
    kantor_field_info field;
    kantor_array array;
    double real;
    int64_t whole;
    char text[512];
    field.struct_size = sizeof field;
    array.struct_size = sizeof array;
    WORKS(kantor_result_field_describe(result, i, &field));
    CHECK(field.doc[0] != 0);
    certificates += field.is_certificate;
    if (field.type == KANTOR_REAL) WORKS(kantor_result_real(result, field.name, &real));
    if (field.type == KANTOR_INT) WORKS(kantor_result_int(result, field.name, &whole));
    if (field.type == KANTOR_TEXT) WORKS(kantor_result_text(result, field.name, text, 512));
    if (field.type == KANTOR_ARRAY) WORKS(kantor_result_array(result, field.name, &array));
  }
  CHECK(certificates >= 2);
  kantor_result_free(result);
  kantor_problem_free(problem);
}

/* The one-call function agrees with the handles and with the closed form. */
static void test_one_call(void)
{
  const double cost[6] = {0, 1, 4, 1, 0, 1}, a[2] = {0.5, 0.5}, b[3] = {0.25, 0.5, 0.25};
  double objective = 0, f[2], g[3], value[4], row_sum[2] = {0, 0}, column_sum[3] = {0, 0, 0};
  int64_t row[4], column[4], count = 0;
  CHECK(kantor_transport_exact(2, 3, cost, a, b, &objective, f, g, 4, row, column, value, &count) ==
        KANTOR_SOLVED);
  CHECK(is_near(objective, 0.5) && count == 4);
  CHECK(is_near(0.5 * (f[0] + f[1]) + 0.25 * g[0] + 0.5 * g[1] + 0.25 * g[2], 0.5));
  for (int64_t k = 0; k < count; k++) {
    row_sum[row[k]] += value[k];
    column_sum[column[k]] += value[k];
    CHECK(is_near(f[row[k]] + g[column[k]], cost[3 * row[k] + column[k]]));
    for (int64_t l = 0; l < k; l++) CHECK(row[l] != row[k] || column[l] != column[k]);
  }
  for (int i = 0; i < 2; i++) CHECK(is_near(row_sum[i], a[i]));
  for (int j = 0; j < 3; j++) CHECK(is_near(column_sum[j], b[j]));
}

/* n x n costs of which a permutation is the optimum: sorting both sides. */
static void test_one_call_sizes(void)
{
  enum { MOST = 60 };
  static double cost[MOST * MOST];
  for (int n = 1; n <= MOST; n++) {
    double expected = 0, objective = -1;
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++) {
        double d = (i * 7 % n) - j - 0.5;
        cost[i * n + j] = d * d;
      }
    /* If 7 and n have a common divisor the sources are not a permutation; sort them. */
    int hits[MOST] = {0};
    for (int i = 0; i < n; i++) hits[i * 7 % n]++;
    int target = 0;
    for (int x = 0; x < n; x++)
      for (int k = 0; k < hits[x]; k++, target++) {
        double d = x - target - 0.5;
        expected += d * d / n;
      }
    CHECK(kantor_transport_exact(n, n, cost, NULL, NULL, &objective, NULL, NULL, 0, NULL, NULL,
                                 NULL, NULL) == KANTOR_SOLVED);
    CHECK(is_near(objective, expected));
  }
}

int main(void)
{
  test_small();
  test_points();
  test_entropic();
  test_infeasible();
  test_element_types();
  test_codes();
  test_versions();
  test_catalogue();
  test_settings();
  test_fields();
  test_one_call();
  test_one_call_sizes();
  return check_summary();
}
