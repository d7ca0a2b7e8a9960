#include "kantor_openblas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The one owner of the pointers. They are written inside pthread_once, before anyone reads. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static kn_openblas table;
static int32_t usable;
static int32_t asked;
static char problem[256];

static void note(char *text, size_t size, const char *first, const char *second) {
  if (size == 0) return;
  const size_t room = size - 1;
  size_t length = strlen(first) < room ? strlen(first) : room;
  memcpy(text, first, length);
  size_t more = strlen(second) < room - length ? strlen(second) : room - length;
  memcpy(text + length, second, more);
  text[length + more] = 0;
}

int32_t kn_openblas_try(const char *file, kn_openblas *functions, char *text, size_t size) {
  static const char *const names[] = {
      "dgemm_",  "dsyrk_",  "dtrsm_",  "dpotrf_", "dpotrs_", "dsytrf_",
      "dsytrs_", "dsyevd_", "dsyevr_", "dgesdd_", "dgeqrf_", "dormqr_"};
  enum { COUNT = sizeof names / sizeof *names };
  /* Fails to compile when a name is missing: functions are stored in the order of the struct. */
  typedef char as_many_names_as_functions[sizeof(kn_openblas) == COUNT * sizeof(void *) ? 1 : -1];
  (void)sizeof(as_many_names_as_functions);

  note(text, size, "", "");
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char *why = dlerror();
    note(text, size, why == NULL ? "it cannot be opened" : why, "");
    return 0;
  }
  for (int k = 0; k < COUNT; k++) {
    void *address = dlsym(library, names[k]);
    if (address == NULL) {
      note(text, size, "it has no function ", names[k]);
      dlclose(library);
      return 0;
    }
    memcpy((char *)functions + (size_t)k * sizeof address, &address, sizeof address);
  }
  return 1;
}

static void open_once(void) {
  usable = kn_openblas_try("libopenblas.so.0", &table, problem, sizeof problem);
}

const kn_openblas *kn_openblas_get(void) {
  __atomic_store_n(&asked, 1, __ATOMIC_RELAXED);
  pthread_once(&once, open_once);
  return usable ? &table : NULL;
}

/* Threads that OpenBLAS takes, by its own rules: what the environment says, or a thread for each
   processor. */
static int32_t threads_to_come(void) {
  static const char *const names[] = {
      "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"};
  cpu_set_t mine;
  const int32_t processors =
      sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1;
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    const char *text = getenv(names[k]);
    const long count = text == NULL ? 0 : strtol(text, NULL, 10);
    if (count > 0) return count < processors ? (int32_t)count : processors;
  }
  return processors;
}

/* Whether `count` pieces can be mapped at once; they are given back. */
static int is_there(size_t bytes, int32_t count) {
  void *last = NULL;
  int32_t made = 0;
  for (; made < count; made++) {
    void *piece =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) break;
    memcpy(piece, &last, sizeof last);
    last = piece;
  }
  while (last != NULL) {
    void *piece = last;
    memcpy(&last, piece, sizeof last);
    munmap(piece, bytes);
  }
  return made == count;
}

int64_t kn_openblas_lacks(void) {
  if (kn_openblas_asked()) return 0;
  /* A workspace and a stack for each thread, and as much again for the library itself. */
  const size_t piece = (size_t)(128 + 8) << 20;
  const int32_t count = threads_to_come() + 1;
  return is_there(piece, count) ? 0 : (int64_t)piece * count;
}

int32_t kn_openblas_asked(void) { return __atomic_load_n(&asked, __ATOMIC_RELAXED); }

const char *kn_openblas_problem(void) { return problem; }
