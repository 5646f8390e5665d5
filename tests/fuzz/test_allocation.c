/* Every call of the library with its n-th allocation failing, for every n: it says
 * so, leaves nothing behind, and works the next time.
 *   test_allocation CORPUS */
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/allocator.h"
#include "fuzz/fuzz.h"
#include "model/model.h"
#include "table/table.h"
#include "verger/verger.h"

enum { DIMS = 6, COMPONENTS = 3, CLASSES = 3, ROWS = 300, MAX_BYTES = 1 << 16 };

/* What the calls work on; made before allocations fail. */
typedef struct inputs {
    vg_model *model;
    vg_extractor *extractor;
    vg_moments *moments;
    vg_pca *pca;
    float rows[ROWS][DIMS];
    unsigned char serialized[4096];
    size_t serialized_size;
    unsigned char of_classes[4096]; /* class moments of the same rows */
    size_t of_classes_size;
    struct ArrowSchema schema, features_schema;
    struct ArrowArray batch, features_batch;
    const char *name; /* of the file at bytes */
    unsigned char bytes[MAX_BYTES];
    size_t size;
    char packed[32]; /* a file for packed weights */
} inputs;

typedef vg_status call_fn(inputs *in, vg_error *error);

static vg_status open_model(inputs *in, vg_error *error)
{
    (void)in;
    vg_model *model = NULL;
    vg_status status = vg_model_open(&model, "seeded:7", NULL, error);
    FUZZ_CHECK((status == VG_OK) == (model != NULL));
    vg_model_close(&model);
    return status;
}

static vg_status save_model(inputs *in, vg_error *error)
{
    return vg_model_save_packed(in->model, in->packed, error);
}

static vg_status open_packed_model(inputs *in, vg_error *error)
{
    vg_model *model = NULL;
    vg_status status = vg_model_open(&model, in->packed, NULL, error);
    FUZZ_CHECK((status == VG_OK) == (model != NULL));
    vg_model_close(&model);
    return status;
}

static vg_status open_extractor(inputs *in, vg_error *error)
{
    vg_extractor *extractor = NULL;
    vg_status status = vg_extractor_open(&extractor, in->model, NULL, error);
    FUZZ_CHECK((status == VG_OK) == (extractor != NULL));
    vg_extractor_close(&extractor);
    return status;
}

static vg_status decode(inputs *in, vg_error *error)
{
    vg_image image = {0};
    const vg_image_options options = {.max_pixels = 1 << 20, .exif_orient = 1};
    vg_status status = vg_image_decode(&image, in->bytes, in->size, &options, error);
    vg_image_close(&image);
    return status;
}

static vg_status resize(inputs *in, vg_error *error)
{
    static uint8_t pixels[300 * 200 * 3], rgb[VG_IMAGE_SIZE * VG_IMAGE_SIZE * 3];
    vg_extractor *extractor = NULL;
    vg_image image = {.rgb = pixels, .width = 300, .height = 200, .capacity = sizeof pixels};
    vg_status status = vg_extractor_open(&extractor, in->model, NULL, error);
    if (status == VG_OK) status = vg_extractor_resize(extractor, &image, rgb, error);
    vg_extractor_close(&extractor);
    return status;
}

static vg_status parse_weights(inputs *in, vg_error *error)
{
    vg_weights *weights = NULL;
    vg_status status = vg_weights_parse_safetensors(&weights, in->bytes, in->size, error);
    FUZZ_CHECK((status == VG_OK) == (weights != NULL));
    vg_weights_close(&weights);
    return status;
}

static vg_status add_moments(inputs *in, vg_error *error)
{
    vg_moments *moments = NULL;
    vg_status status = vg_moments_open(&moments, DIMS, error);
    FUZZ_CHECK((status == VG_OK) == (moments != NULL));
    if (status == VG_OK) status = vg_moments_add(moments, ROWS, in->rows[0], error);
    if (status == VG_OK) status = vg_moments_merge(moments, in->moments, error);
    vg_moments_close(&moments);
    return status;
}

static vg_status deserialize_moments(inputs *in, vg_error *error)
{
    vg_moments *moments = NULL;
    vg_status status = vg_moments_deserialize(&moments, in->serialized, in->serialized_size, error);
    FUZZ_CHECK((status == VG_OK) == (moments != NULL));
    vg_moments_close(&moments);
    return status;
}

static vg_status deserialize_class_moments(inputs *in, vg_error *error)
{
    vg_class_moments *moments = NULL;
    vg_status status =
        vg_class_moments_deserialize(&moments, in->of_classes, in->of_classes_size, error);
    FUZZ_CHECK((status == VG_OK) == (moments != NULL));
    vg_class_moments_close(&moments);
    return status;
}

static vg_status fit_pca(inputs *in, vg_error *error)
{
    vg_pca *pca = NULL;
    vg_status status = vg_pca_fit(&pca, in->moments, COMPONENTS, error);
    FUZZ_CHECK((status == VG_OK) == (pca != NULL));
    vg_pca_close(&pca);
    return status;
}

static vg_status project(inputs *in, vg_error *error)
{
    static double projected[ROWS][COMPONENTS];
    return vg_pca_project(in->pca, ROWS, in->rows[0], projected[0], error);
}

/* path, label and one column more, three rows: enough to make every buffer grow once. */
static vg_status build(const char *last, vg_column_type type, const void *value, size_t size,
                       struct ArrowSchema *schema, struct ArrowArray *batch, vg_error *error)
{
    const vg_column columns[] = {
        {"path", VG_COLUMN_STRING}, {"label", VG_COLUMN_STRING}, {last, type}};
    vg_builder *builder = NULL;
    vg_status status = vg_builder_open(&builder, columns, 3, error);
    FUZZ_CHECK((status == VG_OK) == (builder != NULL));
    for (int row = 0; row < 3 && status == VG_OK; row++) {
        status = vg_builder_string(builder, 0, "a/b.jpg", 7, error);
        if (status == VG_OK) status = vg_builder_string(builder, 1, "a", 1, error);
        if (status != VG_OK) break;
        if (row == 1)
            status = vg_builder_null(builder, 2, error);
        else if (type == VG_COLUMN_STRING)
            status = vg_builder_string(builder, 2, value, size, error);
        else
            status = vg_builder_float32_list(builder, 2, value, size, error);
    }
    if (status == VG_OK) status = vg_builder_finish(builder, schema, batch, error);
    vg_builder_close(&builder);
    return status;
}

static vg_status build_batch(inputs *in, vg_error *error)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    vg_status status =
        build("features", VG_COLUMN_FLOAT32_LIST, in->rows[0], DIMS, &schema, &batch, error);
    FUZZ_CHECK((status == VG_OK) == (batch.release != NULL));
    vg_schema_release(&schema);
    vg_batch_release(&batch);
    return status;
}

static vg_status extract_arrow(inputs *in, vg_error *error)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    vg_status status =
        vg_extract_arrow(in->extractor, &in->schema, &in->batch, &schema, &batch, error);
    FUZZ_CHECK((status == VG_OK) == (batch.release != NULL));
    vg_schema_release(&schema);
    vg_batch_release(&batch);
    return status;
}

static vg_status add_arrow(inputs *in, vg_error *error)
{
    vg_moments *moments = NULL;
    vg_status status = vg_moments_open(&moments, DIMS, error);
    if (status == VG_OK)
        status = vg_moments_add_arrow(moments, &in->features_schema, &in->features_batch, error);
    vg_moments_close(&moments);
    return status;
}

static vg_status project_arrow(inputs *in, vg_error *error)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    vg_status status = vg_pca_project_arrow(in->pca, &in->features_schema, &in->features_batch,
                                            &schema, &batch, error);
    FUZZ_CHECK((status == VG_OK) == (batch.release != NULL));
    vg_schema_release(&schema);
    vg_batch_release(&batch);
    return status;
}

/* Runs `call` with its n-th allocation failing, for every n of the run without
 * failures. Returns how many there are. */
static size_t sweep(const char *name, inputs *in, call_fn *call, bool onwards)
{
    vg_error error = {{0}};
    allocator_arm(0, false);
    vg_status usual = call(in, &error);
    size_t total = allocator_disarm();

    for (size_t n = 1; n <= total; n++) {
        size_t live = allocator_live();
        error.message[0] = '\0';
        allocator_arm(n, onwards);
        vg_status status = call(in, &error);
        allocator_disarm();
        if (status != VG_ENOMEM || error.message[0] == '\0' || allocator_live() != live) {
            fprintf(stderr,
                    "%s: allocation %zu of %zu fails: status \"%s\", message \"%s\", %zu blocks "
                    "before, %zu after\n",
                    name, n, total, vg_status_name(status), error.message, live, allocator_live());
            exit(1);
        }
    }
    if (call(in, NULL) != usual) {
        fprintf(stderr, "%s: not as before after failed allocations\n", name);
        exit(1);
    }
    return total;
}

static void sweep_both(const char *name, inputs *in, call_fn *call)
{
    size_t total = sweep(name, in, call, false);
    sweep(name, in, call, true);
    printf("%-24s %zu allocations\n", name, total);
}

static void read_input(inputs *in, const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "test_allocation: cannot read %s: make_corpus.py makes it\n", path);
        exit(2);
    }
    in->name = name;
    in->size = fread(in->bytes, 1, sizeof in->bytes, file);
    fclose(file);
}

static void sweep_files(const char *corpus, const char *target, inputs *in, call_fn *call)
{
    char folder[2048];
    snprintf(folder, sizeof folder, "%s/%s", corpus, target);
    DIR *directory = opendir(folder);
    FUZZ_CHECK(directory != NULL);
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        read_input(in, folder, entry->d_name);
        sweep_both(in->name, in, call);
    }
    closedir(directory);
}

static void open_inputs(inputs *in, const char *corpus)
{
    static float features[DIMS];
    char folder[2048];
    snprintf(folder, sizeof folder, "%s/image", corpus);
    read_input(in, folder, "rgb.png");

    for (int r = 0; r < ROWS; r++)
        for (int d = 0; d < DIMS; d++) in->rows[r][d] = (float)((r * (d + 3) + d * d) % 17);
    snprintf(in->packed, sizeof in->packed, "/tmp/verger-packed-XXXXXX");
    int packed = mkstemp(in->packed);
    FUZZ_CHECK(packed >= 0 && close(packed) == 0);

    vg_error error = {{0}};
    vg_status status = vg_model_open(&in->model, "seeded:7", NULL, &error);
    if (status == VG_OK) status = vg_extractor_open(&in->extractor, in->model, NULL, &error);
    if (status == VG_OK) status = vg_moments_open(&in->moments, DIMS, &error);
    if (status == VG_OK) status = vg_moments_add(in->moments, ROWS, in->rows[0], &error);
    if (status == VG_OK) status = vg_pca_fit(&in->pca, in->moments, COMPONENTS, &error);
    if (status == VG_OK)
        status = build("content", VG_COLUMN_STRING, in->bytes, in->size, &in->schema, &in->batch,
                       &error);
    if (status == VG_OK)
        status = build("features", VG_COLUMN_FLOAT32_LIST, features, DIMS, &in->features_schema,
                       &in->features_batch, &error);
    if (status != VG_OK) {
        fprintf(stderr, "test_allocation: %s\n", error.message);
        exit(1);
    }
    in->serialized_size = vg_moments_serialized_size(in->moments);
    FUZZ_CHECK(in->serialized_size <= sizeof in->serialized);
    vg_moments_serialize(in->moments, in->serialized);
}

static void serialize_classes(inputs *in)
{
    vg_class_moments *moments = NULL;
    int32_t classes[ROWS];
    for (int r = 0; r < ROWS; r++) classes[r] = r % CLASSES;
    FUZZ_CHECK(vg_class_moments_open(&moments, DIMS, CLASSES, NULL) == VG_OK);
    FUZZ_CHECK(vg_class_moments_add(moments, ROWS, in->rows[0], classes, NULL) == VG_OK);
    in->of_classes_size = vg_class_moments_serialized_size(moments);
    FUZZ_CHECK(in->of_classes_size <= sizeof in->of_classes);
    vg_class_moments_serialize(moments, in->of_classes);
    vg_class_moments_close(&moments);
}

static void close_inputs(inputs *in)
{
    vg_schema_release(&in->schema);
    vg_schema_release(&in->features_schema);
    vg_batch_release(&in->batch);
    vg_batch_release(&in->features_batch);
    vg_pca_close(&in->pca);
    vg_moments_close(&in->moments);
    vg_extractor_close(&in->extractor);
    vg_model_close(&in->model);
    unlink(in->packed);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    static inputs in;
    open_inputs(&in, argv[1]);
    serialize_classes(&in);
    sweep_both("vg_model_open", &in, open_model);
    sweep_both("vg_model_save_packed", &in, save_model);
    sweep_both("vg_model_open, packed", &in, open_packed_model);
    sweep_both("vg_extractor_open", &in, open_extractor);
    sweep_both("vg_extractor_resize", &in, resize);
    sweep_both("vg_moments_add", &in, add_moments);
    sweep_both("vg_moments_deserialize", &in, deserialize_moments);
    sweep_both("vg_class_moments_deserialize", &in, deserialize_class_moments);
    sweep_both("vg_pca_fit", &in, fit_pca);
    sweep_both("vg_pca_project", &in, project);
    sweep_both("vg_builder", &in, build_batch);
    sweep_both("vg_extract_arrow", &in, extract_arrow);
    sweep_both("vg_moments_add_arrow", &in, add_arrow);
    sweep_both("vg_pca_project_arrow", &in, project_arrow);
    sweep_files(argv[1], "image", &in, decode);
    sweep_files(argv[1], "safetensors", &in, parse_weights);
    close_inputs(&in);
    if (allocator_live() != 0) {
        fprintf(stderr, "test_allocation: %zu blocks are left\n", allocator_live());
        return 1;
    }
    return 0;
}
