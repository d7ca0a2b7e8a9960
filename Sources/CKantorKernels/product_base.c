/* The portable fallback, also used on x86-64-v2. */
#include "body/prelude.h"
#include "product_table.h"

#define KN_PRODUCT_TABLE kn_product_base
#define KN_WIDTH 16
#include "body/product_body.h"
