#include "kernels/x86/avx512_vec_tmpl.h"

#define SET avx512
/* As many as the tallest tile has. */
enum { PEAK_SUMS = 28 };

#include "measure/peak_tmpl.h"
