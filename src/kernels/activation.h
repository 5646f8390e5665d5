#ifndef VG_KERNELS_ACTIVATION_H
#define VG_KERNELS_ACTIVATION_H

typedef enum vg_activation { VG_LINEAR, VG_RELU6 } vg_activation;

/* The order of the comparisons is that of MAXPS and MINPS: NaN becomes 0. */
static inline float vg_relu6(float x)
{
    x = x > 0.0F ? x : 0.0F;
    return x < 6.0F ? x : 6.0F;
}

#endif
