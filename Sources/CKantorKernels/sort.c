#include "kantor_sort.h"

#include <string.h>

/* Long arrays: a radix sort from the least digit, on words that hold the upper bits of a number's
   rank in its high bits and its index in the low ones, so that one word moves instead of two. What
   the cut-off bits decide is put right afterwards, in the rare groups of equal upper bits. Short
   arrays: a merge sort. */

enum { DIGIT_BITS = 11, BUCKETS = 1 << DIGIT_BITS, SHORT = 768, INSERTION = 12 };

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

void kn_argsort_f64(const double *x, int64_t n, int32_t *order, uint64_t *work) {
  if (n <= SHORT) {
    for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
    merge_sort(x, order, n, (int32_t *)work);
    return;
  }
  uint64_t lowest = UINT64_MAX, highest = 0;
  for (int64_t i = 0; i < n; i++) {
    uint64_t r = rank_of(x[i]);
    lowest = r < lowest ? r : lowest;
    highest = r > highest ? r : highest;
  }
  int index_bits = bits_of((uint64_t)n - 1);
  if (index_bits < 64 - 4 * DIGIT_BITS) index_bits = 64 - 4 * DIGIT_BITS;
  int width = bits_of(highest - lowest);
  int drop = width > 64 - index_bits ? width - (64 - index_bits) : 0;
  uint64_t mask = ((uint64_t)1 << index_bits) - 1;

  uint32_t count[4][BUCKETS];
  memset(count, 0, sizeof count);
  uint64_t *from = work, *to = work + n;
  for (int64_t i = 0; i < n; i++) {
    uint64_t key = (rank_of(x[i]) - lowest) >> drop;
    from[i] = key << index_bits | (uint64_t)i;
    for (int d = 0; d < 4; d++) count[d][key >> (d * DIGIT_BITS) & (BUCKETS - 1)]++;
  }
  for (int d = 0; d < 4; d++) {
    int shift = index_bits + d * DIGIT_BITS;
    if (d * DIGIT_BITS >= width - drop) break;
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
  for (int64_t k = 0; k < n; k++) order[k] = (int32_t)(from[k] & mask);
  if (drop == 0) return;
  for (int64_t k = 0; k < n;) {
    int64_t end = k + 1;
    while (end < n && from[end] >> index_bits == from[k] >> index_bits) end++;
    if (end - k > 1) merge_sort(x, order + k, end - k, (int32_t *)to);
    k = end;
  }
}
