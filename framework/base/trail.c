#include "base/trail.h"

_Thread_local struct trail trail;
