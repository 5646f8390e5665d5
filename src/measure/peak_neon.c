#include "kernels/arm/neon_vec_tmpl.h"

#define SET neon
/* As many as the tallest tile has. */
enum { PEAK_SUMS = 24 };

#include "measure/peak_tmpl.h"
