#include "kantor_support.h"

static _Thread_local void *budget;

void *kn_budget_set(void *next) {
  void *before = budget;
  budget = next;
  return before;
}

void *kn_budget_get(void) { return budget; }
