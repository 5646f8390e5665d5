#include <assert.h>

#include <arm_neon.h>

#include "kernels/normalise/normalise.h"

void vg_normalise_neon(float *to, const uint8_t *from, size_t n)
{
    assert(vg_normalise_may(to, from, n));
    const float32x4_t scale = vdupq_n_f32(127.5F), one = vdupq_n_f32(1.0F);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint16x8_t values = vmovl_u8(vld1_u8(from + i));
        float32x4_t low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(values)));
        float32x4_t high = vcvtq_f32_u32(vmovl_high_u16(values));
        vst1q_f32(to + i, vsubq_f32(vdivq_f32(low, scale), one));
        vst1q_f32(to + i + 4, vsubq_f32(vdivq_f32(high, scale), one));
    }
    vg_normalise_ref(to + i, from + i, n - i);
}
