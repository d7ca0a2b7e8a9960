/* x86-64-v3: AVX2 and FMA. */
#if defined(__x86_64__)

#include "body/prelude.h"
#include "product_table.h"
#include <immintrin.h>

#define KN_PRODUCT_TABLE kn_product_v3
#define KN_WIDTH 32
#pragma clang attribute push( \
    __attribute__((target("avx2,fma,bmi,bmi2,f16c,lzcnt,movbe,popcnt"))), apply_to = function)
#include "body/product_body.h"
#pragma clang attribute pop

#else
/* An empty translation unit is not C. */
typedef int kn_no_product_v3;
#endif
