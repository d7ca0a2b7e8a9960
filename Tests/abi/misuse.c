/* Exported functions, called wrongly in every way that C allows: each call gives the right code and
   a text, leaves its outputs alone, and the process lives. misuse_arrays.c, misuse_values.c and
   misuse_hooks.c have the rest; scripts/check-headers sees to it that no function is left out. */
#include "misuse.h"

static void test_texts(void)
{
  int32_t codes[] = {0,  1,   13,  14,   -1,      -17,     -18,    -98,
                     -99, -100, 100, 1000, INT_MIN, INT_MAX, 123456, -123456};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    CHECK(kantor_code_name(codes[i]) != NULL);
    CHECK(kantor_code_name(codes[i])[0] != 0);
  }
  CHECK(strcmp(kantor_code_name(INT_MIN), "unknown") == 0);
  CHECK(strcmp(kantor_code_name(14), "unknown") == 0);
  CHECK(kantor_last_error() != NULL);
  CHECK(kantor_version() == kantor_version());
  CHECK(kantor_describe() == kantor_describe());
  CHECK(kantor_build_info() == kantor_build_info());
  CHECK(kantor_version_number() == KANTOR_VERSION_NUMBER);
  CHECK(kantor_abi_version() == KANTOR_ABI_VERSION);
}

static const int64_t bad_indices[] = {-1, 1000000, INT64_MIN, INT64_MAX, INT64_MIN + 1};
enum { BAD_INDICES = sizeof bad_indices / sizeof bad_indices[0] };

static void test_kind_name(void)
{
  for (int i = 0; i < BAD_INDICES; i++) {
    CHECK(kantor_kind_name(bad_indices[i]) == NULL);
    CHECK(kantor_last_error()[0] != 0);
  }
  CHECK(kantor_kind_name(kantor_kind_count()) == NULL);
  CHECK(kantor_kind_name(0) != NULL);
  CHECK(kantor_method_count() > 0);
}

/* Sizes that struct_size cannot have. */
static const size_t bad_sizes[] = {0, 1, 7, 8, 48, 4104, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 7};
enum { BAD_SIZES = sizeof bad_sizes / sizeof bad_sizes[0] };

/* A struct-out function: bad sizes and bad indices change nothing, a larger size gets our part. */
#define STRUCT_OUT(type, call_with) \
  do { \
    union { \
      type info; \
      unsigned char bytes[sizeof(type) + 64]; \
    } out; \
    for (int k = 0; k < BAD_SIZES; k++) { \
      paint(&out, sizeof out); \
      out.info.struct_size = bad_sizes[k]; \
      FAILS(KANTOR_E_VERSION, call_with(0, &out.info)); \
      CHECK(is_painted(out.bytes + sizeof(size_t), sizeof out - sizeof(size_t))); \
    } \
    for (int k = 0; k < BAD_INDICES; k++) { \
      paint(&out, sizeof out); \
      out.info.struct_size = sizeof(type); \
      FAILS(KANTOR_E_RANGE, call_with(bad_indices[k], &out.info)); \
      CHECK(is_painted(out.bytes + sizeof(size_t), sizeof out - sizeof(size_t))); \
    } \
    paint(&out, sizeof out); \
    out.info.struct_size = sizeof out; \
    WORKS(call_with(0, &out.info)); \
    CHECK(out.info.struct_size == sizeof out); \
    CHECK(!is_painted(out.bytes + sizeof(size_t), sizeof(type) - sizeof(size_t))); \
    CHECK(is_painted(out.bytes + sizeof(type), sizeof out - sizeof(type))); \
    FAILS(KANTOR_E_NULL, call_with(0, NULL)); \
  } while (0)

#define DESCRIBE_OPTION(index, info) kantor_option_describe("network_simplex", (index), (info))
#define DESCRIBE_OUTPUT(index, info) kantor_output_describe("network_simplex", (index), (info))
#define DESCRIBE_FIELD(index, info) kantor_problem_field_describe("transport", (index), (info))
#define DESCRIBE_RESULT(index, info) kantor_result_field_describe(live_result, (index), (info))

static void test_descriptions(void)
{
  STRUCT_OUT(kantor_method_info, kantor_method_describe);
  STRUCT_OUT(kantor_option_info, DESCRIBE_OPTION);
  STRUCT_OUT(kantor_field_info, DESCRIBE_OUTPUT);
  STRUCT_OUT(kantor_field_info, DESCRIBE_FIELD);
  STRUCT_OUT(kantor_field_info, DESCRIBE_RESULT);
  kantor_option_info option;
  kantor_field_info field;
  option.struct_size = sizeof option;
  field.struct_size = sizeof field;
  FOR_BAD_NAME
  {
    FAILS(name->code, kantor_option_describe(name->text, 0, &option));
    FAILS(name->code, kantor_output_describe(name->text, 0, &field));
    FAILS(name->code, kantor_problem_field_describe(name->text, 0, &field));
    FAILS(name->code, kantor_problem_field_count(name->text));
  }
  FAILS(KANTOR_E_NAME, kantor_problem_field_count("network_simplex"));
  FAILS(KANTOR_E_NAME, kantor_option_describe("cone/network_simplex", 0, &option));
  FOR_BAD(KIND_RESULT)
  {
    FAILS(bad->code, kantor_result_field_count(BAD_RESULT));
    FAILS(bad->code, kantor_result_field_describe(BAD_RESULT, 0, &field));
  }
}

/* The out-handle of a failing call becomes NULL. */
#define MAKES_NOTHING(type, code, call) \
  do { \
    type *made = (type *)(void *)zeroed; \
    type **out = &made; \
    FAILS(code, call); \
    CHECK(made == NULL); \
  } while (0)

static void test_creation(void)
{
  FOR_BAD_NAME
  {
    MAKES_NOTHING(kantor_problem, name->code, kantor_problem_create(name->text, out));
    if (name->text != NULL)
      MAKES_NOTHING(kantor_settings, name->code, kantor_settings_create(name->text, out));
  }
  FAILS(KANTOR_E_NULL, kantor_problem_create("transport", NULL));
  FAILS(KANTOR_E_NULL, kantor_problem_create(NULL, NULL));
  FAILS(KANTOR_E_NULL, kantor_settings_create(NULL, NULL));
  FAILS(KANTOR_E_NULL, kantor_problem_copy(live_problem, NULL));
  FAILS(KANTOR_E_NULL, kantor_settings_copy(live_settings, NULL));
  FOR_BAD(KIND_PROBLEM)
  {
    MAKES_NOTHING(kantor_problem, bad->code, kantor_problem_copy(BAD_PROBLEM, out));
    FAILS(bad->code, kantor_problem_seal(BAD_PROBLEM));
    FAILS(bad->code, kantor_problem_method(BAD_PROBLEM, zeroed, sizeof zeroed));
  }
  FOR_BAD(KIND_SETTINGS)
  MAKES_NOTHING(kantor_settings, bad->code, kantor_settings_copy(BAD_SETTINGS, out));
}

/* Freeing what is no live handle of the kind does nothing. */
static void test_free(void)
{
  FOR_BAD(KIND_PROBLEM) kantor_problem_free(BAD_PROBLEM);
  FOR_BAD(KIND_SETTINGS) kantor_settings_free(BAD_SETTINGS);
  FOR_BAD(KIND_RESULT) kantor_result_free(BAD_RESULT);
  WORKS(kantor_problem_seal(live_problem));
  WORKS(kantor_settings_uncancel(live_settings));
  CHECK(kantor_result_status(live_result) > 0);
  /* A freed handle stays dead when its memory is used again. */
  kantor_problem *first = open_problem();
  kantor_problem_free(first);
  kantor_problem *others[2000];
  for (int i = 0; i < 2000; i++) WORKS(kantor_problem_create("transport", &others[i]));
  FAILS(KANTOR_E_HANDLE, kantor_problem_seal(first));
  kantor_problem_free(first);
  for (int i = 0; i < 2000; i++) {
    CHECK(others[i] != first);
    kantor_problem_free(others[i]);
    kantor_problem_free(others[i]);
  }
}

static void test_problem_scalars(void)
{
  kantor_problem *problem = open_problem();
  FOR_BAD(KIND_PROBLEM)
  {
    FAILS(bad->code, kantor_problem_set_real(BAD_PROBLEM, "power", 1.5));
    FAILS(bad->code, kantor_problem_set_int(BAD_PROBLEM, "power", 1));
    FAILS(bad->code, kantor_problem_set_text(BAD_PROBLEM, "metric", "l1"));
  }
  FOR_BAD_NAME
  {
    FAILS(name->code, kantor_problem_set_real(problem, name->text, 1.5));
    FAILS(name->code, kantor_problem_set_int(problem, name->text, 1));
    FAILS(name->code, kantor_problem_set_text(problem, name->text, "l1"));
  }
  FAILS(KANTOR_E_TYPE, kantor_problem_set_real(problem, "metric", 1.5));
  FAILS(KANTOR_E_TYPE, kantor_problem_set_real(problem, "cost", 1.5));
  FAILS(KANTOR_E_TYPE, kantor_problem_set_int(problem, "cost", 1));
  FAILS(KANTOR_E_TYPE, kantor_problem_set_text(problem, "power", "2"));
  FAILS(KANTOR_E_NOT_FINITE, kantor_problem_set_real(problem, "power", NAN));
  FAILS(KANTOR_E_NOT_FINITE, kantor_problem_set_real(problem, "power", INFINITY));
  FAILS(KANTOR_E_NULL, kantor_problem_set_text(problem, "metric", NULL));
  FOR_BAD_NAME
  if (name->text != NULL)
    FAILS(KANTOR_E_RANGE, kantor_problem_set_text(problem, "metric", name->text));
  FAILS(KANTOR_E_STATE, kantor_problem_set_real(live_problem, "power", 1.5));
  FAILS(KANTOR_E_STATE, kantor_problem_set_text(live_problem, "metric", "l1"));
  WORKS(kantor_problem_set_text(problem, "metric", "l1"));
  kantor_problem_free(problem);
}

static void test_setters(void)
{
  kantor_settings *settings = NULL;
  WORKS(kantor_settings_create("transport/network_simplex", &settings));
  FOR_BAD(KIND_SETTINGS)
  {
    FAILS(bad->code, kantor_settings_set_real(BAD_SETTINGS, "time_limit", 1));
    FAILS(bad->code, kantor_settings_set_int(BAD_SETTINGS, "threads", 1));
    FAILS(bad->code, kantor_settings_set_flag(BAD_SETTINGS, "trace", 1));
    FAILS(bad->code, kantor_settings_set_text(BAD_SETTINGS, "trace", "x"));
    FAILS(bad->code, kantor_settings_set_parse(BAD_SETTINGS, "threads", "1"));
    FAILS(bad->code, kantor_settings_reset(BAD_SETTINGS, NULL));
    FAILS(bad->code, kantor_settings_cancel(BAD_SETTINGS));
    FAILS(bad->code, kantor_settings_uncancel(BAD_SETTINGS));
  }
  FOR_BAD_NAME
  {
    FAILS(name->code, kantor_settings_set_real(settings, name->text, 1));
    FAILS(name->code, kantor_settings_set_int(settings, name->text, 1));
    FAILS(name->code, kantor_settings_set_flag(settings, name->text, 1));
    FAILS(name->code, kantor_settings_set_text(settings, name->text, "x"));
    FAILS(name->code, kantor_settings_set_parse(settings, name->text, "1"));
    if (name->text != NULL) {
      FAILS(name->code, kantor_settings_reset(settings, name->text));
      int32_t code = strlen(name->text) > 1048575 ? KANTOR_E_RANGE : KANTOR_E_TYPE;
      FAILS(code, kantor_settings_set_text(settings, "threads", name->text));
      FAILS(code, kantor_settings_set_parse(settings, "threads", name->text));
    }
  }
  FAILS(KANTOR_E_NULL, kantor_settings_set_text(settings, "trace", NULL));
  FAILS(KANTOR_E_NULL, kantor_settings_set_parse(settings, "threads", NULL));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_real(settings, "time_limit", NAN));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_real(settings, "time_limit", -1));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_real(settings, "heartbeat", INFINITY));
  FAILS(KANTOR_E_TYPE, kantor_settings_set_real(settings, "threads", 2));
  FAILS(KANTOR_E_TYPE, kantor_settings_set_real(settings, "trace", 1));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_int(settings, "threads", 0));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_int(settings, "threads", INT64_MAX));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_int(settings, "seed", INT64_MIN));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_flag(settings, "trace", 2));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_flag(settings, "trace", INT_MIN));
  FAILS(KANTOR_E_TYPE, kantor_settings_set_flag(settings, "threads", 1));
  FAILS(KANTOR_E_TYPE, kantor_settings_set_parse(settings, "threads", "1.5"));
  FAILS(KANTOR_E_TYPE, kantor_settings_set_parse(settings, "threads", "99999999999999999999"));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_parse(settings, "time_limit", "nan"));
  FAILS(KANTOR_E_RANGE, kantor_settings_set_parse(settings, "time_limit", "-inf"));
  FAILS(KANTOR_E_TYPE, kantor_settings_set_parse(settings, "trace", "perhaps"));
  int64_t threads = -1;
  WORKS(kantor_settings_get_int(settings, "threads", &threads));
  CHECK(threads == 1);
  WORKS(kantor_settings_set_int(settings, "seed", INT64_MAX));
  WORKS(kantor_settings_set_real(settings, "time_limit", INFINITY));
  kantor_settings_free(settings);
}

static void test_getters(void)
{
  double real;
  int64_t whole;
  char text[16];
  paint(&real, sizeof real);
  paint(&whole, sizeof whole);
  paint(text, sizeof text);
  FOR_BAD(KIND_SETTINGS)
  {
    FAILS(bad->code, kantor_settings_get_real(BAD_SETTINGS, "time_limit", &real));
    FAILS(bad->code, kantor_settings_get_int(BAD_SETTINGS, "threads", &whole));
    FAILS(bad->code, kantor_settings_get_text(BAD_SETTINGS, "threads", text, sizeof text));
  }
  FOR_BAD_NAME
  {
    FAILS(name->code, kantor_settings_get_real(live_settings, name->text, &real));
    FAILS(name->code, kantor_settings_get_int(live_settings, name->text, &whole));
    FAILS(name->code, kantor_settings_get_text(live_settings, name->text, text, sizeof text));
  }
  FAILS(KANTOR_E_NULL, kantor_settings_get_real(live_settings, "time_limit", NULL));
  FAILS(KANTOR_E_NULL, kantor_settings_get_int(live_settings, "threads", NULL));
  FAILS(KANTOR_E_TYPE, kantor_settings_get_real(live_settings, "trace", &real));
  FAILS(KANTOR_E_TYPE, kantor_settings_get_int(live_settings, "time_limit", &whole));
  FAILS(KANTOR_E_TYPE, kantor_settings_get_text(live_settings, "threads", text, sizeof text));
  CHECK(is_painted(&real, sizeof real));
  CHECK(is_painted(&whole, sizeof whole));
  CHECK(is_painted(text, sizeof text));
}

static void test_results(void)
{
  double real;
  int64_t whole;
  char text[512];
  paint(&real, sizeof real);
  paint(&whole, sizeof whole);
  paint(text, sizeof text);
  FOR_BAD(KIND_RESULT)
  {
    FAILS(bad->code, kantor_result_status(BAD_RESULT));
    FAILS(bad->code, kantor_result_real(BAD_RESULT, "objective", &real));
    FAILS(bad->code, kantor_result_int(BAD_RESULT, "iterations", &whole));
    FAILS(bad->code, kantor_result_text(BAD_RESULT, "message", text, sizeof text));
    FAILS(bad->code, kantor_result_copy(BAD_RESULT, "plan", &real, 1));
  }
  FOR_BAD_NAME
  {
    FAILS(name->code, kantor_result_real(live_result, name->text, &real));
    FAILS(name->code, kantor_result_int(live_result, name->text, &whole));
    FAILS(name->code, kantor_result_text(live_result, name->text, text, sizeof text));
    FAILS(name->code, kantor_result_copy(live_result, name->text, &real, 1));
  }
  FAILS(KANTOR_E_NULL, kantor_result_real(live_result, "objective", NULL));
  FAILS(KANTOR_E_NULL, kantor_result_int(live_result, "iterations", NULL));
  FAILS(KANTOR_E_NULL, kantor_result_text(live_result, "message", NULL, 100));
  FAILS(KANTOR_E_NULL, kantor_result_copy(live_result, "plan", NULL, 100));
  FAILS(KANTOR_E_TYPE, kantor_result_real(live_result, "plan", &real));
  FAILS(KANTOR_E_TYPE, kantor_result_int(live_result, "objective", &whole));
  FAILS(KANTOR_E_TYPE, kantor_result_text(live_result, "objective", text, sizeof text));
  FAILS(KANTOR_E_TYPE, kantor_result_copy(live_result, "objective", &real, 1));
  FAILS(KANTOR_E_TYPE, kantor_result_copy(live_result, "plan_row", &real, 1));
  int64_t small[] = {INT64_MIN, -1, 0, 1, ROWS * COLUMNS - 1};
  for (int i = 0; i < 5; i++)
    FAILS(KANTOR_E_BUFFER, kantor_result_copy(live_result, "plan", &real, small[i]));
  for (int i = 0; i < 4; i++)
    FAILS(KANTOR_E_BUFFER, kantor_result_text(live_result, "message", text, small[i]));
  CHECK(is_painted(&real, sizeof real));
  CHECK(is_painted(&whole, sizeof whole));
  CHECK(is_painted(text, sizeof text));
  WORKS(kantor_result_text(live_result, "status", text, 7));
  CHECK(strcmp(text, "solved") == 0);
  CHECK(is_painted(text + 7, sizeof text - 7));
}

static void test_solve(void)
{
  kantor_problem *problem = NULL;
  WORKS(kantor_problem_create("transport", &problem));
  FAILS(KANTOR_E_NULL, kantor_solve(live_problem, NULL, NULL, NULL));
  FAILS(KANTOR_E_NULL, kantor_solve(NULL, NULL, NULL, NULL));
  FOR_BAD(KIND_PROBLEM)
  MAKES_NOTHING(kantor_result, bad->code, kantor_solve(BAD_PROBLEM, NULL, NULL, out));
  FOR_BAD(KIND_SETTINGS)
  if (bad->pointer != NULL)
    MAKES_NOTHING(kantor_result, bad->code, kantor_solve(live_problem, NULL, BAD_SETTINGS, out));
  FOR_BAD_NAME
  if (name->text != NULL)
    MAKES_NOTHING(kantor_result, name->code, kantor_solve(live_problem, name->text, NULL, out));
  MAKES_NOTHING(kantor_result, KANTOR_E_MISSING, kantor_solve(problem, NULL, NULL, out));
  MAKES_NOTHING(kantor_result, KANTOR_E_MISSING,
                kantor_solve(problem, "network_simplex", NULL, out));
  /* A slip in the name does not seal the problem, nor do data that are refused. */
  double bad_cost[2] = {1, NAN};
  WORKS(kantor_transport_set_cost(problem, bad_cost, 1, 2));
  MAKES_NOTHING(kantor_result, KANTOR_E_NAME, kantor_solve(problem, "no such", NULL, out));
  MAKES_NOTHING(kantor_result, KANTOR_E_NOT_FINITE, kantor_solve(problem, NULL, NULL, out));
  FAILS(KANTOR_E_NOT_FINITE, kantor_problem_seal(problem));
  double weights[2] = {0.25, -1};
  WORKS(kantor_transport_set_cost(problem, good_cost, 1, 2));
  WORKS(kantor_transport_set_weights(problem, NULL, 0, weights, 2));
  MAKES_NOTHING(kantor_result, KANTOR_E_RANGE, kantor_solve(problem, NULL, NULL, out));
  weights[1] = INFINITY;
  WORKS(kantor_transport_set_weights(problem, NULL, 0, weights, 2));
  MAKES_NOTHING(kantor_result, KANTOR_E_NOT_FINITE, kantor_solve(problem, NULL, NULL, out));
  WORKS(kantor_transport_set_weights(problem, NULL, 0, good_cost, 5));
  MAKES_NOTHING(kantor_result, KANTOR_E_SHAPE, kantor_solve(problem, NULL, NULL, out));
  weights[1] = 0.75;
  WORKS(kantor_transport_set_weights(problem, NULL, 0, weights, 2));
  /* Settings of one method do not serve another. */
  kantor_settings *settings = NULL;
  kantor_result *result = NULL;
  WORKS(kantor_settings_create("one_dimensional", &settings));
  MAKES_NOTHING(kantor_result, KANTOR_E_STATE,
                kantor_solve(problem, "network_simplex", settings, out));
  MAKES_NOTHING(kantor_result, KANTOR_E_UNSUPPORTED, kantor_solve(problem, NULL, settings, out));
  WORKS(kantor_solve(problem, NULL, NULL, &result));
  FAILS(KANTOR_E_STATE, kantor_transport_set_cost(problem, good_cost, 1, 2));
  kantor_result_free(result);
  kantor_settings_free(settings);
  kantor_problem_free(problem);
}

int main(void)
{
  CHECK(kantor_last_error()[0] == 0);
  make_handles();
  test_texts();
  test_kind_name();
  test_descriptions();
  test_creation();
  test_free();
  test_problem_scalars();
  test_setters();
  test_getters();
  test_results();
  test_solve();
  free_handles();
  return check_summary();
}
