#include "kantor_sort.h"

#include <string.h>

/* Long arrays: a radix sort from the least digit, on words that hold the 33 leading bits of a
   number's rank among the numbers and its index, so that one word moves instead of two, three
   times. What the cut-off bits decide is put right afterwards, group by group; groups are small
   or few unless the numbers lie in far apart clusters. Short arrays: a merge sort. */

enum { DIGITS = 3, DIGIT_BITS = 11, BUCKETS = 1 << DIGIT_BITS, SHORT = 768, INSERTION = 12 };
enum { PLACE_BITS = 31 };
#define PLACE_MASK (((uint64_t)1 << PLACE_BITS) - 1)

/* Bits of x, made such that unsigned order is numerical order. */
static inline uint64_t rank_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits ^ ((uint64_t)((int64_t)bits >> 63) | (uint64_t)1 << 63);
}

static inline int less(const double *x, int32_t i, int32_t j) {
  return rank_of(x[i]) < rank_of(x[j]);
}

/* Stable; spare holds n indices. */
static void merge_sort(const double *x, int32_t *order, int64_t n, int32_t *spare) {
  for (int64_t begin = 0; begin < n; begin += INSERTION) {
    int64_t end = begin + INSERTION < n ? begin + INSERTION : n;
    for (int64_t k = begin + 1; k < end; k++) {
      int32_t item = order[k];
      int64_t hole = k;
      for (; hole > begin && less(x, item, order[hole - 1]); hole--) order[hole] = order[hole - 1];
      order[hole] = item;
    }
  }
  for (int64_t width = INSERTION; width < n; width *= 2) {
    for (int64_t begin = 0; begin + width < n; begin += 2 * width) {
      int64_t middle = begin + width, end = middle + width < n ? middle + width : n;
      if (!less(x, order[middle], order[middle - 1])) continue;
      memcpy(spare, order + begin, (size_t)width * sizeof *spare);
      int64_t left = 0, right = middle, out = begin;
      while (left < width && right < end) {
        order[out++] = less(x, order[right], spare[left]) ? order[right++] : spare[left++];
      }
      memcpy(order + out, spare + left, (size_t)(width - left) * sizeof *spare);
    }
  }
}

static int bits_of(uint64_t x) { return x == 0 ? 0 : 64 - __builtin_clzll(x); }

/* Sorts the indices order[0..n) by the numbers that they point to. work: 2 n words. */
static void radix_sort(const double *x, int32_t *order, int64_t n, uint64_t *work) {
  if (n <= SHORT) {
    merge_sort(x, order, n, (int32_t *)work);
    return;
  }
  uint64_t lowest = UINT64_MAX, highest = 0;
  for (int64_t k = 0; k < n; k++) {
    uint64_t r = rank_of(x[order[k]]);
    lowest = r < lowest ? r : lowest;
    highest = r > highest ? r : highest;
  }
  int width = bits_of(highest - lowest), kept = DIGITS * DIGIT_BITS;
  int drop = width > kept ? width - kept : 0;

  uint32_t count[DIGITS][BUCKETS];
  memset(count, 0, sizeof count);
  uint64_t *from = work, *to = work + n;
  for (int64_t k = 0; k < n; k++) {
    uint64_t key = (rank_of(x[order[k]]) - lowest) >> drop;
    from[k] = key << PLACE_BITS | (uint64_t)(uint32_t)order[k];
    for (int d = 0; d < DIGITS; d++) count[d][key >> (d * DIGIT_BITS) & (BUCKETS - 1)]++;
  }
  for (int d = 0; d < DIGITS && d * DIGIT_BITS < width - drop; d++) {
    int shift = PLACE_BITS + d * DIGIT_BITS;
    uint32_t start = 0;
    for (int b = 0; b < BUCKETS; b++) {
      uint32_t here = count[d][b];
      count[d][b] = start;
      start += here;
    }
    for (int64_t k = 0; k < n; k++) {
      uint64_t word = from[k];
      to[count[d][word >> shift & (BUCKETS - 1)]++] = word;
    }
    uint64_t *swap = from;
    from = to;
    to = swap;
  }
  if (drop == 0) {
    for (int64_t k = 0; k < n; k++) order[k] = (int32_t)(from[k] & PLACE_MASK);
    return;
  }
  /* The sign bit marks a number that the kept bits do not tell from the one before it. */
  uint64_t before = ~from[0];
  for (int64_t k = 0; k < n; k++) {
    uint32_t same = (from[k] ^ before) >> PLACE_BITS == 0;
    before = from[k];
    order[k] = (int32_t)((uint32_t)(from[k] & PLACE_MASK) | same << 31);
  }
  for (int64_t k = 1; k < n; k++) {
    if (order[k] >= 0) continue;
    int64_t begin = k - 1;
    for (; k < n && order[k] < 0; k++) order[k] &= INT32_MAX;
    radix_sort(x, order + begin, k - begin, work);
  }
}

void kn_argsort_f64(const double *x, int64_t n, int32_t *order, uint64_t *work) {
  for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
  radix_sort(x, order, n, work);
}
