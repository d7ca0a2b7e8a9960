/* One CPU level of kantor_entropic.h: the passes over all pairs. A level file sets KN_WIDTH and
   KN_ENTROPIC_TABLE, includes vector.h's prelude and gives the target attribute. */

#include "vector.h"

enum { KN_MATTER_CHUNK = 1024 };

/* Costs of a chunk of a row: in place for dense f64, else written to `room`. */
KN_INLINE const double *kn_matter_costs(const kn_cost *cost, int64_t row, int64_t first,
                                        int64_t count, double *room) {
  if (cost->kind == KN_COST_DENSE_F64) return cost->dense64 + row * cost->leading + first;
  kn_cost_row_f64(cost, row, first, count, room);
  return room;
}

/* gamma - c / eps - min(log_a, log_b) - cut + phi > 0, lane by lane. */
KN_INLINE kn_vl kn_matter_mask(kn_vd c, kn_vd gamma, kn_vd log_b, kn_vd inv_eps, kn_vd log_a,
                               kn_vd shift) {
  kn_vd exponent = kn_fma_d(-c, inv_eps, gamma) + shift;
  return exponent > kn_min_d(log_b, log_a);
}

static void kn_body_matter_count(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                 double inv_eps, const double *phi, const double *gamma,
                                 const double *log_a, const double *log_b, double cut,
                                 int64_t *count) {
  double room[KN_MATTER_CHUNK];
  const kn_vd scale = kn_splat_d(inv_eps);
  for (int64_t i = row_begin; i < row_end; i++) {
    count[i] = 0;
    if (phi[i] == -INFINITY) continue;
    const kn_vd la = kn_splat_d(log_a[i]), shift = kn_splat_d(phi[i] - cut);
    kn_vl total = (kn_vl)0;
    int64_t rest = 0;
    for (int64_t first = 0; first < cost->columns; first += KN_MATTER_CHUNK) {
      int64_t size = cost->columns - first;
      if (size > KN_MATTER_CHUNK) size = KN_MATTER_CHUNK;
      const double *c = kn_matter_costs(cost, i, first, size, room);
      const double *g = gamma + first, *lb = log_b + first;
      int64_t j = 0;
      for (; j + KN_LANES_D <= size; j += KN_LANES_D) {
        total -= kn_matter_mask(kn_load_d(c + j), kn_load_d(g + j), kn_load_d(lb + j), scale, la,
                                shift);
      }
      for (; j < size; j++) {
        double low = lb[j] < log_a[i] ? lb[j] : log_a[i];
        rest += g[j] - c[j] * inv_eps + (phi[i] - cut) > low;
      }
    }
    int64_t lanes[KN_LANES_D];
    __builtin_memcpy(lanes, &total, sizeof lanes);
    for (int k = 0; k < KN_LANES_D; k++) rest += lanes[k];
    count[i] = rest;
  }
}

static void kn_body_matter_fill(const kn_cost *cost, int64_t row_begin, int64_t row_end,
                                double inv_eps, const double *phi, const double *gamma,
                                const double *log_a, const double *log_b, double cut,
                                const int64_t *row_start, int32_t *column, double *entry_cost) {
  double room[KN_MATTER_CHUNK];
  const kn_vd scale = kn_splat_d(inv_eps);
  for (int64_t i = row_begin; i < row_end; i++) {
    int64_t k = row_start[i];
    const int64_t end = row_start[i + 1];
    if (k == end) continue;
    const kn_vd la = kn_splat_d(log_a[i]), shift = kn_splat_d(phi[i] - cut);
    for (int64_t first = 0; first < cost->columns; first += KN_MATTER_CHUNK) {
      int64_t size = cost->columns - first;
      if (size > KN_MATTER_CHUNK) size = KN_MATTER_CHUNK;
      const double *c = kn_matter_costs(cost, i, first, size, room);
      const double *g = gamma + first, *lb = log_b + first;
      int64_t j = 0;
      for (; j + KN_LANES_D <= size; j += KN_LANES_D) {
        kn_vl mask = kn_matter_mask(kn_load_d(c + j), kn_load_d(g + j), kn_load_d(lb + j), scale,
                                    la, shift);
        if (!__builtin_reduce_or(mask)) continue;
        int64_t lanes[KN_LANES_D];
        __builtin_memcpy(lanes, &mask, sizeof lanes);
        for (int l = 0; l < KN_LANES_D; l++) {
          if (lanes[l] && k < end) {
            column[k] = (int32_t)(first + j + l);
            entry_cost[k++] = c[j + l];
          }
        }
      }
      for (; j < size; j++) {
        double low = lb[j] < log_a[i] ? lb[j] : log_a[i];
        if (g[j] - c[j] * inv_eps + (phi[i] - cut) > low && k < end) {
          column[k] = (int32_t)(first + j);
          entry_cost[k++] = c[j];
        }
      }
    }
    /* Should count and fill ever round differently: a forbidden pair changes nothing. */
    for (; k < end; k++) {
      column[k] = 0;
      entry_cost[k] = INFINITY;
    }
  }
}

const kn_entropic_table KN_ENTROPIC_TABLE = {kn_body_matter_count, kn_body_matter_fill};
