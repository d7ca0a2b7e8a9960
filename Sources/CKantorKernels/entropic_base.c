/* The portable fallback, also used on x86-64-v2. */
#include "body/prelude.h"
#include "entropic_table.h"

#define KN_ENTROPIC_TABLE kn_entropic_base
#define KN_WIDTH 16
#include "body/entropic_body.h"
