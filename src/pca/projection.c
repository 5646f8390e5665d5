/* Rows projected on components. */
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/error.h"
#include "base/memory.h"
#include "pca/pca.h"

/* A row's result hangs on nothing but the row: sums over SECTION dimensions, in their order,
 * are added in theirs. (BLAS chooses its order by the shape of the batch and the number of
 * threads.) A section of PASS rows stays in level 2 while the components pass. */
enum { SECTION = 256, PASS = 4 * VG_GRAM_PANEL };

void vg_pca_pack(vg_pca *pca)
{
    size_t dims = (size_t)pca->dims;
    for (int c = 0; c < pca->components; c++) {
        const double *component = pca->matrix + (size_t)c * dims;
        double *to = pca->panels + (size_t)(c / VG_GRAM_PANEL) * dims * VG_GRAM_PANEL;
        to += c % VG_GRAM_PANEL;
        for (size_t d = 0; d < dims; d++) to[d * VG_GRAM_PANEL] = component[d];
    }
}

/* `length` dimensions of up to VG_GRAM_PANEL rows, `stride` apart, to [length][VG_GRAM_PANEL];
 * where there are fewer rows, the last again. */
static void pack_rows(double *to, const float *rows, size_t n, size_t stride, size_t length)
{
    const float *from[VG_GRAM_PANEL];
    for (size_t i = 0; i < VG_GRAM_PANEL; i++) from[i] = rows + (i < n ? i : n - 1) * stride;
    for (size_t d = 0; d < length; d++, to += VG_GRAM_PANEL)
        for (size_t i = 0; i < VG_GRAM_PANEL; i++) to[i] = (double)from[i][d];
}

/* Up to PASS rows to sums [PASS][components in whole panels], which are zero. */
static void project_pass(const vg_pca *pca, const float *rows, size_t n, double *packed,
                         double *sums)
{
    size_t dims = (size_t)pca->dims;
    size_t groups = (n + VG_GRAM_PANEL - 1) / VG_GRAM_PANEL;
    size_t stride = vg_pca_stride(pca), panels = stride / VG_GRAM_PANEL;
    for (size_t d = 0; d < dims; d += SECTION) {
        size_t length = dims - d < SECTION ? dims - d : SECTION;
        for (size_t g = 0; g < groups; g++) {
            size_t row = g * VG_GRAM_PANEL;
            size_t count = n - row < VG_GRAM_PANEL ? n - row : VG_GRAM_PANEL;
            pack_rows(packed + row * SECTION, rows + row * dims + d, count, dims, length);
        }
        for (size_t p = 0; p < panels; p++)
            for (size_t g = 0; g < groups; g++)
                pca->kernels.gram(sums + (g * stride + p) * VG_GRAM_PANEL, (ptrdiff_t)stride,
                                  packed + g * VG_GRAM_PANEL * SECTION,
                                  pca->panels + (p * dims + d) * VG_GRAM_PANEL, (int)length);
    }
}

vg_status vg_pca_project(const vg_pca *pca, size_t n, const float *rows, double *projected,
                         vg_error *error)
{
    if (pca == NULL) return vg_fail_null(error, "vg_pca_project", "PCA");
    if (n > 0 && (rows == NULL || projected == NULL))
        return vg_fail(error, VG_EINVAL, "vg_pca_project: rows and projected are needed");
    size_t dims = (size_t)pca->dims, components = (size_t)pca->components;
    size_t stride = vg_pca_stride(pca);
    size_t room = PASS * (SECTION + stride);
    double *packed = vg_alloc_aligned(room, sizeof *packed);
    if (packed == NULL) return vg_fail_memory(error, room * sizeof *packed);
    double *sums = packed + PASS * SECTION;
    for (size_t start = 0; start < n; start += PASS) {
        size_t count = n - start < PASS ? n - start : PASS;
        memset(sums, 0, PASS * stride * sizeof *sums);
        project_pass(pca, rows + start * dims, count, packed, sums);
        for (size_t i = 0; i < count; i++)
            memcpy(projected + (start + i) * components, sums + i * stride,
                   components * sizeof *sums);
    }
    free(packed);
    return VG_OK;
}
