#include "kantor_sort.h"

#include <string.h>

/* Words hold 33 bits of a number's place among the numbers and its index, so that one word moves
   instead of two. What the cut-off bits decide is put right afterwards, group by group; groups are
   small or few unless the numbers lie in far apart clusters.

   Long arrays are split by the leading bits of the place, measured along the line, into parts that
   stay in the cache; each part is split once more by the bits that follow, and what is left to do
   is done by insertion. Radix passes over the whole memory, from the least digit, serve where the
   numbers are too uneven for that, and for groups; there the place is that of the bit pattern.
   Short arrays: a merge sort. */

enum { DIGITS = 3, DIGIT_BITS = 11, BUCKETS = 1 << DIGIT_BITS, SHORT = 768, INSERTION = 12 };
enum { PLACE_BITS = 31, KEPT = DIGITS * DIGIT_BITS, PART = 1024, CROWD = 24 };
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

static void settle(
    const double *x, int32_t *order, int64_t n, const uint64_t *from, uint64_t *work);

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
  int width = bits_of(highest - lowest), drop = width > KEPT ? width - KEPT : 0;

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
  settle(x, order, n, from, work);
}

/* Writes the order of sorted words and sorts the groups that the kept bits do not tell apart. */
static void settle(
    const double *x, int32_t *order, int64_t n, const uint64_t *from, uint64_t *work) {
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
    int uneven = 0;
    for (; k < n && order[k] < 0; k++) {
      order[k] &= INT32_MAX;
      uneven |= rank_of(x[order[k]]) != rank_of(x[order[begin]]);
    }
    if (uneven) radix_sort(x, order + begin, k - begin, work);
  }
}

/* Sorts n words whose bits from `bits` up agree already, by way of `to`, into `out`. out may be
   `from` or `to`. */
static void sort_part(uint64_t *from, uint64_t *to, uint64_t *out, int64_t n, int bits) {
  uint32_t count[BUCKETS];
  int shift = bits > DIGIT_BITS ? bits - DIGIT_BITS : 0;
  memset(count, 0, sizeof count);
  for (int64_t k = 0; k < n; k++) count[from[k] >> (PLACE_BITS + shift) & (BUCKETS - 1)]++;
  uint32_t start = 0, most = 0;
  for (int b = 0; b < BUCKETS; b++) {
    uint32_t here = count[b];
    most = here > most ? here : most;
    count[b] = start;
    start += here;
  }
  if (most > CROWD) {
    /* Too uneven for insertion: all digits, from the least. */
    for (int low = 0; low < bits; low += DIGIT_BITS) {
      memset(count, 0, sizeof count);
      for (int64_t k = 0; k < n; k++) count[from[k] >> (PLACE_BITS + low) & (BUCKETS - 1)]++;
      start = 0;
      for (int b = 0; b < BUCKETS; b++) {
        uint32_t here = count[b];
        count[b] = start;
        start += here;
      }
      for (int64_t k = 0; k < n; k++) {
        to[count[from[k] >> (PLACE_BITS + low) & (BUCKETS - 1)]++] = from[k];
      }
      uint64_t *swap = from;
      from = to;
      to = swap;
    }
    if (from != out) memcpy(out, from, (size_t)n * sizeof *out);
    return;
  }
  for (int64_t k = 0; k < n; k++) {
    to[count[from[k] >> (PLACE_BITS + shift) & (BUCKETS - 1)]++] = from[k];
  }
  /* Written where it belongs, every word is near its place. */
  out[0] = to[0];
  for (int64_t k = 1; k < n; k++) {
    uint64_t word = to[k];
    int64_t hole = k;
    for (; hole > 0 && word < out[hole - 1]; hole--) out[hole] = out[hole - 1];
    out[hole] = word;
  }
}

/* The places along the line as words; 0 when the range is no finite positive number. */
static int line_words(const double *x, int64_t n, uint64_t *words, uint32_t *count, int bits) {
  double low[8], high[8];
  for (int l = 0; l < 8; l++) low[l] = high[l] = x[0];
  for (int64_t k = 0; k + 8 <= n; k += 8) {
    for (int l = 0; l < 8; l++) {
      low[l] = x[k + l] < low[l] ? x[k + l] : low[l];
      high[l] = x[k + l] > high[l] ? x[k + l] : high[l];
    }
  }
  double least = low[0], most = high[0];
  for (int l = 1; l < 8; l++) {
    least = low[l] < least ? low[l] : least;
    most = high[l] > most ? high[l] : most;
  }
  for (int64_t k = n & ~(int64_t)7; k < n; k++) {
    least = x[k] < least ? x[k] : least;
    most = x[k] > most ? x[k] : most;
  }
  const double top = (double)(((uint64_t)1 << KEPT) - 1);
  double scale = top / (most - least);
  if (!(scale > 0) || !(scale <= 1e300)) return 0;
  int shift = KEPT - bits;
  for (int64_t k = 0; k < n; k++) {
    /* Subtraction, product and truncation keep the order. */
    double place = (x[k] - least) * scale;
    uint64_t key = (uint64_t)(int64_t)(place < top ? place : top);
    words[k] = key << PLACE_BITS | (uint64_t)k;
    if (bits > 0) count[key >> shift]++;
  }
  return 1;
}

/* Sorts all n numbers; 0 when they have no range to measure places along. work: 2 n words. */
static int line_sort(const double *x, int32_t *order, int64_t n, uint64_t *work) {
  uint32_t count[BUCKETS + 1];
  int bits = 0;
  while (bits < DIGIT_BITS && n >> bits > PART) bits++;
  memset(count, 0, sizeof count);
  uint64_t *words = work, *split = work + n;
  if (!line_words(x, n, words, count, bits)) return 0;
  if (bits == 0) {
    sort_part(words, split, words, n, KEPT);
  } else {
    uint32_t start = 0;
    for (int b = 0; b < 1 << bits; b++) {
      uint32_t here = count[b];
      count[b] = start;
      start += here;
    }
    int shift = PLACE_BITS + KEPT - bits;
    for (int64_t k = 0; k < n; k++) split[count[words[k] >> shift]++] = words[k];
    /* count[b] is now the end of part b. */
    int64_t begin = 0;
    for (int b = 0; b < 1 << bits; b++) {
      int64_t end = count[b];
      if (end > begin) {
        sort_part(split + begin, words + begin, split + begin, end - begin, KEPT - bits);
      }
      begin = end;
    }
    words = split;
  }
  settle(x, order, n, words, work);
  return 1;
}

void kn_argsort_f64(const double *x, int64_t n, int32_t *order, uint64_t *work) {
  if (n > SHORT && line_sort(x, order, n, work)) return;
  for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
  radix_sort(x, order, n, work);
}
