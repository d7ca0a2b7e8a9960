/* The exported functions of kantor_linear.h, which call through the table of the level. */
#include "linear_table.h"

#include "kantor_kernels.h"

static const kn_linear_table *chosen_table(void) {
#if defined(__x86_64__)
  switch (kn_level()) {
    case 3: return &kn_linear_v3;
    case 4: return &kn_linear_v4;
    default: break;
  }
#endif
  return &kn_linear_base;
}

int64_t kn_panel_scratch(int64_t rows) { return KN_SCRATCH_DOUBLES + rows / 2 + 8; }

#define KN_WRAPPER(result, name, parameters, arguments) \
  result kn_##name parameters { return chosen_table()->name arguments; }
KN_LINEAR_KERNELS(KN_WRAPPER)
