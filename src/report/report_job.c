#include "report/report_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/new_file.h"
#include "explore/inspection_job.h"
#include "output/text_codes.h"
#include "report/explore_table.h"
#include "report/page_blocks.h"
#include "report/page_columns.h"
#include "report/page_file.h"
#include "report/page_neighbours.h"
#include "report/page_review.h"
#include "report/page_run.h"
#include "report/thumbnails.h"

enum { AXES = 10 }; /* components that the map can be drawn by */
enum { MOST_LABELS = 1 << 16 };

void vg_report_options_default(vg_report_options *options)
{
    *options =
        (vg_report_options){.layout = true, .thumbnail_size = 32, .max_file_size = 256u << 20};
    vg_image_options_default(&options->image);
}

typedef struct report {
    const vg_report_options *options;
    vg_report_result *result;
    vg_store *output, *images;     /* images is NULL where no thumbnails are made */
    vg_row_table rows;             /* components */
    vg_neighbour_lists neighbours; /* of no k where there is no table */
    vg_inspection inspection;      /* of no rows where there are no neighbours */
    vg_text_codes labels;
    size_t root; /* bytes that all paths begin with, up to a '/' */
    json_t *head;
    uint16_t *steps;           /* of one axis */
    float *places;             /* [rows][2] of the layout; NULL for none */
    vg_explore_table *explore; /* NULL where it is not asked for */
} report;

static void close_report(report *r)
{
    vg_explore_table_close(&r->explore);
    free(r->places);
    free(r->steps);
    json_decref(r->head);
    vg_text_codes_free(&r->labels);
    vg_inspection_free(&r->inspection);
    vg_neighbour_lists_free(&r->neighbours);
    vg_row_table_close(&r->rows);
    vg_store_close(&r->images);
    vg_store_close(&r->output);
}

/* --- Blocks ------------------------------------------------------------------------ */

/* One axis of the map: values [rows], `stride` numbers apart. */
static vg_status write_axis(report *r, const char *name, const float *values, size_t stride,
                            FILE *page, vg_error *error)
{
    char block[32];
    float low, high;
    json_t *axes = json_object_get(r->head, "axes");
    size_t count = vg_row_table_count(&r->rows);
    snprintf(block, sizeof block, "axis-%zu", json_array_size(axes));
    vg_page_quantise(r->steps, values, count, stride, &low, &high);
    json_array_append_new(
        axes, json_pack("{s:s, s:[f, f]}", "name", name, "range", (double)low, (double)high));
    return vg_page_block_deflated(page, block, r->steps, count * sizeof *r->steps, error);
}

/* The layout first, which the page begins with. */
static vg_status write_axes(report *r, FILE *page, vg_error *error)
{
    size_t dims = (size_t)r->rows.values.dims;
    json_object_set_new(r->head, "axes", json_array());
    vg_status status = VG_OK;
    if (r->places != NULL) status = write_axis(r, "layout 1", r->places, 2, page, error);
    if (r->places != NULL && status == VG_OK)
        status = write_axis(r, "layout 2", r->places + 1, 2, page, error);
    for (size_t axis = 0; axis < dims && axis < AXES && status == VG_OK; axis++) {
        char name[32];
        snprintf(name, sizeof name, "component %zu", axis + 1);
        status = write_axis(r, name, r->rows.values.rows + axis, dims, page, error);
    }
    return status;
}

static vg_status write_paths(const report *r, FILE *page, vg_error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return vg_fail_memory(error, 1);
    for (size_t i = 0; i < vg_row_table_count(&r->rows); i++) {
        const char *path = r->rows.paths.items[i].text + r->root;
        fwrite(path, 1, strlen(path) + 1, out);
    }
    bool is_whole = ferror(out) == 0;
    is_whole = fclose(out) == 0 && is_whole;
    vg_status status = is_whole ? vg_page_block_deflated(page, "paths", text, size, error)
                                : vg_fail_memory(error, size);
    free(text);
    return status;
}

static vg_status write_labels(report *r, FILE *page, vg_error *error)
{
    json_t *values = json_array();
    for (size_t i = 0; i < r->labels.value_count; i++)
        json_array_append_new(values, json_string(r->labels.values[i]));
    json_object_set_new(r->head, "labels", values);
    size_t count = vg_row_table_count(&r->rows);
    for (size_t i = 0; i < count; i++) r->steps[i] = (uint16_t)r->labels.codes[i];
    return vg_page_block_deflated(page, "labels", r->steps, count * sizeof *r->steps, error);
}

static vg_status take_thumbnail(void *explore, const void *webp, size_t size, vg_error *error)
{
    return vg_explore_table_append(explore, webp, size, error);
}

static vg_status write_thumbnails(report *r, FILE *page, vg_error *error)
{
    const vg_report_options *options = r->options;
    int size = options->thumbnail_size, across = size > 0 ? vg_thumbnails_across(size) : 0;
    if (r->images == NULL) {
        json_object_set_new(r->head, "thumbnails", json_null());
        return VG_OK;
    }
    const vg_thumbnails task = {.size = size,
                                .images = r->images,
                                .root = r->root,
                                .max_file_size = options->max_file_size,
                                .image = &options->image,
                                .cancel = options->cancel,
                                .observer = &options->observer,
                                .take = r->explore != NULL ? take_thumbnail : NULL,
                                .context = r->explore};
    json_object_set_new(r->head, "thumbnails",
                        json_pack("{s:i, s:i, s:i, s:s}", "size", size, "across", across, "down",
                                  across, "type", "image/webp"));
    vg_status status = vg_thumbnails_write(&task, &r->rows, page, &r->result->missing, error);
    if (status == VG_OK && r->result->missing > 0)
        vg_notify_log(&options->observer, VG_LOG_WARNING,
                      "%llu of %llu images could not be read for their thumbnails: were they "
                      "moved since the run?",
                      (unsigned long long)r->result->missing,
                      (unsigned long long)vg_row_table_count(&r->rows));
    return status;
}

/* The head comes last: by then all is known that it tells. */
static vg_status write_data(void *context, FILE *page, vg_error *error)
{
    report *r = context;
    char *root = strndup(r->rows.paths.items[0].text, r->root);
    if (root == NULL) return vg_fail_memory(error, r->root);
    json_object_set_new(r->head, "root", json_string(root));
    json_object_set_new(r->head, "count", json_integer((json_int_t)vg_row_table_count(&r->rows)));
    free(root);
    vg_status status = write_labels(r, page, error);
    if (status == VG_OK)
        status = vg_page_columns_write(&r->rows, &r->options->observer, r->head, page, error);
    if (status == VG_OK) status = write_paths(r, page, error);
    if (status == VG_OK) status = write_axes(r, page, error);
    if (status == VG_OK)
        status = vg_page_neighbours_write(&r->neighbours, vg_row_table_count(&r->rows), r->head,
                                          page, error);
    if (status == VG_OK && r->neighbours.k > 0)
        status = vg_page_review_write(&r->inspection, r->head, page, error);
    if (status == VG_OK) status = write_thumbnails(r, page, error);
    if (status == VG_OK) status = vg_page_block_json(page, r->head, error);
    return status;
}

/* --- The page ---------------------------------------------------------------------- */

static vg_status open_images(report *r, vg_error *error)
{
    if (r->options->thumbnail_size == 0) return VG_OK;
    char *address = strndup(r->rows.paths.items[0].text, r->root);
    if (address == NULL) return vg_fail_memory(error, r->root);
    vg_status status = VG_OK;
    if (r->root > 0)
        status = vg_store_open(&r->images, address, &r->options->store, error);
    else
        vg_notify_log(&r->options->observer, VG_LOG_WARNING,
                      "the images lie in no common folder: the page has no thumbnails");
    free(address);
    return status;
}

static size_t shared_root(const vg_paths *paths)
{
    const char *first = paths->items[0].text;
    const char *slash = strrchr(first, '/');
    size_t shared = slash != NULL ? (size_t)(slash - first) + 1 : 0;
    for (size_t i = 1; i < paths->count && shared > 0; i++) {
        const char *path = paths->items[i].text;
        size_t same = 0;
        while (same < shared && path[same] == first[same]) same++;
        while (same > 0 && first[same - 1] != '/') same--;
        shared = same;
    }
    return shared;
}

/* The table's folder is called pca_<timestamp>. */
static void take_timestamp(report *r)
{
    const char *name = strrchr(r->rows.address, '/');
    if (name != NULL && strncmp(name, "/pca_", 5) == 0)
        snprintf(r->result->timestamp, VG_TIMESTAMP_CHARS, "%s", name + 5);
}

/* A page can be without them, and says so. */
static vg_status read_neighbours(report *r, vg_error *error)
{
    const vg_report_options *options = r->options;
    vg_error reason = {""};
    vg_status status = vg_neighbour_lists_read(&r->neighbours, &r->rows, r->output, options->cancel,
                                               &options->observer, &reason);
    if (status == VG_ENOTFOUND) return VG_OK;
    if (status == VG_OK) {
        vg_inspection_options inspection;
        vg_inspection_options_default(&inspection);
        return vg_inspection_of_output(&r->inspection, &r->rows, &r->neighbours, r->output,
                                       inspection, options->cancel, error);
    }
    return vg_fail(error, status, "%s", reason.message);
}

/* The places that somebody else's table has. */
static vg_status read_places(report *r, vg_error *error)
{
    static const char *const axes[] = {"x", "y"};
    const vg_join join = {.file = r->options->layout_file, .columns = {axes, 2}};
    vg_paths texts[2] = {{0}, {0}};
    vg_joined joined;
    size_t count = vg_row_table_count(&r->rows);
    vg_status status = vg_join_columns(texts, &joined, &join, &r->rows, error);
    for (size_t row = 0; row < count && status == VG_OK; row++) {
        for (size_t axis = 0; axis < 2 && status == VG_OK; axis++) {
            char *end;
            const char *text = texts[axis].items[row].text;
            float place = strtof(text, &end);
            r->places[2 * row + axis] = place;
            if (end == text || *end != '\0' || !isfinite(place))
                status = vg_fail(error, VG_EFORMAT, "%s has no number %s of %s", join.file,
                                 axes[axis], r->rows.paths.items[row].text);
        }
    }
    vg_paths_free(&texts[0]);
    vg_paths_free(&texts[1]);
    return status;
}

static vg_status lay_out(report *r, vg_error *error)
{
    bool has_file = r->options->layout_file != NULL;
    if (!has_file && (!r->options->layout || r->neighbours.k < 2)) return VG_OK;
    size_t bytes = 2 * vg_row_table_count(&r->rows) * sizeof(float);
    r->places = malloc(bytes);
    if (r->places == NULL) return vg_fail_memory(error, bytes);
    if (has_file) return read_places(r, error);
    return vg_page_neighbours_place(r->places, &r->neighbours, &r->rows, r->options->cancel,
                                    &r->options->observer, error);
}

static vg_status open_explore(report *r, vg_error *error)
{
    const vg_explore_source source = {.output = r->output,
                                      .rows = &r->rows,
                                      .places = r->places,
                                      .neighbours = &r->neighbours,
                                      .inspection = &r->inspection};
    return r->options->explore ? vg_explore_table_open(&r->explore, &source, error) : VG_OK;
}

static vg_status finish_explore(report *r, vg_error *error)
{
    if (r->explore == NULL) return VG_OK;
    snprintf(r->result->explore, sizeof r->result->explore, "%s/%s", vg_store_address(r->output),
             vg_explore_table_folder(r->explore));
    return vg_explore_table_finish(r->explore, error);
}

static vg_status gather(report *r, vg_error *error)
{
    const vg_report_options *options = r->options;
    const vg_observer *observer = &options->observer;
    vg_status status = vg_store_open(&r->output, options->output, &options->store, error);
    if (status == VG_OK)
        status =
            vg_row_table_open(&r->rows, r->output, VG_TABLE_PCA, observer, options->cancel, error);
    if (status == VG_OK && options->join.file != NULL)
        status = vg_join_to_rows(&r->rows, &options->join, observer, error);
    if (status == VG_OK) status = vg_text_codes_make(&r->labels, &r->rows.labels, error);
    if (status != VG_OK) return status;
    if (r->labels.value_count > MOST_LABELS)
        return vg_fail(error, VG_ELIMIT, "%zu different labels: a page shows %d at most",
                       r->labels.value_count, MOST_LABELS);
    size_t count = vg_row_table_count(&r->rows);
    r->root = shared_root(&r->rows.paths);
    r->result->images = count;
    r->result->labels = r->labels.value_count;
    take_timestamp(r);
    r->steps = malloc(count * sizeof *r->steps);
    if (r->steps == NULL) return vg_fail_memory(error, count * sizeof *r->steps);
    status = vg_page_run_facts(r->head, r->output, r->result->timestamp, error);
    if (status == VG_OK)
        status = vg_page_run_errors(r->head, r->output, r->result->timestamp, error);
    if (status == VG_OK) status = read_neighbours(r, error);
    if (status == VG_OK) status = open_images(r, error);
    if (status == VG_OK) status = lay_out(r, error);
    return status == VG_OK ? open_explore(r, error) : status;
}

/* "out" of "s3://bucket/out". */
static const char *last_part(const char *address)
{
    const char *slash = strrchr(address, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : address;
}

vg_status vg_report_run(const vg_report_options *options, vg_report_result *result, vg_error *error)
{
    report r = {.options = options, .result = result, .head = json_object()};
    double start = vg_seconds();
    *result = (vg_report_result){0};
    vg_status status =
        r.head != NULL ? vg_new_file_try(options->page, error) : vg_fail_memory(error, 1);
    if (status == VG_OK) status = gather(&r, error);
    if (status == VG_OK) {
        const char *title =
            options->title != NULL ? options->title : last_part(vg_store_address(r.output));
        status = vg_page_file_write(options->page, title, write_data, &r, &result->bytes, error);
    }
    if (status == VG_OK) status = finish_explore(&r, error);
    close_report(&r);
    result->seconds = vg_seconds() - start;
    return status;
}
