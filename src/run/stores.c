#include "run/stores.h"

vg_status vg_stores_open(vg_store **input, const char *input_address, vg_store **output,
                         const char *output_address, const vg_store_options *options,
                         vg_error *error)
{
    /* Encryption is of what is written; the input may be a folder. */
    vg_store_options for_input = *options;
    for_input.sse = for_input.sse_kms_key = NULL;
    vg_status status = vg_store_open(input, input_address, &for_input, error);
    if (status == VG_OK) status = vg_store_open(output, output_address, options, error);
    return status;
}
