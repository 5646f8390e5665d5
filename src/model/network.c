/* Weights packed for one kernel set, and the plan of each block. */
#include "model/network.h"

#include <stdlib.h>

#include "base/cpu.h"
#include "base/error.h"

static vg_network *network_over(const vg_packed *packed, const vg_kernels *kernels)
{
    vg_network *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return NULL;
    opened->kernels = *kernels;
    opened->packed = *packed;
    vg_packed_layers(packed, kernels->panel, opened->layers);
    vg_caches caches = {vg_cpu_cache_bytes(1), vg_cpu_cache_bytes(2)};
    for (int i = 0; i < VG_BLOCK_COUNT; i++)
        opened->plans[i] = vg_plan_block(&vg_blocks[i], kernels->panel, &caches);
    return opened;
}

/* The network takes what was packed, which goes where there is none. */
static vg_status take_packed(vg_network **network, vg_packed *packed, const vg_kernels *kernels,
                             vg_error *error)
{
    *network = network_over(packed, kernels);
    if (*network != NULL) return VG_OK;
    vg_packed_close(packed);
    return vg_fail_memory(error, sizeof **network);
}

vg_status vg_network_open(vg_network **network, const vg_weights *weights,
                          const vg_kernels *kernels, vg_error *error)
{
    *network = NULL;
    vg_packed packed;
    vg_status status = vg_packed_open(&packed, weights, kernels->panel, error);
    return status == VG_OK ? take_packed(network, &packed, kernels, error) : status;
}

vg_status vg_network_map(vg_network **network, const char *path, const vg_kernels *kernels,
                         vg_error *error)
{
    *network = NULL;
    vg_packed packed;
    vg_status status = vg_packed_map(&packed, path, kernels->panel, error);
    return status == VG_OK ? take_packed(network, &packed, kernels, error) : status;
}

vg_status vg_network_save(const vg_network *network, const char *path, vg_error *error)
{
    return vg_packed_save(&network->packed, path, error);
}

void vg_network_close(vg_network **network)
{
    if (*network == NULL) return;
    vg_packed_close(&(*network)->packed);
    free(*network);
    *network = NULL;
}
