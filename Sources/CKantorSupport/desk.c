#include "kantor_support.h"

static _Thread_local void *desk;

void kn_desk_set(void *next) { desk = next; }

void *kn_desk_get(void) { return desk; }
