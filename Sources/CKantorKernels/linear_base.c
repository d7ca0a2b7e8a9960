/* The portable fallback, also used on x86-64-v2. */
#include "body/prelude.h"
#include "linear_table.h"

#define KN_LINEAR_TABLE kn_linear_base
#define KN_WIDTH 16
#include "body/linear_body.h"
