/* How arrays cross the boundary. Part of kantor.h. */
#ifndef KANTOR_ARRAY_H
#define KANTOR_ARRAY_H

#include "types.h"

KANTOR_BEGIN

/* Element types. */
enum {
  KANTOR_F64 = 1,
  KANTOR_F32 = 2,
  KANTOR_I64 = 3,
  KANTOR_I32 = 4,
  KANTOR_U8 = 5
};

/* A view of an array of up to four dimensions. Strides are in elements, as in DLPack; negative
   ones are allowed. data may be NULL when an extent is 0. The struct grows at its end only;
   struct_size tells which fields the caller knows. */
typedef struct kantor_array {
  size_t struct_size; /* sizeof(kantor_array) */
  int32_t dtype;      /* KANTOR_F64, ... */
  int32_t ndim;       /* 0 to 4 */
  void *data;
  int64_t shape[4];
  int64_t stride[4];
} kantor_array;

/* How a sparse matrix is stored. */
enum {
  KANTOR_CSC = 1, /* compressed columns: indices are rows, offsets has columns + 1 elements */
  KANTOR_CSR = 2, /* compressed rows: indices are columns, offsets has rows + 1 elements */
  KANTOR_COO = 3  /* coordinates: indices are rows, offsets the columns of the same entries */
};

/* A view of a sparse matrix, indices counted from 0, entries in any order; entries of the same
   place are added up. The struct grows at its end only; struct_size tells which fields the caller
   knows. */
typedef struct kantor_sparse {
  size_t struct_size;          /* sizeof(kantor_sparse) */
  int32_t format;              /* KANTOR_CSC, ... */
  int32_t reserved;            /* 0 */
  int64_t rows;
  int64_t columns;
  const kantor_array *values;  /* f64 or f32, rank 1 */
  const kantor_array *indices; /* i64 or i32, as many as values */
  const kantor_array *offsets; /* i64 or i32 */
} kantor_sparse;

/* Who keeps an array that is set. */
enum {
  KANTOR_COPY = 0,  /* the library copies; the caller's memory is free after the call */
  KANTOR_BORROW = 1 /* the library reads the caller's memory until it calls release */
};

/* Called once when the library no longer needs a borrowed array: at the latest when the last
   problem and result that use it are freed, and also when the call that passed it fails. It runs
   on the thread whose call ends the last use, and may call any function of the library. */
typedef void (*kantor_release_fn)(void *owner);

/* A view of a contiguous row-major array. Pure C, no library call. */
static inline kantor_array kantor_array_make(int32_t dtype, const void *data, int32_t ndim,
                                             int64_t n0, int64_t n1)
{
  kantor_array array;
  array.struct_size = sizeof(kantor_array);
  array.dtype = dtype;
  array.ndim = ndim;
  array.data = (void *)(uintptr_t)data;
  array.shape[0] = ndim > 0 ? n0 : 1;
  array.shape[1] = ndim > 1 ? n1 : 1;
  array.shape[2] = 1;
  array.shape[3] = 1;
  array.stride[0] = ndim > 1 ? n1 : 1;
  array.stride[1] = 1;
  array.stride[2] = 1;
  array.stride[3] = 1;
  return array;
}

/* A vector of n doubles. */
static inline kantor_array kantor_vector(const double *data, int64_t n)
{
  return kantor_array_make(KANTOR_F64, data, 1, n, 1);
}

/* A row-major matrix of n x m doubles. */
static inline kantor_array kantor_matrix(const double *data, int64_t n, int64_t m)
{
  return kantor_array_make(KANTOR_F64, data, 2, n, m);
}

KANTOR_END

#endif
