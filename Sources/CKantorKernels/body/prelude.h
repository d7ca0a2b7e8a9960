/* System headers of the kernel body. They stand apart because nothing declared in them may fall
   under the target attribute of a level. */
#ifndef KN_PRELUDE_H
#define KN_PRELUDE_H

#include "../layout.h"
#include "../table.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#endif
