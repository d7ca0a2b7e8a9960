/* The whole kernel body of one CPU level. A level file sets KN_WIDTH (bytes in a vector),
   KN_LEVEL_TABLE (name of its table) and the target attribute, and includes this file. All
   functions are static: only the table leaves the object, so code of one level can never be
   linked into another. */

#include "vector.h"

/* Elementary functions, first alone and then over arrays. */
#include "exponential.h"
#include "logarithm.h"
#include "square_root.h"

/* Files named typed_* are written once for both element types. */
#define KN_SINGLE 0
#include "typed_begin.h"
#include "typed_elementary.h"
#include "typed_cost.h"
#include "typed_pricing.h"
#include "typed_block.h"
#include "typed_end.h"
#undef KN_SINGLE

#define KN_SINGLE 1
#include "typed_begin.h"
#include "typed_elementary.h"
#include "typed_cost.h"
#include "typed_pricing.h"
#include "typed_block.h"
#include "typed_end.h"
#undef KN_SINGLE

#include "exponents.h"
#include "sweep_f64.h"
#include "sweep_f32.h"
#include "transforms.h"
#include "kernel_rows.h"
#include "scaling.h"
#include "plan.h"
#include "two_smallest.h"
#include "small_product.h"
#include "balance.h"

#define KN_TABLE_INITIAL(result, name, parameters, arguments) .name = kn_body_##name,
const kn_table KN_LEVEL_TABLE = {KN_KERNELS(KN_TABLE_INITIAL)};
