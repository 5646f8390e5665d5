#include "kernels/x86/avx2_vec_tmpl.h"

#define SET avx2
/* As many as the tallest tile has. */
enum { PEAK_SUMS = 12 };

#include "measure/peak_tmpl.h"
