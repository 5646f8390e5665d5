/* The io room's face as a command, for the tests in Python:
 *   io_tool write FORMAT STORE PATH ROWS DIMS   a table of made-up rows
 *   io_tool copy FORMAT STORE PATH FORMAT STORE PATH
 *   io_tool list STORE PATH                     paths, each ended by NUL
 *   io_tool put|get|rm|rmtree STORE PATH        put reads standard input
 *   io_tool mv STORE FROM TO
 *   io_tool encryption STORE PATH               of a file that is there
 * REGION, SSE and SSE_KMS_KEY in the environment are the options of the stores, SIZE is
 * what a listing said of the file that is read.
 *   io_tool readall STORE THREADS               reads every file, for bench/stores.py;
 *                                               prints files, bytes and seconds of it
 * Exits with the vg_status. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "io/io.h"
#include "table/table.h"

enum { BATCH_ROWS = 100, TEXT_CHARS = 64, FAILED_EVERY = 7, PCA_DIMS = 3, MAX_READERS = 256 };

static const vg_column columns[] = {
    {"path", VG_COLUMN_STRING},
    {"label", VG_COLUMN_STRING},
    {"number", VG_COLUMN_INT64},
    {"share", VG_COLUMN_FLOAT64},
    {"modified", VG_COLUMN_TIMESTAMP},
    {"features", VG_COLUMN_FLOAT32_LIST},
    {"pca_features", VG_COLUMN_FLOAT64_LIST},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const char *labels[] = {"Apple Golden 1", "a,b",  "say \"hi\"", "two\nlines", " spaces ",
                               "caf\xc3\xa9",    "0042", "",           "semi;colon"};

static vg_format format_of(const char *name)
{
    return strcmp(name, "csv") == 0 ? VG_CSV : VG_PARQUET;
}

static vg_status append_row(vg_builder *builder, int64_t row, size_t dims, float *features,
                            vg_error *error)
{
    char path[TEXT_CHARS];
    const char *label = labels[row % (int64_t)(sizeof labels / sizeof *labels)];
    double pca[PCA_DIMS];
    for (size_t i = 0; i < dims; i++)
        features[i] = (float)((row * 131 + (int64_t)i * 7) % 1000) / 7.0f;
    for (int i = 0; i < PCA_DIMS; i++) pca[i] = (double)(row - i) / 3e5;
    int length = snprintf(path, sizeof path, "/data/row %d.jpg", (int)row);

    vg_status status = vg_builder_string(builder, 0, path, (size_t)length, error);
    if (status == VG_OK) status = vg_builder_string(builder, 1, label, strlen(label), error);
    if (row % FAILED_EVERY == 0) {
        for (size_t i = 2; i < COLUMNS && status == VG_OK; i++)
            status = vg_builder_null(builder, i, error);
        return status;
    }
    if (status == VG_OK) status = vg_builder_int64(builder, 2, row * 1000000007, error);
    if (status == VG_OK) status = vg_builder_float64(builder, 3, 1.0 / (double)row, error);
    if (status == VG_OK) status = vg_builder_int64(builder, 4, 1625142896123456 + row, error);
    if (status == VG_OK) status = vg_builder_float32_list(builder, 5, features, dims, error);
    if (status == VG_OK) status = vg_builder_float64_list(builder, 6, pca, PCA_DIMS, error);
    return status;
}

static vg_status write_rows(vg_builder *builder, vg_writer *writer, int64_t rows, size_t dims,
                            vg_error *error)
{
    float *features = calloc(dims + 1, sizeof *features);
    vg_status status = features != NULL ? VG_OK : vg_fail_memory(error, dims);
    for (int64_t row = 0; row < rows && status == VG_OK; row++) {
        status = append_row(builder, row, dims, features, error);
        if (status != VG_OK || (row % BATCH_ROWS != BATCH_ROWS - 1 && row != rows - 1)) continue;
        struct ArrowSchema schema;
        struct ArrowArray batch;
        status = vg_builder_finish(builder, &schema, &batch, error);
        if (status != VG_OK) break;
        status = vg_writer_write(writer, &batch, error);
        vg_schema_release(&schema);
        vg_batch_release(&batch);
    }
    free(features);
    return status;
}

static vg_status write_table(char **arguments, vg_error *error)
{
    static const vg_fact facts[] = {{"verger.model", "seeded:7"}, {"verger.note", "caf\xc3\xa9"}};
    vg_store *store = NULL;
    vg_builder *builder = NULL;
    vg_writer *writer = NULL;
    struct ArrowSchema schema = {.release = NULL};
    vg_status status = vg_store_open(&store, arguments[1], NULL, error);
    if (status == VG_OK) status = vg_builder_open(&builder, columns, COLUMNS, error);
    if (status == VG_OK) status = vg_builder_schema(builder, &schema, error);
    if (status == VG_OK)
        status = vg_writer_open(&writer, store, arguments[2], format_of(arguments[0]), &schema,
                                facts, 2, error);
    if (status == VG_OK)
        status = write_rows(builder, writer, strtoll(arguments[3], NULL, 10),
                            strtoull(arguments[4], NULL, 10), error);
    if (status == VG_OK) status = vg_writer_finish(writer, NULL, error);
    vg_schema_release(&schema);
    vg_writer_close(&writer);
    vg_builder_close(&builder);
    vg_store_close(&store);
    return status;
}

static vg_status copy_rows(vg_reader *reader, vg_writer **writer, vg_store *store, char **arguments,
                           vg_error *error)
{
    for (;;) {
        struct ArrowSchema schema;
        struct ArrowArray batch;
        vg_status status = vg_reader_next(reader, &schema, &batch, error);
        if (status != VG_OK || batch.release == NULL) return status;
        if (*writer == NULL)
            status = vg_writer_open(writer, store, arguments[2], format_of(arguments[0]), &schema,
                                    NULL, 0, error);
        if (status == VG_OK) status = vg_writer_write(*writer, &batch, error);
        vg_schema_release(&schema);
        vg_batch_release(&batch);
        if (status != VG_OK) return status;
    }
}

static vg_status copy_table(char **arguments, vg_error *error)
{
    vg_store *from = NULL, *to = NULL;
    vg_reader *reader = NULL;
    vg_writer *writer = NULL;
    vg_status status = vg_store_open(&from, arguments[1], NULL, error);
    if (status == VG_OK) status = vg_store_open(&to, arguments[4], NULL, error);
    if (status == VG_OK)
        status = vg_reader_open(&reader, from, arguments[2], format_of(arguments[0]), error);
    if (status == VG_OK) status = copy_rows(reader, &writer, to, arguments + 3, error);
    if (status == VG_OK && writer != NULL) status = vg_writer_finish(writer, NULL, error);
    vg_writer_close(&writer);
    vg_reader_close(&reader);
    vg_store_close(&from);
    vg_store_close(&to);
    return status;
}

static vg_status print_file(void *context, const vg_file *file, vg_error *error)
{
    (void)context;
    (void)error;
    fwrite(file->path, 1, strlen(file->path) + 1, stdout);
    return VG_OK;
}

static vg_store_options store_options(void)
{
    return (vg_store_options){.require_region = getenv("REGION"),
                              .sse = getenv("SSE"),
                              .sse_kms_key = getenv("SSE_KMS_KEY")};
}

static int64_t listed_size(void)
{
    const char *size = getenv("SIZE");
    return size != NULL ? strtoll(size, NULL, 10) : VG_SIZE_UNKNOWN;
}

static vg_status copy_file(vg_store *store, const char *path, bool is_put, vg_error *error)
{
    vg_bytes content = {0};
    vg_status status = VG_OK;
    if (is_put) {
        static char data[1 << 20];
        status = vg_store_write(store, path, data, fread(data, 1, sizeof data, stdin), error);
    } else {
        status = vg_store_read(store, path, listed_size(), 1 << 30, &content, error);
        if (status == VG_OK && content.size > 0) fwrite(content.bytes, 1, content.size, stdout);
    }
    free(content.bytes);
    return status;
}

static vg_status run_store(const char *action, char **arguments, vg_error *error)
{
    vg_store *store = NULL;
    const char *path = arguments[1];
    vg_store_options options = store_options();
    vg_status status = vg_store_open(&store, arguments[0], &options, error);
    if (status != VG_OK) return status;
    if (strcmp(action, "list") == 0) status = vg_store_list(store, path, print_file, NULL, error);
    if (strcmp(action, "put") == 0) status = copy_file(store, path, true, error);
    if (strcmp(action, "get") == 0) status = copy_file(store, path, false, error);
    if (strcmp(action, "rm") == 0) status = vg_store_delete_file(store, path, error);
    if (strcmp(action, "rmtree") == 0) status = vg_store_delete_tree(store, path, error);
    if (strcmp(action, "encryption") == 0) status = vg_store_check_encryption(store, path, error);
    if (strcmp(action, "mv") == 0) status = vg_store_rename(store, path, arguments[2], error);
    vg_store_close(&store);
    return status;
}

/* The files of a store, and readers that take one after the other. */
typedef struct crowd {
    vg_store *store;
    vg_file *files;
    size_t count, capacity;
    pthread_mutex_t lock;
    size_t next; /* these three under the lock */
    uint64_t bytes;
    vg_status status;
    vg_error error;
} crowd;

static vg_status keep_file(void *context, const vg_file *file, vg_error *error)
{
    crowd *all = context;
    if (all->count == all->capacity) {
        size_t capacity = all->capacity > 0 ? 2 * all->capacity : 1024;
        vg_file *files = realloc(all->files, capacity * sizeof *files);
        if (files == NULL) return vg_fail_memory(error, capacity * sizeof *files);
        all->files = files;
        all->capacity = capacity;
    }
    vg_file kept = *file;
    kept.path = strdup(file->path);
    if (kept.path == NULL) return vg_fail_memory(error, strlen(file->path));
    all->files[all->count++] = kept;
    return VG_OK;
}

static const vg_file *next_file(crowd *all)
{
    pthread_mutex_lock(&all->lock);
    bool is_more = all->status == VG_OK && all->next < all->count;
    const vg_file *file = is_more ? &all->files[all->next++] : NULL;
    pthread_mutex_unlock(&all->lock);
    return file;
}

static void *read_some(void *argument)
{
    crowd *all = argument;
    vg_bytes content = {0};
    const vg_file *file;
    while ((file = next_file(all)) != NULL) {
        vg_error error;
        vg_status status =
            vg_store_read(all->store, file->path, file->size, 1 << 30, &content, &error);
        pthread_mutex_lock(&all->lock);
        all->bytes += content.size;
        if (status != VG_OK) {
            all->status = status;
            all->error = error;
        }
        pthread_mutex_unlock(&all->lock);
    }
    free(content.bytes);
    return NULL;
}

static vg_status read_with_threads(crowd *all, int threads, vg_error *error)
{
    pthread_t readers[MAX_READERS];
    int started = 0;
    double start = vg_seconds();
    while (started < threads && pthread_create(&readers[started], NULL, read_some, all) == 0)
        started++;
    for (int i = 0; i < started; i++) pthread_join(readers[i], NULL);
    if (started < threads) return vg_fail(error, VG_ENOMEM, "no thread could be started");
    if (all->status != VG_OK)
        *error = all->error;
    else
        printf("%zu %llu %.6f\n", all->count, (unsigned long long)all->bytes, vg_seconds() - start);
    return all->status;
}

static vg_status read_all(const char *address, int threads, vg_error *error)
{
    if (threads < 1 || threads > MAX_READERS) return vg_fail(error, VG_EINVAL, "1 to 256 threads");
    crowd all = {.lock = PTHREAD_MUTEX_INITIALIZER};
    vg_status status = vg_store_open(&all.store, address, NULL, error);
    if (status == VG_OK) status = vg_store_list(all.store, "", keep_file, &all, error);
    if (status == VG_OK) status = read_with_threads(&all, threads, error);
    for (size_t i = 0; i < all.count; i++) free((char *)all.files[i].path);
    free(all.files);
    vg_store_close(&all.store);
    return status;
}

int main(int argc, char **argv)
{
    vg_error error = {""};
    vg_status status = VG_EINVAL;
    if (argc == 7 && strcmp(argv[1], "write") == 0)
        status = write_table(argv + 2, &error);
    else if (argc == 8 && strcmp(argv[1], "copy") == 0)
        status = copy_table(argv + 2, &error);
    else if (argc == 4 && strcmp(argv[1], "readall") == 0)
        status = read_all(argv[2], atoi(argv[3]), &error);
    else if (argc == 4 || argc == 5)
        status = run_store(argv[1], argv + 2, &error);
    if (status != VG_OK) fprintf(stderr, "%s\n", error.message);
    return (int)status;
}
