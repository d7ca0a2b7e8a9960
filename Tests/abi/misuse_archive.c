/* Saving and loading results: right use, wrong use, and bytes that are damaged everywhere. */
#include "misuse.h"

static unsigned char *saved_bytes(const kantor_result *result, int64_t *size)
{
  WORKS(kantor_result_save(result, NULL, 0, size));
  unsigned char *bytes = malloc((size_t)*size);
  WORKS(kantor_result_save(result, bytes, *size, size));
  return bytes;
}

static void test_round_trip(void)
{
  kantor_array plan, again;
  plan.struct_size = again.struct_size = sizeof plan;
  WORKS(kantor_result_array(live_result, "plan", &plan));
  int64_t size = 0;
  unsigned char *bytes = saved_bytes(live_result, &size);
  kantor_result *loaded = NULL;
  WORKS(kantor_result_load(bytes, size, &loaded));
  memset(bytes, 0, (size_t)size); /* nothing of the bytes is kept */
  free(bytes);
  CHECK(kantor_result_status(loaded) == KANTOR_SOLVED);
  CHECK(kantor_result_field_count(loaded) == kantor_result_field_count(live_result));
  WORKS(kantor_result_array(loaded, "plan", &again));
  CHECK(memcmp(plan.data, again.data, ROWS * COLUMNS * sizeof(double)) == 0);
  double gradient[COLUMNS], one = 1;
  const char *of = "objective", *field = "weights_target";
  kantor_array seed = kantor_array_make(KANTOR_F64, &one, 0, 1, 1);
  kantor_array out = kantor_vector(gradient, COLUMNS);
  FAILS(KANTOR_E_UNSUPPORTED, kantor_result_vjp(loaded, 1, &of, &seed, 1, &field, &out));
  /* It starts a solve as the result itself does. */
  kantor_settings *settings = new_settings();
  kantor_result *warm = NULL;
  WORKS(kantor_settings_warm_start(settings, loaded));
  kantor_result_free(loaded);
  WORKS(kantor_solve(live_problem, "sinkhorn", settings, &warm));
  CHECK(kantor_result_status(warm) == KANTOR_SOLVED);
  kantor_result_free(warm);
  kantor_settings_free(settings);
}

static void test_misuse(void)
{
  int64_t size = 0, untouched = 7;
  unsigned char *bytes = saved_bytes(live_result, &size);
  unsigned char room[64];
  paint(room, sizeof room);
  FOR_BAD(KIND_RESULT)
  FAILS(bad->code, kantor_result_save(BAD_RESULT, room, sizeof room, &untouched));
  FAILS(KANTOR_E_NULL, kantor_result_save(live_result, room, sizeof room, NULL));
  FAILS(KANTOR_E_RANGE, kantor_result_save(live_result, room, -1, &untouched));
  FAILS(KANTOR_E_RANGE, kantor_result_save(live_result, NULL, INT64_MIN, &untouched));
  FAILS(KANTOR_E_BUFFER, kantor_result_save(live_result, room, sizeof room, &untouched));
  FAILS(KANTOR_E_BUFFER, kantor_result_save(live_result, room, 0, &untouched));
  CHECK(untouched == 7 && is_painted(room, sizeof room));

  kantor_result *loaded = live_result;
  FAILS(KANTOR_E_NULL, kantor_result_load(bytes, size, NULL));
  FAILS(KANTOR_E_NULL, kantor_result_load(NULL, size, &loaded));
  CHECK(loaded == NULL);
  FAILS(KANTOR_E_RANGE, kantor_result_load(bytes, -1, &loaded));
  for (int64_t length = 0; length < size; length++)
    FAILS(KANTOR_E_FORMAT, kantor_result_load(bytes, length, &loaded));
  for (int64_t k = 0; k < size; k++) {
    bytes[k] ^= 0x40;
    int32_t code = kantor_result_load(bytes, size, &loaded);
    CHECK(loaded == NULL);
    CHECK(code == (k >= 4 && k < 8 ? KANTOR_E_VERSION : KANTOR_E_FORMAT));
    bytes[k] ^= 0x40;
  }
  WORKS(kantor_result_load(bytes, size, &loaded));
  kantor_result_free(loaded);
  free(bytes);
}

int main(void)
{
  make_handles();
  test_round_trip();
  test_misuse();
  free_handles();
  return check_summary();
}
