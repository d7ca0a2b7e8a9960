/* Exponentials. Two kinds:
     kn_exp_{d,f}         e^x over the whole range, at most 2 ulp;
     kn_exp2_cut_{d,f}    2^z for exponents that are known to be at most about 0, exactly 0 below
                          the cut; the cheap one inside the sweeps, which scale by log2(e) once
                          per row and column instead of once per entry.
   Both are written twice, for any vector and for AVX-512. */

#define KN_LOG2E 0x1.71547652b82fep+0

/* Adding this leaves the nearest integer in the low bits of the sum. */
#define KN_MAGIC_D 0x1.8p52
#define KN_MAGIC_F 0x1.8p23f

/* exp(x) is below the smallest normal number, or overflows, beyond these. */
#define KN_EXP_LOW_D (-0x1.6232bdd7abcd2p+9)
#define KN_EXP_HIGH_D 0x1.62e42fefa39efp+9
#define KN_EXP_LOW_F (-0x1.5d589ep+6f)
#define KN_EXP_HIGH_F 0x1.62e42ep+6f

/* Sweeps give exactly 0 below exp(-700) and exp(-80); here in powers of two. */
#define KN_CUT_D (-700.0 * KN_LOG2E)
#define KN_CUT_F ((float)(-80.0 * KN_LOG2E))
/* 2^z overflows from here on. */
#define KN_TOP_D 1024.0
#define KN_TOP_F 128.0f

#if KN_WIDTH == 64
#include "exponential_avx512.h"
#else
#include "exponential_portable.h"
#endif

