/* OpenBLAS, opened when it is first needed and not before.

   The library is not linked: programs that solve nothing dense neither wait for it to load nor get
   the threads that it starts, and a machine without it still runs everything else. It is opened as
   libopenblas.so.0 by dlopen, local to this library, once in the life of the process; it is never
   closed, because its threads outlive any use. Environment variables of OpenBLAS are left alone.

   The functions are those of the Fortran interface of BLAS and LAPACK with 32-bit integers: all
   arguments by address, matrices by columns, hidden lengths of character arguments at the end. */
#ifndef KANTOR_OPENBLAS_H
#define KANTOR_OPENBLAS_H

#include <stddef.h>
#include <stdint.h>

typedef const char *kn_flag_text; /* one character */
typedef const int32_t *kn_int_in;
typedef const double *kn_real_in;

typedef struct kn_openblas {
  void (*dgemm)(kn_flag_text transa, kn_flag_text transb, kn_int_in m, kn_int_in n, kn_int_in k,
                kn_real_in alpha, kn_real_in a, kn_int_in lda, kn_real_in b, kn_int_in ldb,
                kn_real_in beta, double *c, kn_int_in ldc, size_t, size_t);
  void (*dsyrk)(kn_flag_text uplo, kn_flag_text trans, kn_int_in n, kn_int_in k,
                kn_real_in alpha, kn_real_in a, kn_int_in lda, kn_real_in beta, double *c,
                kn_int_in ldc, size_t, size_t);
  void (*dtrsm)(kn_flag_text side, kn_flag_text uplo, kn_flag_text transa, kn_flag_text diag,
                kn_int_in m, kn_int_in n, kn_real_in alpha, kn_real_in a, kn_int_in lda, double *b,
                kn_int_in ldb, size_t, size_t, size_t, size_t);
  void (*dpotrf)(kn_flag_text uplo, kn_int_in n, double *a, kn_int_in lda, int32_t *info, size_t);
  void (*dpotrs)(kn_flag_text uplo, kn_int_in n, kn_int_in nrhs, kn_real_in a, kn_int_in lda,
                 double *b, kn_int_in ldb, int32_t *info, size_t);
  void (*dsytrf)(kn_flag_text uplo, kn_int_in n, double *a, kn_int_in lda, int32_t *ipiv,
                 double *work, kn_int_in lwork, int32_t *info, size_t);
  void (*dsytrs)(kn_flag_text uplo, kn_int_in n, kn_int_in nrhs, kn_real_in a, kn_int_in lda,
                 kn_int_in ipiv, double *b, kn_int_in ldb, int32_t *info, size_t);
  void (*dsyevd)(kn_flag_text jobz, kn_flag_text uplo, kn_int_in n, double *a, kn_int_in lda,
                 double *w, double *work, kn_int_in lwork, int32_t *iwork, kn_int_in liwork,
                 int32_t *info, size_t, size_t);
  void (*dsyevr)(kn_flag_text jobz, kn_flag_text range, kn_flag_text uplo, kn_int_in n, double *a,
                 kn_int_in lda, kn_real_in vl, kn_real_in vu, kn_int_in il, kn_int_in iu,
                 kn_real_in abstol, int32_t *m, double *w, double *z, kn_int_in ldz,
                 int32_t *isuppz, double *work, kn_int_in lwork, int32_t *iwork,
                 kn_int_in liwork, int32_t *info, size_t, size_t, size_t);
  void (*dgesdd)(kn_flag_text jobz, kn_int_in m, kn_int_in n, double *a, kn_int_in lda, double *s,
                 double *u, kn_int_in ldu, double *vt, kn_int_in ldvt, double *work,
                 kn_int_in lwork, int32_t *iwork, int32_t *info, size_t);
  void (*dgeqrf)(kn_int_in m, kn_int_in n, double *a, kn_int_in lda, double *tau, double *work,
                 kn_int_in lwork, int32_t *info);
  void (*dormqr)(kn_flag_text side, kn_flag_text trans, kn_int_in m, kn_int_in n, kn_int_in k,
                 kn_real_in a, kn_int_in lda, kn_real_in tau, double *c, kn_int_in ldc,
                 double *work, kn_int_in lwork, int32_t *info, size_t, size_t);
} kn_openblas;

/* The functions, or NULL when the library cannot be used; from any thread. The first call opens it,
   which may take some milliseconds; later ones are a load. */
const kn_openblas *kn_openblas_get(void);
/* Bytes of address space that OpenBLAS would ask for and not get; 0 if they are there, or if it is
   open. To be called before kn_openblas_get: a thread of OpenBLAS that gets no workspace asks the
   kernel again without end, and where a thread cannot be made the process gets an interrupt. */
int64_t kn_openblas_lacks(void);
/* Whether kn_openblas_get has been called, for tests: it has no side effect. */
int32_t kn_openblas_asked(void);
/* Why kn_openblas_get returned NULL: what the loader said, or which function is missing. */
const char *kn_openblas_problem(void);

/* As kn_openblas_get, for a library of another name, without memory of it: for tests of what
   happens when there is none, or the wrong one. The reason goes to `problem`, which has room for
   `size` bytes. */
int32_t kn_openblas_try(const char *file, kn_openblas *functions, char *problem, size_t size);

#endif
