/* How the caller's scratch memory is cut up. The same for every CPU level, because a caller may
   ask for the size before a test changes the level. */
#ifndef KN_LAYOUT_H
#define KN_LAYOUT_H

#include <stdint.h>

enum {
  KN_TILE = 512,        /* columns of a cost tile: four rows of doubles are 16 KiB */
  KN_TILE_STRIDE = KN_TILE + 48, /* its rows must not lie a multiple of 4 KiB apart */
  KN_CHUNK = 4096,      /* columns whose f32 terms are added before the sum goes into f64 */
  KN_PLAN_ROWS = 16,    /* rows that a sweep works on at once, by groups of four */
  KN_PLAN_STAGGER = 80  /* extra elements between plan rows, against cache set conflicts */
};

typedef struct kn_scratch {
  int64_t padded;  /* columns rounded up to a multiple of 16 */
  double *row;     /* one row of doubles */
  double *plan64;  /* KN_PLAN_ROWS rows of plan entries, `plan_stride` elements apart */
  float *plan32;   /* the same memory */
  int64_t plan_stride;
  double *gamma64; /* column potentials, in powers of two */
  float *gamma32;  /* the same rounded, and what that took; see kn_prepare_gamma_f */
  float *rest32;
  double *norm64;  /* squared norms of the columns' points */
  float *norm32;   /* the same memory */
  float *sum32;    /* column sums of a few rows, before they go into f64 */
  double *tile64;  /* 4 x KN_TILE costs */
  float *tile32;   /* the same memory */
} kn_scratch;

static inline int64_t kn_padded(int64_t columns) { return (columns + 15) / 16 * 16; }

/* Columns of the next piece of a row, at most `most` (a multiple of 16): whole vectors at every
   level while they last, then the remainder, so that no dense row is read past its end. */
static inline int64_t kn_piece(int64_t left, int64_t most) {
  if (left >= most) return most;
  return left >= 16 ? left / 16 * 16 : left;
}

static inline int64_t kn_scratch_bytes(int64_t columns) {
  const int64_t padded = kn_padded(columns);
  return padded * (8 + 8 * KN_PLAN_ROWS + 8 + 4 + 4 + 8 + 4) +
         8 * (KN_PLAN_ROWS * KN_PLAN_STAGGER + 4 * KN_TILE_STRIDE);
}

static inline kn_scratch kn_scratch_cut(void *memory, int64_t columns) {
  kn_scratch s;
  double *next = memory;
  s.padded = kn_padded(columns);
  s.plan_stride = s.padded + KN_PLAN_STAGGER;
  s.row = next;
  next += s.padded;
  s.plan64 = next;
  s.plan32 = (float *)next;
  next += KN_PLAN_ROWS * s.plan_stride;
  s.gamma64 = next;
  next += s.padded;
  s.gamma32 = (float *)next;
  s.rest32 = s.gamma32 + s.padded;
  next += s.padded;
  s.norm64 = next;
  s.norm32 = (float *)next;
  next += s.padded;
  s.tile64 = next;
  s.tile32 = (float *)next;
  next += 4 * KN_TILE_STRIDE;
  s.sum32 = (float *)next;
  return s;
}

#endif
