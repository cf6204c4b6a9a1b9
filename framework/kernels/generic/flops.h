/* flops.h - FLOPS(n) counts n operations of products at this place, for tests/model/test_costs.c. */
#ifndef FLOPS
#define FLOPS(n) ((void)0)
#endif
