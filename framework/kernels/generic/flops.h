/* flops.h - FLOPS(n): a product here multiplies and adds, n operations. tests/model/test_costs.c counts them. */
#ifndef FLOPS
#define FLOPS(n) ((void)0)
#endif
