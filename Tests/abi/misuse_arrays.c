/* Array descriptors with every kind of defect, and loans: right codes, and a borrowed array is
   released exactly once whatever happens. */
#include "bad_arrays.h"

static int releases;

static void release(void *owner)
{
  (void)owner;
  releases++;
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

/* AddressSanitizer would rather end the program than let an allocation fail. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

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

/* The sparse setter: every pointer, size, type and length spoilt in turn, on a problem that keeps
   what it had. */
static double entries[3] = {1, 2, 3};
static int64_t rows_of[3] = {0, 1, 1};
static int64_t offsets_of[3] = {0, 2, 3};
static kantor_array entry_array, row_array, offset_array;

static kantor_sparse good_sparse(void)
{
  entry_array = kantor_vector(entries, 3);
  row_array = kantor_array_make(KANTOR_I64, rows_of, 1, 3, 1);
  offset_array = kantor_array_make(KANTOR_I64, offsets_of, 1, 3, 1);
  kantor_sparse matrix;
  memset(&matrix, 0, sizeof matrix);
  matrix.struct_size = sizeof matrix;
  matrix.format = KANTOR_CSC;
  matrix.rows = 2;
  matrix.columns = 2;
  matrix.values = &entry_array;
  matrix.indices = &row_array;
  matrix.offsets = &offset_array;
  return matrix;
}

#define SPARSE_FAILS(code, spoil) \
  do { \
    kantor_sparse matrix = good_sparse(); \
    spoil; \
    FAILS(code, kantor_problem_set_sparse(problem, "A", &matrix)); \
  } while (0)

static void test_sparse(void)
{
  kantor_problem *problem = NULL, *sealed = NULL;
  WORKS(kantor_problem_create("cone", &problem));
  kantor_sparse good = good_sparse();
  WORKS(kantor_problem_set_sparse(problem, "A", &good));
  FOR_BAD(KIND_PROBLEM)
  FAILS(bad->code, kantor_problem_set_sparse(BAD_PROBLEM, "A", &good));
  FOR_BAD_NAME
  FAILS(name->code, kantor_problem_set_sparse(problem, name->text, &good));
  FAILS(KANTOR_E_NULL, kantor_problem_set_sparse(problem, "A", NULL));
  FAILS(KANTOR_E_TYPE, kantor_problem_set_sparse(problem, "q", &good));
  SPARSE_FAILS(KANTOR_E_VERSION, matrix.struct_size = 0);
  SPARSE_FAILS(KANTOR_E_VERSION, matrix.struct_size = SIZE_MAX);
  SPARSE_FAILS(KANTOR_E_LAYOUT, matrix.format = 0);
  SPARSE_FAILS(KANTOR_E_LAYOUT, matrix.format = 4);
  SPARSE_FAILS(KANTOR_E_SHAPE, matrix.rows = -1);
  SPARSE_FAILS(KANTOR_E_SHAPE, matrix.columns = INT64_MIN);
  SPARSE_FAILS(KANTOR_E_TOO_LARGE, matrix.columns = INT64_MAX);
  SPARSE_FAILS(KANTOR_E_SHAPE, matrix.columns = 3);
  SPARSE_FAILS(KANTOR_E_NULL, matrix.values = NULL);
  SPARSE_FAILS(KANTOR_E_NULL, matrix.indices = NULL);
  SPARSE_FAILS(KANTOR_E_NULL, matrix.offsets = NULL);
  SPARSE_FAILS(KANTOR_E_NULL, entry_array.data = NULL);
  SPARSE_FAILS(KANTOR_E_VERSION, row_array.struct_size = 1);
  SPARSE_FAILS(KANTOR_E_LAYOUT, row_array.dtype = KANTOR_F64);
  SPARSE_FAILS(KANTOR_E_LAYOUT, entry_array.dtype = KANTOR_I64);
  SPARSE_FAILS(KANTOR_E_SHAPE, row_array.shape[0] = 2);
  /* What was set is still there, and the indices are looked at when the problem is sealed. */
  double q[2] = {1, 1};
  kantor_array objective = kantor_vector(q, 2);
  WORKS(kantor_problem_set_array(problem, "q", &objective, KANTOR_COPY, NULL, NULL));
  WORKS(kantor_problem_set_text(problem, "cones", "zero 2"));
  WORKS(kantor_problem_copy(problem, &sealed));
  WORKS(kantor_problem_seal(sealed));
  good = good_sparse();
  FAILS(KANTOR_E_STATE, kantor_problem_set_sparse(sealed, "A", &good));
  int64_t spoilt[] = {-1, 2, INT64_MAX, INT64_MIN};
  for (int i = 0; i < 4; i++) {
    kantor_problem *copy = NULL;
    WORKS(kantor_problem_copy(problem, &copy));
    rows_of[1] = spoilt[i];
    kantor_sparse matrix = good_sparse();
    WORKS(kantor_problem_set_sparse(copy, "A", &matrix));
    FAILS(KANTOR_E_RANGE, kantor_problem_seal(copy));
    rows_of[1] = 1;
    offsets_of[1] = spoilt[i] == 2 ? 4 : spoilt[i];
    matrix = good_sparse();
    WORKS(kantor_problem_set_sparse(copy, "A", &matrix));
    FAILS(KANTOR_E_RANGE, kantor_problem_seal(copy));
    offsets_of[1] = 2;
    kantor_problem_free(copy);
  }
  kantor_problem_free(sealed);
  kantor_problem_free(problem);
}

int main(void)
{
  make_handles();
  make_bad_arrays();
  test_bad_arrays();
  test_bad_loans();
  test_loans();
  test_reentry_from_release();
  test_good_layouts();
  test_no_memory();
  test_sparse();
  free_handles();
  return check_summary();
}
