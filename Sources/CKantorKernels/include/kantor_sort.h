/* Sorting of numbers by their order, for problems on the line. The rules of kantor_kernels.h
   hold. */
#ifndef KANTOR_SORT_H
#define KANTOR_SORT_H

#include <stdint.h>

/* order becomes the permutation that sorts x upwards, x[order[0]] <= x[order[1]] <= ...; equal
   numbers keep their order (-0.0 comes before 0.0). No NaN; 0 <= n < 2^31. work: 2 n + 2 words. */
void kn_argsort_f64(const double *x, int64_t n, int32_t *order, uint64_t *work);

#endif
