/* How far is a handwritten 3 from a handwritten 8? Ink is mass, moving it costs the square of the
 * way, and the exact optimal plan tells the Wasserstein distance of the two images.
 *
 *   digits [FIRST.csv SECOND.csv]        8 x 8 images, rows of comma-separated ink values
 */
#include <kantor.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE };

/* Reads an image and scales its ink to a total of 1. Lines that begin with # are comments. */
static int read_image(const char *path, double ink[PIXELS])
{
  FILE *file = fopen(path, "r");
  char line[512];
  int count = 0;
  double total = 0;
  if (!file) {
    fprintf(stderr, "%s cannot be opened\n", path);
    return 0;
  }
  while (fgets(line, sizeof line, file)) {
    char *next = line;
    while (line[0] != '#' && count < PIXELS) {
      char *end;
      double value = strtod(next, &end);
      if (end == next) break;
      ink[count++] = value;
      total += value;
      next = *end == ',' ? end + 1 : end;
    }
  }
  fclose(file);
  if (count < PIXELS || !(total > 0)) {
    fprintf(stderr, "%s does not hold an image of %d x %d\n", path, SIDE, SIDE);
    return 0;
  }
  for (int i = 0; i < PIXELS; i++) ink[i] /= total;
  return 1;
}

static void draw(const double first[PIXELS], const double second[PIXELS])
{
  static const char shades[] = " .:-=+*#%@";
  for (int row = 0; row < SIDE; row++) {
    for (int image = 0; image < 2; image++) {
      const double *ink = image ? second : first;
      double top = 0;
      for (int i = 0; i < PIXELS; i++) top = ink[i] > top ? ink[i] : top;
      printf(image ? "      " : "  ");
      for (int column = 0; column < SIDE; column++) {
        char shade = shades[(int)(9 * ink[row * SIDE + column] / top)];
        putchar(shade);
        putchar(shade);
      }
    }
    putchar('\n');
  }
}

/* Every figure that the checker computed, with what it means. */
static int print_certificate(const kantor_result *result)
{
  int64_t count = kantor_result_field_count(result);
  for (int64_t k = 0; k < count; k++) {
    kantor_field_info field;
    double value;
    field.struct_size = sizeof field;
    if (kantor_result_field_describe(result, k, &field) < 0) return 0;
    if (!field.is_certificate || field.type != KANTOR_REAL) continue;
    if (kantor_result_real(result, field.name, &value) < 0) return 0;
    printf("  %-18s %12.6g  %s\n", field.name, value, field.doc);
  }
  return 1;
}

static int solve(const double first[PIXELS], const double second[PIXELS])
{
  static double cost[PIXELS * PIXELS];
  kantor_problem *problem = NULL;
  kantor_result *result = NULL;
  kantor_array rows = {.struct_size = sizeof rows}, values = {.struct_size = sizeof values};
  double objective = 0, moved = 0;
  int32_t code;

  for (int i = 0; i < PIXELS; i++)
    for (int j = 0; j < PIXELS; j++) {
      double down = i / SIDE - j / SIDE, right = i % SIDE - j % SIDE;
      cost[i * PIXELS + j] = down * down + right * right;
    }

  code = kantor_problem_create("transport", &problem);
  if (!code) code = kantor_transport_set_cost(problem, cost, PIXELS, PIXELS);
  if (!code) code = kantor_transport_set_weights(problem, first, PIXELS, second, PIXELS);
  if (!code) code = kantor_solve(problem, "network_simplex", NULL, &result);
  if (!code) code = kantor_result_real(result, "objective", &objective);
  if (!code) code = kantor_result_array(result, "plan_row", &rows);
  if (!code) code = kantor_result_array(result, "plan_value", &values);
  if (!code) {
    const double *mass = values.data;
    const int64_t *from = rows.data;
    int used[PIXELS] = {0}, sources = 0;
    for (int64_t k = 0; k < values.shape[0]; k++) {
      moved += mass[k];
      if (!used[from[k]]++) sources++;
    }
    printf("\nThe status is '%s'. Turning the first image into the second costs %.6f,\n",
           kantor_code_name(kantor_result_status(result)), objective);
    printf("so their 2-Wasserstein distance is %.6f pixel widths.\n", sqrt(objective));
    printf("The optimal plan has %lld entries; they carry a mass of %.6f from %d inked pixels.\n",
           (long long)values.shape[0], moved, sources);
    printf("\nThe certificate, computed on the input by code that no method shares:\n");
    if (!print_certificate(result)) code = KANTOR_E_INTERNAL;
  }
  if (code) fprintf(stderr, "%s: %s\n", kantor_code_name(code), kantor_last_error());
  else if (kantor_result_status(result) != KANTOR_SOLVED) code = KANTOR_E_INTERNAL;

  kantor_result_free(result);
  kantor_problem_free(problem);
  return code == 0;
}

int main(int count, char **arguments)
{
  const char *paths[2] = {"examples/data/digits_three.csv", "examples/data/digits_eight.csv"};
  double first[PIXELS], second[PIXELS];

  if (count == 3) {
    paths[0] = arguments[1];
    paths[1] = arguments[2];
  } else if (count != 1) {
    fprintf(stderr, "usage: %s [FIRST.csv SECOND.csv]\n", arguments[0]);
    return 2;
  }
  if (!read_image(paths[0], first) || !read_image(paths[1], second)) return 1;
  printf("Two handwritten digits (scikit-learn's digits data set), ink scaled to a mass of 1:\n\n");
  draw(first, second);
  return !solve(first, second);
}
