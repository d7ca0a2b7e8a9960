/* The portable fallback, also used on x86-64-v2. */
#include "body/prelude.h"
#include "tiny_table.h"

#define KN_TINY_TABLE kn_tiny_base
#define KN_WIDTH 16
#include "body/tiny_body.h"
