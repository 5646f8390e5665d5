/* HDF5 files to the import of Keras weights: weights, or a reason. The bytes are not
 * the file but a program that writes one through libhdf5, for libhdf5 itself does not
 * withstand damaged files (README.md): what is tried here is every structure that it
 * accepts, and no layer of Keras would write. */
#include "fuzz/bytes.h"

#include <stdbool.h>

#include <hdf5.h>

#include "fuzz/memory_file.h"
#include "weights/sources.h"

enum { MAX_STEPS = 64, MAX_DEPTH = 8, LONGEST_NAME = 320, MAX_VALUES = 4096, MAX_NAMES = 8 };

typedef struct program {
    fuzz_bytes bytes;
    hid_t file;
    hid_t groups[MAX_DEPTH]; /* from the root to where we are */
    int depth;
} program;

/* --- Words -------------------------------------------------------------------- */

static void pick_name(fuzz_bytes *bytes, char name[LONGEST_NAME])
{
    static const char *const names[] = {"model_weights",
                                        "layers",
                                        "_layer_checkpoint_dependencies",
                                        "Conv1",
                                        "bn_Conv1",
                                        "expanded_conv_depthwise",
                                        "expanded_conv_depthwise_BN",
                                        "block_1_expand",
                                        "block_1_expand_BN",
                                        "conv2d",
                                        "batch_normalization",
                                        "depthwise_conv2d",
                                        "vars",
                                        "0",
                                        "1",
                                        "2",
                                        "3",
                                        "kernel",
                                        "kernel:0",
                                        "depthwise_kernel:0",
                                        "gamma:0",
                                        "beta:0",
                                        "moving_mean:0",
                                        "moving_variance:0"};
    size_t known = sizeof names / sizeof *names, choice = fuzz_below(bytes, known + 2);
    memset(name, 'x', LONGEST_NAME);
    name[LONGEST_NAME - 1] = '\0'; /* longer than any that is looked for */
    if (choice < known) snprintf(name, LONGEST_NAME, "%s", names[choice]);
    if (choice == known) fuzz_text(bytes, name, 16);
}

static hid_t pick_type(fuzz_bytes *bytes)
{
    hid_t type = -1;
    switch (fuzz_below(bytes, 10)) {
    case 0: return H5Tcopy(H5T_STD_I32LE);
    case 1: return H5Tcopy(H5T_IEEE_F64BE);
    case 2: return H5Tvlen_create(H5T_IEEE_F32LE);
    case 3: return H5Tarray_create2(H5T_IEEE_F32LE, 1, (const hsize_t[]){2});
    case 4:
        type = H5Tcreate(H5T_COMPOUND, 8);
        H5Tinsert(type, "x", 0, H5T_IEEE_F32LE);
        return type;
    case 5:
        type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, 1 + fuzz_byte(bytes));
        return type;
    default: return H5Tcopy(H5T_IEEE_F32LE);
    }
}

/* The shapes of the first layers, or any. */
static hid_t pick_space(fuzz_bytes *bytes)
{
    static const hsize_t odd[] = {0, 1, 2, 3, 1 << 20, (hsize_t)1 << 40};
    hsize_t dims[5];
    switch (fuzz_below(bytes, 6)) {
    case 0: return H5Screate_simple(4, (const hsize_t[]){3, 3, 3, 32}, NULL);
    case 1: return H5Screate_simple(4, (const hsize_t[]){3, 3, 32, 1}, NULL);
    case 2: return H5Screate_simple(1, (const hsize_t[]){32}, NULL);
    case 3: return H5Screate(fuzz_below(bytes, 2) ? H5S_SCALAR : H5S_NULL);
    default: break;
    }
    size_t rank = 1 + fuzz_below(bytes, 5);
    for (size_t i = 0; i < rank; i++) dims[i] = odd[fuzz_below(bytes, 6)];
    return H5Screate_simple((int)rank, dims, NULL);
}

/* --- Steps ---------------------------------------------------------------------- */

static hid_t here(const program *run)
{
    return run->groups[run->depth];
}

static void enter_group(program *run)
{
    char name[LONGEST_NAME];
    pick_name(&run->bytes, name);
    if (run->depth + 1 == MAX_DEPTH) return;
    hid_t group = H5Lexists(here(run), name, H5P_DEFAULT) > 0
                      ? H5Gopen2(here(run), name, H5P_DEFAULT)
                      : H5Gcreate2(here(run), name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group >= 0) run->groups[++run->depth] = group;
}

static void leave_group(program *run)
{
    if (run->depth > 0) H5Gclose(run->groups[run->depth--]);
}

/* Chunks larger than their dataset, data in other files, layouts of all kinds. */
static hid_t pick_storage(fuzz_bytes *bytes, hid_t space)
{
    hid_t storage = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_ndims(space);
    switch (fuzz_below(bytes, 8)) {
    case 0: H5Pset_layout(storage, H5D_COMPACT); break;
    case 1: H5Pset_external(storage, "/dev/zero", 0, H5F_UNLIMITED); break;
    case 2:
        for (int i = 0; i < rank; i++) chunk[i] = 1 + fuzz_below(bytes, 64);
        if (rank > 0) H5Pset_chunk(storage, rank, chunk);
        if (fuzz_below(bytes, 2)) H5Pset_deflate(storage, 1);
        break;
    default: break;
    }
    return storage;
}

static void fill(fuzz_bytes *bytes, hid_t dataset, hid_t space)
{
    static const float odd[] = {0.5F, -1.0F, 3e38F, 0.0F};
    static float values[MAX_VALUES];
    hssize_t count = H5Sget_simple_extent_npoints(space);
    if (count <= 0 || count > MAX_VALUES) return;
    float value = odd[fuzz_below(bytes, 4)];
    if (fuzz_below(bytes, 16) == 15) value /= 0.0F * value;
    for (hssize_t i = 0; i < count; i++) values[i] = value;
    H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
}

static void add_dataset(program *run)
{
    char name[LONGEST_NAME];
    fuzz_bytes *bytes = &run->bytes;
    pick_name(bytes, name);
    hid_t space = pick_space(bytes), type = pick_type(bytes), storage = pick_storage(bytes, space);
    hid_t dataset = H5Dcreate2(here(run), name, type, space, H5P_DEFAULT, storage, H5P_DEFAULT);
    if (dataset >= 0) {
        if (H5Tget_class(type) == H5T_FLOAT && H5Pget_external_count(storage) == 0)
            fill(bytes, dataset, space);
        H5Dclose(dataset);
    }
    H5Pclose(storage);
    H5Tclose(type);
    H5Sclose(space);
}

static void add_link(program *run)
{
    char name[LONGEST_NAME], target[LONGEST_NAME];
    pick_name(&run->bytes, name);
    pick_name(&run->bytes, target);
    switch (fuzz_below(&run->bytes, 4)) {
    case 0: H5Lcreate_soft(target, here(run), name, H5P_DEFAULT, H5P_DEFAULT); break;
    case 1: H5Lcreate_external("/dev/zero", "/", here(run), name, H5P_DEFAULT, H5P_DEFAULT); break;
    case 2: H5Lcreate_hard(run->file, "/", here(run), name, H5P_DEFAULT, H5P_DEFAULT); break;
    default: H5Lcreate_hard(here(run), target, here(run), name, H5P_DEFAULT, H5P_DEFAULT);
    }
}

/* Names of layers as texts of a fixed width, as texts of any, or as no texts. */
static void write_names(fuzz_bytes *bytes, hid_t attribute, hid_t type)
{
    char names[MAX_NAMES][LONGEST_NAME], *pointers[MAX_NAMES];
    for (int i = 0; i < MAX_NAMES; i++) {
        pick_name(bytes, names[i]);
        pointers[i] = names[i];
    }
    if (H5Tget_class(type) != H5T_STRING) return;
    H5Awrite(attribute, type,
             H5Tis_variable_str(type) > 0 ? (const void *)pointers : (const void *)names);
}

static void add_names(program *run)
{
    fuzz_bytes *bytes = &run->bytes;
    hsize_t count = fuzz_below(bytes, MAX_NAMES + 1);
    hid_t type = fuzz_below(bytes, 4) > 0 ? H5Tcopy(H5T_C_S1) : pick_type(bytes);
    if (H5Tget_class(type) == H5T_STRING)
        H5Tset_size(type, fuzz_below(bytes, 2) ? LONGEST_NAME : H5T_VARIABLE);
    hid_t space =
        fuzz_below(bytes, 8) > 0 ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(here(run), "layer_names", type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) {
        write_names(bytes, attribute, type);
        H5Aclose(attribute);
    }
    H5Sclose(space);
    H5Tclose(type);
}

static void run_program(program *run)
{
    for (int step = 0; step < MAX_STEPS && run->bytes.next < run->bytes.end; step++) {
        switch (fuzz_below(&run->bytes, 8)) {
        case 0:
        case 1: enter_group(run); break;
        case 2:
        case 3: leave_group(run); break;
        case 4: add_link(run); break;
        case 5: add_names(run); break;
        default: add_dataset(run);
        }
    }
    while (run->depth >= 0) H5Gclose(run->groups[run->depth--]);
}

/* The bytes of the file that the program writes; free() them. */
static uint8_t *write_file(const uint8_t *data, size_t size, size_t *written)
{
    hid_t memory = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(memory, 1 << 16, 0);
    program run = {.bytes = {data, data + size}};
    run.file = H5Fcreate("fuzz", H5F_ACC_TRUNC, H5P_DEFAULT, memory);
    FUZZ_CHECK(run.file >= 0);
    run.groups[0] = H5Gopen2(run.file, "/", H5P_DEFAULT);
    run_program(&run);
    H5Fflush(run.file, H5F_SCOPE_GLOBAL);
    *written = (size_t)H5Fget_file_image(run.file, NULL, 0);
    uint8_t *image = malloc(*written);
    FUZZ_CHECK(image != NULL && H5Fget_file_image(run.file, image, *written) > 0);
    H5Fclose(run.file);
    H5Pclose(memory);
    return image;
}

/* In the place of HDF5's own handler, which prints. */
static herr_t on_printed(hid_t stack, void *context)
{
    (void)stack;
    bool *has_printed = context;
    *has_printed = true;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[MEMORY_FILE_PATH];
    size_t written;
    vg_weights *weights = NULL;
    vg_error error = {{0}};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    uint8_t *image = write_file(data, size, &written);
    memory_file(path, image, written);
    free(image);

    bool has_printed = false;
    H5Eset_auto2(H5E_DEFAULT, on_printed, &has_printed);
    vg_status status = vg_weights_read_keras(&weights, path, &error);
    FUZZ_CHECK((status == VG_OK) == (weights != NULL));
    FUZZ_CHECK((status == VG_OK) == (error.message[0] == '\0'));
    FUZZ_CHECK(!has_printed);
    /* All that was opened is closed: the file would else stay open for ever. */
    FUZZ_CHECK(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0);
    vg_weights_close(&weights);
    return 0;
}
