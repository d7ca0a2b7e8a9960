#include "kantor_support.h"

const char *kn_compiler(void) { return __VERSION__; }

#if defined(__x86_64__)

int32_t kn_cpu_level_count(void) {
  __builtin_cpu_init();
  int32_t count = 1;
  if (__builtin_cpu_supports("x86-64-v2")) count = 2;
  if (__builtin_cpu_supports("x86-64-v3")) count = 3;
  if (__builtin_cpu_supports("x86-64-v4")) count = 4;
  return count;
}

#else

int32_t kn_cpu_level_count(void) { return 1; }

#endif

const char *kn_cpu_level_name(int32_t index) {
  static const char *const names[] = {"base", "v2", "v3", "v4"};
  return index >= 0 && index < 4 ? names[index] : "";
}
