/* Tells ThreadSanitizer about the locks of Swift's Synchronization module.
 *
 * Mutex takes and gives its lock with atomic operations in the caller, which are instrumented,
 * unless another thread holds it or waits for it: then it calls two functions of the toolchain's
 * shared library, which are not. Without this file every contended lock would look like a data
 * race. The program that links it (with -rdynamic) offers the two functions before that library
 * does; they call the real ones and say what those did. Built with clang only: the functions are
 * Swift's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *mutex
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef SWIFT void (*lock_function)(uint32_t, SELF);
typedef SWIFT void (*unlock_function)(SELF);

static void *real(const char *name)
{
  void *function = dlsym(RTLD_NEXT, name);
  if (!function) abort();
  return function;
}

SWIFT void kn_test_lock_slow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
SWIFT void kn_test_lock_slow(uint32_t thread, SELF)
{
  ((lock_function)(uintptr_t)real(LOCK_SLOW))(thread, mutex);
  __tsan_acquire(mutex);
}

SWIFT void kn_test_unlock_slow(SELF) __asm__(UNLOCK_SLOW);
SWIFT void kn_test_unlock_slow(SELF)
{
  __tsan_release(mutex);
  ((unlock_function)(uintptr_t)real(UNLOCK_SLOW))(mutex);
}
