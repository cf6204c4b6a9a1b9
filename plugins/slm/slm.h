/* slm.h - what the files of this plugin share. */
#ifndef SLM_H
#define SLM_H

#include <vivarium/vivarium.h>

extern const viv_precision slm_precision; /* budget.c */

#endif
