#include "kantor_support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

void kn_flag_set(kn_flag *flag, int32_t value) {
  __atomic_store_n(&flag->value, value, __ATOMIC_SEQ_CST);
}

int32_t kn_flag_get(const kn_flag *flag) {
  return __atomic_load_n(&flag->value, __ATOMIC_RELAXED);
}

/* A handle is an address inside a range that is reserved and never mapped. It names a block and
   the generation in which the block was taken: a handle that was freed stays wrong until its
   block has gone through all generations, and since freed blocks are reused oldest first that
   takes at least KN_FIRST_BLOCKS * KN_GENERATIONS creations. Nothing a caller passes is ever read
   through. */
enum {
  KN_FIRST_BLOCKS = 1024, /* every further slab is twice as large: a look-up visits few slabs */
  KN_GENERATIONS = 1024,
  KN_STEP = 16            /* handles are as aligned as what malloc gives */
};

typedef struct kn_block {
  atomic_flag lock; /* a spin lock is enough: it is held for a few instructions */
  int32_t kind;     /* 0: free */
  uint32_t generation;
  void *object;
  uintptr_t first; /* handle of generation 0 */
  struct kn_block *next_free;
} kn_block;

typedef struct kn_slab {
  struct kn_slab *next;
  uintptr_t begin;
  uintptr_t bytes;
  kn_block blocks[];
} kn_slab;

static const uintptr_t block_bytes = (uintptr_t)KN_GENERATIONS * KN_STEP;

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(kn_slab *) slabs;
static kn_block *free_first, *free_last;
static atomic_llong live;

static void lock_block(kn_block *block) {
  for (int tries = 0; atomic_flag_test_and_set_explicit(&block->lock, memory_order_acquire);)
    /* The holder may have lost its processor. */
    if (++tries % 64 == 0) sched_yield();
}

static void unlock_block(kn_block *block) {
  atomic_flag_clear_explicit(&block->lock, memory_order_release);
}

/* The block that an address names, if it names one. */
static kn_block *find_block(const void *handle, uint32_t *generation) {
  uintptr_t address = (uintptr_t)handle;
  for (kn_slab *slab = atomic_load(&slabs); slab; slab = slab->next) {
    uintptr_t offset = address - slab->begin;
    if (offset >= slab->bytes) continue;
    if (offset % KN_STEP != 0) return NULL;
    *generation = (uint32_t)(offset % block_bytes / KN_STEP);
    return &slab->blocks[offset / block_bytes];
  }
  return NULL;
}

static void append_free(kn_block *block) {
  block->next_free = NULL;
  if (free_last) free_last->next_free = block;
  else free_first = block;
  free_last = block;
}

static int grow(void) {
  kn_slab *newest = atomic_load(&slabs);
  size_t count = newest ? 2 * (size_t)(newest->bytes / block_bytes) : KN_FIRST_BLOCKS;
  kn_slab *slab = calloc(1, sizeof *slab + count * sizeof slab->blocks[0]);
  if (!slab) return 0;
  slab->bytes = count * block_bytes;
  void *range = mmap(NULL, slab->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                     -1, 0);
  if (range == MAP_FAILED) {
    free(slab);
    return 0;
  }
  slab->begin = (uintptr_t)range;
  for (size_t i = 0; i < count; i++) {
    atomic_flag_clear(&slab->blocks[i].lock);
    slab->blocks[i].first = slab->begin + i * block_bytes;
    append_free(&slab->blocks[i]);
  }
  slab->next = newest;
  atomic_store(&slabs, slab);
  return 1;
}

kn_handle *kn_handle_create(int32_t kind, void *object) {
  kn_block *block = NULL;
  pthread_mutex_lock(&pool_lock);
  if (free_first || grow()) {
    block = free_first;
    free_first = block->next_free;
    if (!free_first) free_last = NULL;
  }
  pthread_mutex_unlock(&pool_lock);
  if (!block) return NULL;
  /* Counted before it can be ended, so that the count never falls below zero. */
  atomic_fetch_add(&live, 1);
  lock_block(block);
  block->object = object;
  block->kind = kind;
  uintptr_t handle = block->first + (uintptr_t)block->generation * KN_STEP;
  unlock_block(block);
  return (kn_handle *)handle;
}

void *kn_handle_object(const void *handle, int32_t kind, void *(*retain)(void *),
                       int32_t *found_kind) {
  *found_kind = 0;
  uint32_t generation = 0;
  kn_block *block = find_block(handle, &generation);
  if (!block) return NULL;
  void *object = NULL;
  lock_block(block);
  if (block->generation == generation) {
    *found_kind = block->kind;
    if (block->kind != 0 && block->kind == kind) object = retain(block->object);
  }
  unlock_block(block);
  return object;
}

void *kn_handle_end(void *handle, int32_t kind, int32_t *found_kind) {
  *found_kind = 0;
  uint32_t generation = 0;
  kn_block *block = find_block(handle, &generation);
  if (!block) return NULL;
  void *object = NULL;
  int ended = 0;
  lock_block(block);
  if (block->generation == generation) {
    *found_kind = block->kind;
    if (block->kind != 0 && block->kind == kind) {
      ended = 1;
      object = block->object;
      block->object = NULL;
      block->kind = 0;
      block->generation = (generation + 1) % KN_GENERATIONS;
    }
  }
  unlock_block(block);
  if (!ended) return NULL;
  pthread_mutex_lock(&pool_lock);
  append_free(block);
  pthread_mutex_unlock(&pool_lock);
  atomic_fetch_sub(&live, 1);
  return object;
}

int64_t kn_handle_count(void) { return atomic_load(&live); }
