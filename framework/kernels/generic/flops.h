/* flops.h - FLOPS(n): a product here multiplies and adds, n operations. tests/session/test_costs.c counts them. */
#ifndef FLOPS
#define FLOPS(n) ((void)0)
#endif
