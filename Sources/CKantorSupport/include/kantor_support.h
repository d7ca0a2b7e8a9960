/* Pieces that must be C: handle blocks, the per-thread error text, one cancel flag,
   facts about the machine. */
#ifndef KANTOR_SUPPORT_H
#define KANTOR_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

/* A flag that any thread or signal handler may raise: one atomic store. */
typedef struct kn_flag {
  int32_t value;
} kn_flag;

void kn_flag_set(kn_flag *flag, int32_t value);
int32_t kn_flag_get(const kn_flag *flag);

/* Handles. A handle is an address that names a block of a pool and is never read through, so
   asking about a freed, foreign or invented pointer is safe, and a freed handle is not mistaken for
   the next one in its block. `retain` runs under the block's lock, so a free on another thread
   cannot take the object away in between; it must do nothing else. */
typedef struct kn_handle kn_handle;

kn_handle *kn_handle_create(int32_t kind, void *object);
/* The retained object, or NULL; *found_kind is then 0 (no live handle) or the block's kind. */
void *kn_handle_object(const void *handle, int32_t kind, void *(*retain)(void *),
                       int32_t *found_kind);
/* Ends the handle; gives back the object for the caller to release, or NULL as above. */
void *kn_handle_end(void *handle, int32_t kind, int32_t *found_kind);
/* Number of live handles (for tests). */
int64_t kn_handle_count(void);

/* The last error text of the calling thread: at most 511 bytes, always terminated. */
void kn_message_set(const char *utf8, size_t length);
const char *kn_message_get(void);

/* What the memory of the calling thread's solve is charged to; NULL outside of a solve. Gives the
   one before. */
void *kn_budget_set(void *budget);
void *kn_budget_get(void);

/* Where the calling thread's solve asks for its functions; NULL where nobody answers. */
void kn_desk_set(void *desk);
void *kn_desk_get(void);

/* The C compiler of this build; the CPU levels this machine has, lowest first, by the names of
   the kernels. */
const char *kn_compiler(void);
int32_t kn_cpu_level_count(void);
const char *kn_cpu_level_name(int32_t index);

#endif
