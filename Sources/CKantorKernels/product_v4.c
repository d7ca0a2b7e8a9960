/* x86-64-v4: AVX-512 (F, BW, CD, DQ, VL). */
#if defined(__x86_64__)

#include "body/prelude.h"
#include "product_table.h"
#include <immintrin.h>

#define KN_PRODUCT_TABLE kn_product_v4
#define KN_WIDTH 64
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi,bmi2,f16c," \
                          "lzcnt,popcnt"))), apply_to = function)
#include "body/product_body.h"
#pragma clang attribute pop

#else
/* An empty translation unit is not C. */
typedef int kn_no_product_v4;
#endif
