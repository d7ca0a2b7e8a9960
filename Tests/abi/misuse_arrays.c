/* Array descriptors with every kind of defect, loans, derivative products, the one-call function:
   right codes, outputs untouched, a borrowed array is released exactly once. */
#include "misuse.h"

static int releases;

static void release(void *owner)
{
  (void)owner;
  releases++;
}

/* A descriptor that is one step from good. */
typedef struct bad_array {
  kantor_array array;
  int32_t code;
  const char *what;
} bad_array;

enum { MOST_BAD_ARRAYS = 40 };
static double numbers[64];
static bad_array bad_arrays[MOST_BAD_ARRAYS];
static int bad_array_count;

static kantor_array good_array(void)
{
  return kantor_matrix(numbers, 2, 3);
}

static void add_bad(kantor_array array, int32_t code, const char *what)
{
  if (bad_array_count == MOST_BAD_ARRAYS) abort();
  bad_arrays[bad_array_count].array = array;
  bad_arrays[bad_array_count].code = code;
  bad_arrays[bad_array_count].what = what;
  bad_array_count++;
}

static void make_bad_sizes(void)
{
  size_t sizes[] = {0, 8, sizeof(kantor_array) - 8, sizeof(kantor_array) + 1, 1000000, SIZE_MAX};
  for (int i = 0; i < 6; i++) {
    kantor_array array = good_array();
    array.struct_size = sizes[i];
    add_bad(array, KANTOR_E_VERSION, "struct_size");
  }
}

static void make_bad_types(void)
{
  int32_t types[] = {0, 6, -1, INT_MIN, INT_MAX};
  int32_t ranks[] = {-1, 5, INT_MIN, INT_MAX};
  for (int i = 0; i < 5; i++) {
    kantor_array array = good_array();
    array.dtype = types[i];
    add_bad(array, KANTOR_E_LAYOUT, "dtype");
  }
  for (int i = 0; i < 4; i++) {
    kantor_array array = good_array();
    array.ndim = ranks[i];
    add_bad(array, KANTOR_E_SHAPE, "ndim");
  }
}

static void make_bad_extents(void)
{
  int64_t negative[] = {-1, INT64_MIN, INT64_MIN + 1};
  for (int i = 0; i < 3; i++) {
    kantor_array array = good_array();
    array.shape[i % 2] = negative[i];
    add_bad(array, KANTOR_E_SHAPE, "negative extent");
  }
  int64_t huge[] = {INT64_MAX, (int64_t)1 << 61, (int64_t)1 << 62};
  for (int i = 0; i < 3; i++) {
    kantor_array array = good_array();
    array.shape[i % 2] = huge[i];
    array.stride[0] = array.stride[1] = 0;
    add_bad(array, KANTOR_E_TOO_LARGE, "extents whose product overflows");
  }
}

static void make_bad_strides(void)
{
  int64_t strides[] = {INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_MAX / 2, INT64_MIN / 2,
                       (int64_t)1 << 60, -((int64_t)1 << 60)};
  for (int i = 0; i < 7; i++) {
    kantor_array array = good_array();
    array.stride[i % 2] = strides[i];
    add_bad(array, KANTOR_E_TOO_LARGE, "strides out of the address space");
  }
  kantor_array array = good_array();
  array.data = NULL;
  add_bad(array, KANTOR_E_NULL, "data");
  array.data = (char *)numbers + 1;
  add_bad(array, KANTOR_E_LAYOUT, "alignment");
  array.data = (char *)numbers + 4;
  add_bad(array, KANTOR_E_LAYOUT, "alignment");
}

/* A failing call with a loan releases once; without one, or with a copy, never. */
#define FAILS_AND_RELEASES(code, problem, field, array, ownership, times) \
  do { \
    releases = 0; \
    FAILS(code, kantor_problem_set_array(problem, field, array, ownership, release, numbers)); \
    CHECK(releases == (times)); \
  } while (0)

static void test_bad_arrays(void)
{
  kantor_problem *problem = open_problem();
  kantor_settings *settings = new_settings();
  for (int i = 0; i < bad_array_count; i++) {
    int failed_before = checks_failed;
    const kantor_array *array = &bad_arrays[i].array;
    FAILS_AND_RELEASES(bad_arrays[i].code, problem, "cost", array, KANTOR_COPY, 0);
    FAILS_AND_RELEASES(bad_arrays[i].code, problem, "cost", array, KANTOR_BORROW, 1);
    FAILS(bad_arrays[i].code, kantor_settings_set_start(settings, "potential_source", array));
    if (checks_failed != failed_before) printf("  array: %s\n", bad_arrays[i].what);
  }
  /* The field has kept what it had. */
  kantor_array view;
  view.struct_size = sizeof view;
  WORKS(kantor_problem_get_array(problem, "cost", &view));
  CHECK(view.shape[0] == ROWS && view.shape[1] == COLUMNS);
  kantor_settings_free(settings);
  kantor_problem_free(problem);
}

static void test_bad_loans(void)
{
  kantor_problem *problem = open_problem();
  kantor_array array = good_array();
  FOR_BAD(KIND_PROBLEM)
  {
    FAILS_AND_RELEASES(bad->code, BAD_PROBLEM, "cost", &array, KANTOR_BORROW, 1);
    FAILS_AND_RELEASES(bad->code, BAD_PROBLEM, "cost", &array, KANTOR_COPY, 0);
  }
  FOR_BAD_NAME
  FAILS_AND_RELEASES(name->code, problem, name->text, &array, KANTOR_BORROW, 1);
  FAILS_AND_RELEASES(KANTOR_E_NULL, problem, "cost", NULL, KANTOR_BORROW, 1);
  FAILS_AND_RELEASES(KANTOR_E_NULL, NULL, NULL, NULL, KANTOR_BORROW, 1);
  FAILS_AND_RELEASES(KANTOR_E_TYPE, problem, "metric", &array, KANTOR_BORROW, 1);
  FAILS_AND_RELEASES(KANTOR_E_TYPE, problem, "power", &array, KANTOR_BORROW, 1);
  FAILS_AND_RELEASES(KANTOR_E_SHAPE, problem, "weights_source", &array, KANTOR_BORROW, 1);
  FAILS_AND_RELEASES(KANTOR_E_STATE, live_problem, "cost", &array, KANTOR_BORROW, 1);
  int32_t ownerships[] = {-1, 2, INT_MAX, INT_MIN};
  for (int i = 0; i < 4; i++)
    FAILS_AND_RELEASES(KANTOR_E_RANGE, problem, "cost", &array, ownerships[i], 0);
  /* Only f64 and f32 with a last stride of 1 can be borrowed. */
  array.stride[1] = 2;
  FAILS_AND_RELEASES(KANTOR_E_LAYOUT, problem, "cost", &array, KANTOR_BORROW, 1);
  array.stride[1] = -1;
  FAILS_AND_RELEASES(KANTOR_E_LAYOUT, problem, "cost", &array, KANTOR_BORROW, 1);
  array = good_array();
  int32_t types[] = {KANTOR_I64, KANTOR_I32, KANTOR_U8};
  for (int i = 0; i < 3; i++) {
    array.dtype = types[i];
    FAILS_AND_RELEASES(KANTOR_E_LAYOUT, problem, "cost", &array, KANTOR_BORROW, 1);
  }
  /* No release function is no reason to fall. */
  array = good_array();
  WORKS(kantor_problem_set_array(problem, "cost", &array, KANTOR_BORROW, NULL, NULL));
  FAILS(KANTOR_E_NULL, kantor_problem_set_array(NULL, "cost", &array, KANTOR_BORROW, NULL, NULL));
  kantor_problem_free(problem);
}

static void test_loans(void)
{
  kantor_problem *problem = NULL, *copy = NULL;
  kantor_result *result = NULL;
  kantor_array array = good_array();
  WORKS(kantor_problem_create("transport", &problem));
  releases = 0;
  WORKS(kantor_problem_set_array(problem, "cost", &array, KANTOR_BORROW, release, numbers));
  WORKS(kantor_problem_set_array(problem, "cost", &array, KANTOR_BORROW, release, numbers));
  CHECK(releases == 1);
  kantor_array view;
  view.struct_size = sizeof view;
  WORKS(kantor_problem_get_array(problem, "cost", &view));
  CHECK(view.data == numbers);
  WORKS(kantor_problem_copy(problem, &copy));
  WORKS(kantor_solve(problem, NULL, NULL, &result));
  kantor_problem_free(problem);
  CHECK(releases == 1);
  kantor_problem_free(copy);
  kantor_result_free(result);
  CHECK(releases == 2);
}

/* A release function may use the library, even the handles that are being changed. */
static kantor_problem *changing;
static int32_t inner_code;

static void release_and_look(void *owner)
{
  kantor_array view;
  (void)owner;
  view.struct_size = sizeof view;
  inner_code = kantor_problem_get_array(changing, "cost", &view);
  (void)kantor_problem_seal(NULL);
}

static void test_reentry_from_release(void)
{
  kantor_array array = good_array();
  WORKS(kantor_problem_create("transport", &changing));
  WORKS(
      kantor_problem_set_array(changing, "cost", &array, KANTOR_BORROW, release_and_look, NULL));
  inner_code = 1;
  WORKS(kantor_transport_set_cost(changing, good_cost, ROWS, COLUMNS));
  CHECK(inner_code == KANTOR_OK);
  /* Its errors do not hide the one of the call that failed. */
  array.stride[1] = 2;
  FAILS(KANTOR_E_LAYOUT,
        kantor_problem_set_array(changing, "cost", &array, KANTOR_BORROW, release_and_look, NULL));
  CHECK(strstr(kantor_last_error(), "stride") != NULL);
  kantor_problem *freed = changing;
  array = good_array();
  WORKS(
      kantor_problem_set_array(changing, "cost", &array, KANTOR_BORROW, release_and_look, NULL));
  kantor_problem_free(freed);
  CHECK(inner_code == KANTOR_E_HANDLE);
}

/* Every layout that is allowed comes out as the same numbers. */
static void test_good_layouts(void)
{
  kantor_problem *problem = open_problem();
  double matrix[6] = {1, 2, 3, 4, 5, 6};
  double mixed[12];
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++) mixed[(1 - i) + 2 * (2 - j)] = matrix[3 * i + j];
  kantor_array array = kantor_matrix(mixed + 1 + 4, 2, 3);
  array.stride[0] = -1;
  array.stride[1] = -2;
  WORKS(kantor_problem_set_array(problem, "cost", &array, KANTOR_COPY, release, NULL));
  kantor_array view;
  view.struct_size = sizeof view;
  WORKS(kantor_problem_get_array(problem, "cost", &view));
  CHECK(view.dtype == KANTOR_F64 && view.ndim == 2 && view.stride[0] == 3 && view.stride[1] == 1);
  CHECK(memcmp(view.data, matrix, sizeof matrix) == 0);
  uint8_t bytes[6] = {1, 2, 3, 4, 5, 6};
  array = kantor_array_make(KANTOR_U8, bytes, 2, 2, 3);
  WORKS(kantor_problem_set_array(problem, "cost", &array, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_get_array(problem, "cost", &view));
  CHECK(view.dtype == KANTOR_U8);
  WORKS(kantor_problem_seal(problem));
  kantor_problem_free(problem);
  /* Empty arrays need no data; whether they make sense is the problem's business. */
  problem = open_problem();
  int64_t extents[][2] = {{0, 3}, {3, 0}, {0, 0}, {(int64_t)1 << 62, 0}, {0, INT64_MAX}};
  for (int i = 0; i < 5; i++) {
    array = kantor_matrix(NULL, extents[i][0], extents[i][1]);
    array.stride[0] = INT64_MIN;
    WORKS(kantor_problem_set_array(problem, "cost", &array, KANTOR_COPY, NULL, NULL));
    FAILS(KANTOR_E_SHAPE, kantor_problem_seal(problem));
  }
  kantor_problem_free(problem);
}

static void test_no_memory(void)
{
  /* A stride of 0 makes a huge array of one number. */
  kantor_problem *problem = open_problem();
  kantor_array array = kantor_vector(numbers, (int64_t)1 << 46);
  array.stride[0] = 0;
  FAILS(KANTOR_E_OUT_OF_MEMORY,
        kantor_problem_set_array(problem, "weights_source", &array, KANTOR_COPY, NULL, NULL));
  kantor_problem_free(problem);
}

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

static void test_start(void)
{
  kantor_settings *settings = new_settings();
  kantor_problem *problem = sealed_problem();
  kantor_result *result = NULL;
  kantor_array array = kantor_vector(numbers, COLUMNS + 1);
  FOR_BAD(KIND_SETTINGS)
  FAILS(bad->code, kantor_settings_set_start(BAD_SETTINGS, "potential_source", &array));
  FAILS(KANTOR_E_NULL, kantor_settings_set_start(settings, NULL, &array));
  WORKS(kantor_settings_set_start(settings, "potential_target", &array));
  FAILS(KANTOR_E_SHAPE, kantor_solve(problem, "network_simplex", settings, &result));
  double bad[COLUMNS] = {0, NAN, 0, 0};
  array = kantor_vector(bad, COLUMNS);
  WORKS(kantor_settings_set_start(settings, "potential_target", &array));
  FAILS(KANTOR_E_NOT_FINITE, kantor_solve(problem, "network_simplex", settings, &result));
  CHECK(result == NULL);
  WORKS(kantor_settings_set_start(settings, "potential_target", NULL));
  WORKS(kantor_solve(problem, "network_simplex", settings, &result));
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

int main(void)
{
  make_handles();
  make_bad_sizes();
  make_bad_types();
  make_bad_extents();
  make_bad_strides();
  test_bad_arrays();
  test_bad_loans();
  test_loans();
  test_reentry_from_release();
  test_good_layouts();
  test_no_memory();
  test_array_getters();
  test_start();
  test_derivatives();
  test_exact();
  free_handles();
  return check_summary();
}
