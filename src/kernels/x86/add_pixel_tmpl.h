/* For the vectors `vec` of the file that includes this. */
#ifndef VG_KERNELS_X86_ADD_PIXEL_TMPL_H
#define VG_KERNELS_X86_ADD_PIXEL_TMPL_H

/* acc[v] += *x * weights[v]. In assembly because gcc, left to choose among the three forms
 * of a multiply-add and the order of a tile's, spills sums: the unrolled loop took 1.4 times
 * as long. Volatile keeps the order. */
static inline __attribute__((always_inline)) void add_pixel(vec *acc, const float *x,
                                                            const vec *weights, const int vectors)
{
    vec input;
    if (vectors == 3)
        __asm__ volatile("vbroadcastss %4, %3\n\t"
                         "vfmadd231ps %5, %3, %0\n\t"
                         "vfmadd231ps %6, %3, %1\n\t"
                         "vfmadd231ps %7, %3, %2"
                         : "+v"(acc[0]), "+v"(acc[1]), "+v"(acc[2]), "=&v"(input)
                         : "m"(*x), "v"(weights[0]), "v"(weights[1]), "v"(weights[2]));
    else if (vectors == 2)
        __asm__ volatile("vbroadcastss %3, %2\n\t"
                         "vfmadd231ps %4, %2, %0\n\t"
                         "vfmadd231ps %5, %2, %1"
                         : "+v"(acc[0]), "+v"(acc[1]), "=&v"(input)
                         : "m"(*x), "v"(weights[0]), "v"(weights[1]));
    else
        __asm__ volatile("vbroadcastss %2, %1\n\t"
                         "vfmadd231ps %3, %1, %0"
                         : "+v"(acc[0]), "=&v"(input)
                         : "m"(*x), "v"(weights[0]));
}

#endif
