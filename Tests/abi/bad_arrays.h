/* Array descriptors of which each has one defect, with the code that it deserves. */
#ifndef KANTOR_TEST_BAD_ARRAYS_H
#define KANTOR_TEST_BAD_ARRAYS_H

#include "misuse.h"

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

static inline kantor_array good_array(void)
{
  return kantor_matrix(numbers, 2, 3);
}

static inline void add_bad(kantor_array array, int32_t code, const char *what)
{
  if (bad_array_count == MOST_BAD_ARRAYS) abort();
  bad_arrays[bad_array_count].array = array;
  bad_arrays[bad_array_count].code = code;
  bad_arrays[bad_array_count].what = what;
  bad_array_count++;
}

static inline void make_bad_sizes(void)
{
  size_t sizes[] = {0, 8, sizeof(kantor_array) - 8, sizeof(kantor_array) + 1, 1000000, SIZE_MAX};
  for (int i = 0; i < 6; i++) {
    kantor_array array = good_array();
    array.struct_size = sizes[i];
    add_bad(array, KANTOR_E_VERSION, "struct_size");
  }
}

static inline void make_bad_types(void)
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

static inline void make_bad_extents(void)
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

static inline void make_bad_strides(void)
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

static inline void make_bad_arrays(void)
{
  make_bad_sizes();
  make_bad_types();
  make_bad_extents();
  make_bad_strides();
}

#endif
