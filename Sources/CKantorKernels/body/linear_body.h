/* The passes of kantor_linear.h; see body.h for how a level includes them. */
#include "vector.h"

#include "tile.h"
#include "panel.h"
#include "simplicial.h"
#include "supernodal.h"
#include "triangular.h"
#include "dense_ldl.h"

#define KN_LINEAR_INITIAL(result, name, parameters, arguments) .name = kn_body_##name,
const kn_linear_table KN_LINEAR_TABLE = {KN_LINEAR_KERNELS(KN_LINEAR_INITIAL)};
