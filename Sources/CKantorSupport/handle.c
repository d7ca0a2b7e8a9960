#include "kantor_support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

void kn_flag_set(kn_flag *flag, int32_t value) {
  __atomic_store_n(&flag->value, value, __ATOMIC_SEQ_CST);
}

int32_t kn_flag_get(const kn_flag *flag) {
  return __atomic_load_n(&flag->value, __ATOMIC_RELAXED);
}

/* kind 0 means free. A spin lock per block is enough: it is held for a few instructions. */
struct kn_handle {
  atomic_flag lock;
  int32_t kind;
  void *object;
  struct kn_handle *next_free;
};

enum { KN_SLAB_BLOCKS = 1024 };

typedef struct kn_slab {
  struct kn_slab *next;
  struct kn_handle blocks[KN_SLAB_BLOCKS];
} kn_slab;

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(kn_slab *) slabs;
static struct kn_handle *free_first, *free_last;
static atomic_llong live;

static void lock_block(struct kn_handle *block) {
  while (atomic_flag_test_and_set_explicit(&block->lock, memory_order_acquire)) {
  }
}

static void unlock_block(struct kn_handle *block) {
  atomic_flag_clear_explicit(&block->lock, memory_order_release);
}

static int is_block(const void *pointer) {
  uintptr_t address = (uintptr_t)pointer;
  for (kn_slab *slab = atomic_load(&slabs); slab; slab = slab->next) {
    uintptr_t first = (uintptr_t)slab->blocks;
    if (address >= first && address < first + sizeof slab->blocks)
      return (address - first) % sizeof(struct kn_handle) == 0;
  }
  return 0;
}

static void append_free(struct kn_handle *block) {
  block->next_free = NULL;
  if (free_last) free_last->next_free = block;
  else free_first = block;
  free_last = block;
}

static int grow(void) {
  kn_slab *slab = calloc(1, sizeof *slab);
  if (!slab) return 0;
  for (int i = 0; i < KN_SLAB_BLOCKS; i++) {
    atomic_flag_clear(&slab->blocks[i].lock);
    append_free(&slab->blocks[i]);
  }
  slab->next = atomic_load(&slabs);
  atomic_store(&slabs, slab);
  return 1;
}

kn_handle *kn_handle_create(int32_t kind, void *object) {
  struct kn_handle *block = NULL;
  pthread_mutex_lock(&pool_lock);
  if (free_first || grow()) {
    block = free_first;
    free_first = block->next_free;
    if (!free_first) free_last = NULL;
  }
  pthread_mutex_unlock(&pool_lock);
  if (!block) return NULL;
  lock_block(block);
  block->object = object;
  block->kind = kind;
  unlock_block(block);
  atomic_fetch_add(&live, 1);
  return block;
}

void *kn_handle_object(const void *handle, int32_t kind, void *(*retain)(void *),
                       int32_t *found_kind) {
  *found_kind = 0;
  if (!is_block(handle)) return NULL;
  struct kn_handle *block = (struct kn_handle *)(uintptr_t)handle;
  void *object = NULL;
  lock_block(block);
  *found_kind = block->kind;
  if (block->kind == kind) object = retain(block->object);
  unlock_block(block);
  return object;
}

void *kn_handle_end(void *handle, int32_t kind, int32_t *found_kind) {
  *found_kind = 0;
  if (!is_block(handle)) return NULL;
  struct kn_handle *block = handle;
  void *object = NULL;
  lock_block(block);
  *found_kind = block->kind;
  if (block->kind == kind) {
    object = block->object;
    block->object = NULL;
    block->kind = 0;
  }
  unlock_block(block);
  if (!object) return NULL;
  pthread_mutex_lock(&pool_lock);
  append_free(block);
  pthread_mutex_unlock(&pool_lock);
  atomic_fetch_sub(&live, 1);
  return object;
}

int64_t kn_handle_count(void) { return atomic_load(&live); }
