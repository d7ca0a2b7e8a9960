/* Proximal maps with arguments that are wrong in every way: a code each time, and nothing is
   written. */
#include "bad_arrays.h"
#include "misuse.h"

static double x[6] = {1, 2, 3, -4, 5, 6}, u[6], g[2];
static const double r = 2;

static int32_t run(const char *map, int64_t count, const char *const *names,
                   const kantor_array *const *values, const kantor_array *at, double step,
                   const kantor_array *out)
{
  paint(u, sizeof u);
  paint(g, sizeof g);
  int32_t code = kantor_prox_apply(map, count, names, values, at, step, out, g);
  int32_t second = kantor_prox_vjp(map, count, names, values, at, step, at, out);
  CHECK(code == second);
  CHECK(code == 0 || (is_painted(u, sizeof u) && is_painted(g, sizeof g)));
  return code;
}

static void pointers_and_names(void)
{
  kantor_array at = kantor_matrix(x, 2, 3), out = kantor_matrix(u, 2, 3);
  kantor_array radius = kantor_array_make(KANTOR_F64, &r, 0, 1, 1);
  const char *names[] = {"radius", "radius"}, *wrong[] = {"radus"}, *none[] = {NULL};
  const kantor_array *values[] = {&radius, &radius}, *missing[] = {NULL};
  FOR_BAD_NAME
  FAILS(name->code, run(name->text, 0, NULL, NULL, &at, 1, &out));
  FAILS(KANTOR_E_NULL, run("simplex", 0, NULL, NULL, NULL, 1, &out));
  FAILS(KANTOR_E_NULL, run("simplex", 0, NULL, NULL, &at, 1, NULL));
  FAILS(KANTOR_E_NULL, run("simplex", 1, NULL, values, &at, 1, &out));
  FAILS(KANTOR_E_NULL, run("simplex", 1, names, NULL, &at, 1, &out));
  FAILS(KANTOR_E_NULL, run("simplex", 1, none, values, &at, 1, &out));
  FAILS(KANTOR_E_NULL, run("simplex", 1, names, missing, &at, 1, &out));
  FAILS(KANTOR_E_NULL, kantor_prox_vjp("simplex", 0, NULL, NULL, &at, 1, NULL, &out));
  FAILS(KANTOR_E_NAME, run("simplex", 1, wrong, values, &at, 1, &out));
  FAILS(KANTOR_E_NAME, run("simplex", 2, names, values, &at, 1, &out));
  FAILS(KANTOR_E_MISSING, run("halfspace", 0, NULL, NULL, &at, 1, &out));
  int64_t counts[] = {-1, 65, INT64_MIN, INT64_MAX};
  for (int i = 0; i < 4; i++)
    FAILS(KANTOR_E_RANGE, run("simplex", counts[i], names, values, &at, 1, &out));
}

static void arrays_and_numbers(void)
{
  kantor_array at = kantor_matrix(x, 2, 3), out = kantor_matrix(u, 2, 3);
  const char *names[] = {"radius"};
  for (int i = 0; i < bad_array_count; i++) {
    const kantor_array *values[] = {&bad_arrays[i].array};
    FAILS(bad_arrays[i].code, run("simplex", 0, NULL, NULL, &bad_arrays[i].array, 1, &out));
    FAILS(bad_arrays[i].code, run("simplex", 0, NULL, NULL, &at, 1, &bad_arrays[i].array));
    FAILS(bad_arrays[i].code, run("simplex", 1, names, values, &at, 1, &out));
  }
  kantor_array other = kantor_matrix(u, 3, 2), single = out, point = kantor_vector(x, 6);
  single.dtype = KANTOR_F32;
  FAILS(KANTOR_E_SHAPE, run("simplex", 0, NULL, NULL, &at, 1, &other));
  FAILS(KANTOR_E_LAYOUT, run("simplex", 0, NULL, NULL, &at, 1, &single));
  FAILS(KANTOR_E_SHAPE, kantor_prox_vjp("simplex", 0, NULL, NULL, &at, 1, &point, &out));
  FAILS(KANTOR_E_SHAPE, run("psd", 0, NULL, NULL, &at, 1, &out));
  double steps[] = {0, -1, INFINITY, NAN};
  for (int i = 0; i < 4; i++)
    FAILS(KANTOR_E_RANGE, run("simplex", 0, NULL, NULL, &at, steps[i], &out));
  double bad[] = {0, -1, INFINITY, NAN};
  int32_t codes[] = {KANTOR_E_RANGE, KANTOR_E_RANGE, KANTOR_E_NOT_FINITE, KANTOR_E_NOT_FINITE};
  for (int i = 0; i < 4; i++) {
    kantor_array radius = kantor_array_make(KANTOR_F64, &bad[i], 0, 1, 1);
    const kantor_array *values[] = {&radius};
    FAILS(codes[i], run("simplex", 1, names, values, &at, 1, &out));
  }
  x[4] = NAN;
  FAILS(KANTOR_E_NOT_FINITE, run("simplex", 0, NULL, NULL, &at, 1, &out));
  x[4] = 5;
}

static void answers(void)
{
  kantor_array at = kantor_matrix(x, 2, 3), out = kantor_matrix(u, 2, 3);
  kantor_array radius = kantor_array_make(KANTOR_F64, &r, 0, 1, 1);
  const char *names[] = {"radius"};
  const kantor_array *values[] = {&radius};
  WORKS(kantor_prox_apply("simplex", 1, names, values, &at, 1, &out, g));
  CHECK(u[0] == 0 && u[1] == 0.5 && u[2] == 1.5 && g[0] == 0);
  CHECK(u[3] == 0 && u[4] == 0.5 && u[5] == 1.5 && g[1] == 0);
  WORKS(kantor_prox_vjp("simplex", 1, names, values, &at, 1, &at, &out));
  CHECK(u[0] == 0 && u[1] == -0.5 && u[2] == 0.5);
  WORKS(kantor_prox_apply("l1", 0, NULL, NULL, &at, 2, &out, g));
  CHECK(u[2] == 1 && u[3] == -2 && g[0] == 1 && g[1] == 9);
  /* Columns of a matrix by strides, in place. */
  double m[4] = {3, 0, 4, 1};
  kantor_array columns = kantor_matrix(m, 2, 2);
  columns.stride[0] = 1;
  columns.stride[1] = 2;
  WORKS(kantor_prox_apply("l2_ball", 0, NULL, NULL, &columns, 1, &columns, NULL));
  CHECK(fabs(m[0] - 0.6) < 1e-15 && fabs(m[2] - 0.8) < 1e-15 && m[1] == 0 && m[3] == 1);
}

int main(void)
{
  make_bad_arrays();
  pointers_and_names();
  arrays_and_numbers();
  answers();
  return check_summary();
}
