/* Hot loops of exact transport. The rules of kantor_kernels.h hold: nothing here allocates, prints
   or keeps a pointer, and callers check sizes. */
#ifndef KANTOR_EXACT_H
#define KANTOR_EXACT_H

#include <stdint.h>

/* The arc k in [begin, end) with the most negative score
     r + tolerance (|cost| + |u| + |v|),   r = cost[k] - u + v,
   u = potential[tail[k]], v = potential[head[k]]; -1 when no score is below 0. A reduced cost
   r that is only rounding therefore never wins. NaN never wins. */
int64_t kn_price_arcs_f64(const int32_t *tail, const int32_t *head, const double *cost,
                          const double *potential, int64_t begin, int64_t end, double tolerance);

/* Writes the indices j in [begin, end) with c[j] - v[j] <= limit to out, in order, at most
   `capacity` of them; returns how many. out has room for capacity + 16. */
int64_t kn_select_below_f64(const double *c, const double *v, int64_t begin, int64_t end,
                            double limit, int32_t *out, int64_t capacity);

#endif
