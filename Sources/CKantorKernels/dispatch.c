/* Choice of the CPU level at load time, and the exported functions, which call through it. */
#include "layout.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

/* The base level is set statically, so that a call made before the constructor is safe. */
static const kn_table *active = &kn_table_base;
int32_t kn_active_level = 0;

static const kn_table *supported_table(int32_t level) {
  switch (level) {
    case 0: return &kn_table_base;
#if defined(__x86_64__)
    case 2: return __builtin_cpu_supports("x86-64-v2") ? &kn_table_v2 : NULL;
    case 3: return __builtin_cpu_supports("x86-64-v3") ? &kn_table_v3 : NULL;
    case 4: return __builtin_cpu_supports("x86-64-v4") ? &kn_table_v4 : NULL;
#endif
    default: return NULL;
  }
}

int32_t kn_level_select(int32_t level) {
  const kn_table *table = supported_table(level);
  if (table == NULL) return 0;
  active = table;
  kn_active_level = level;
  return 1;
}

int32_t kn_level(void) { return kn_active_level; }

const char *kn_level_name(void) {
  switch (kn_active_level) {
    case 2: return "v2";
    case 3: return "v3";
    case 4: return "v4";
    default: return "base";
  }
}

static int32_t level_named(const char *name) {
  if (name == NULL) return -1;
  if (strcmp(name, "base") == 0) return 0;
  if (strcmp(name, "v2") == 0) return 2;
  if (strcmp(name, "v3") == 0) return 3;
  if (strcmp(name, "v4") == 0) return 4;
  return -1;
}

__attribute__((constructor)) static void choose_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  int32_t wanted = level_named(getenv("KANTOR_CPU"));
  if (wanted >= 0 && kn_level_select(wanted)) return;
  for (int32_t level = 4; level >= 0; level--) {
    if (kn_level_select(level)) return;
  }
}

int64_t kn_sweep_scratch(int64_t columns) { return kn_scratch_bytes(columns); }

#define KN_WRAPPER(result, name, parameters, arguments) \
  result kn_##name parameters { return active->name arguments; }
KN_KERNELS(KN_WRAPPER)
