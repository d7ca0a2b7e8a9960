/* x86-64-v2: still 16-byte vectors, with blends and rounding. */
#if defined(__x86_64__)

#include "body/prelude.h"
#include <immintrin.h>

#define KN_LEVEL_TABLE kn_table_v2
#define KN_WIDTH 16
#pragma clang attribute push( \
    __attribute__((target("sse3,ssse3,sse4.1,sse4.2,popcnt,cx16"))), apply_to = function)
#include "body/body.h"
#pragma clang attribute pop

#else
/* An empty translation unit is not C. */
typedef int kn_no_level_v2;
#endif
