/* The features of a picture of noise as one number, for comparing machines that cannot run
 * each other's kernels.
 *   network_digest SET
 * The network runs with the plans of this CPU and with the narrowest strips; where the two
 * differ in a bit, that is an error. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "model/network.h"

enum { RGB_BYTES = VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3, SEED = 11 };

static void stop(const char *message)
{
    fprintf(stderr, "network_digest: %s\n", message);
    exit(1);
}

static void fill_with_noise(uint8_t *rgb)
{
    uint32_t noise = 1;
    for (int i = 0; i < RGB_BYTES; i++) {
        noise = noise * 1664525U + 1013904223U;
        rgb[i] = (uint8_t)(noise >> 24);
    }
}

static void forward(vg_network *network, const uint8_t *rgb, float *features)
{
    vg_error error = {""};
    vg_workspace *workspace = NULL;
    if (vg_workspace_open(&workspace, network, 1, &error) != VG_OK) stop(error.message);
    vg_network_forward(network, workspace, rgb, features);
    vg_workspace_close(&workspace);
}

/* FNV-1a of the bits. */
static uint64_t digest(const float *features)
{
    uint64_t hash = 0xCBF29CE484222325U;
    for (int i = 0; i < VG_FEATURE_COUNT; i++) {
        uint32_t bits;
        memcpy(&bits, &features[i], sizeof bits);
        for (int shift = 0; shift < 32; shift += 8)
            hash = (hash ^ (bits >> shift & 0xFF)) * 0x100000001B3U;
    }
    return hash;
}

int main(int argc, char **argv)
{
    static uint8_t rgb[RGB_BYTES];
    static float features[VG_FEATURE_COUNT], in_strips[VG_FEATURE_COUNT];
    vg_error error = {""};
    vg_kernels kernels;
    vg_weights *weights = NULL;
    vg_network *network = NULL;
    if (argc != 2) stop("usage: network_digest SET");
    if (!vg_kernels_init(&kernels, vg_cpu_features(), argv[1])) stop("no such set on this CPU");
    if (vg_weights_seeded(&weights, SEED, &error) != VG_OK) stop(error.message);
    if (vg_network_open(&network, weights, &kernels, &error) != VG_OK) stop(error.message);

    const vg_caches smallest = {1, 1};
    fill_with_noise(rgb);
    forward(network, rgb, features);
    for (int i = 0; i < VG_BLOCK_COUNT; i++)
        network->plans[i] = vg_plan_block(&vg_blocks[i], kernels.panel, &smallest);
    forward(network, rgb, in_strips);
    if (memcmp(features, in_strips, sizeof features) != 0) stop("strips gave other bits");
    printf("%s features %016" PRIx64 "\n", kernels.name, digest(features));
    vg_network_close(&network);
    vg_weights_close(&weights);
    return 0;
}
