/* The portable fallback: 16-byte vectors, which every 64-bit target has (SSE2, NEON). */
#include "body/prelude.h"

#define KN_LEVEL_TABLE kn_table_base
#define KN_WIDTH 16
#include "body/body.h"
