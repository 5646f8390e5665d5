#include "report/thumbnails.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <webp/encode.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/usable_cpus.h"
#include "report/page_blocks.h"

/* At 60 a sheet of photographs takes 218 bytes a picture of 32 pixels; at 75 a third more,
 * which nobody sees at that size. */
static const float webp_quality = 60.0f;

enum { CHANNELS = 3, MOST_THREADS = 64, WHITE = 255 };

int vg_thumbnails_across(int size)
{
    return VG_SHEET_PIXELS / size;
}

size_t vg_thumbnails_sheets(int size, size_t rows)
{
    size_t places = (size_t)vg_thumbnails_across(size) * (size_t)vg_thumbnails_across(size);
    return (rows + places - 1) / places;
}

/* One sheet, filled by several threads: each takes the next row that nobody has. */
typedef struct sheet {
    const vg_thumbnails *task;
    const vg_row_table *rows;
    size_t first, end; /* rows */
    uint8_t *pixels;   /* [height][width][3] */
    int width, height;
    bool *is_there;        /* [end - first] */
    pthread_mutex_t mutex; /* of what follows */
    size_t next;
    uint64_t missing;
} sheet;

/* What a thread keeps from image to image. */
typedef struct painter {
    vg_bytes content;
    vg_image image;
    char *name;
    size_t name_capacity;
    uint8_t *small; /* [size][size][3] at most */
} painter;

static void close_painter(painter *p)
{
    free(p->content.bytes);
    vg_image_close(&p->image);
    free(p->name);
    free(p->small);
}

static vg_status read_image(painter *p, const sheet *s, size_t row, vg_error *error)
{
    const vg_thumbnails *task = s->task;
    const char *shown = s->rows->paths.items[row].text + task->root;
    size_t size = strlen(shown) + 1;
    if (size > p->name_capacity) {
        char *name = realloc(p->name, size);
        if (name == NULL) return vg_fail_memory(error, size);
        p->name = name;
        p->name_capacity = size;
    }
    memcpy(p->name, shown, size);
    p->name[vg_unescape(p->name, size - 1)] = '\0';
    vg_status status = vg_store_read(task->images, p->name, VG_SIZE_UNKNOWN, task->max_file_size,
                                     &p->content, error);
    if (status == VG_OK)
        status = vg_image_decode(&p->image, p->content.bytes, p->content.size, task->image, error);
    return status;
}

/* The longer side fills the place, the shorter one is in its middle. */
static vg_status paint(painter *p, const sheet *s, size_t row, vg_error *error)
{
    int size = s->task->size, across = vg_thumbnails_across(size);
    int longer = p->image.width > p->image.height ? p->image.width : p->image.height;
    int width = (int)((int64_t)p->image.width * size / longer);
    int height = (int)((int64_t)p->image.height * size / longer);
    if (width < 1) width = 1;
    if (height < 1) height = 1;
    vg_status status = vg_image_resize(&p->image, width, height, p->small, error);
    if (status != VG_OK) return status;
    size_t place = row - s->first, bytes = (size_t)width * CHANNELS;
    int left = (int)(place % (size_t)across) * size + (size - width) / 2;
    int top = (int)(place / (size_t)across) * size + (size - height) / 2;
    for (int y = 0; y < height; y++)
        memcpy(s->pixels + ((size_t)(top + y) * (size_t)s->width + (size_t)left) * CHANNELS,
               p->small + (size_t)y * bytes, bytes);
    return VG_OK;
}

/* The next row, or `end`. */
static size_t take_row(sheet *s, bool was_missing)
{
    pthread_mutex_lock(&s->mutex);
    s->missing += was_missing;
    size_t row = s->next;
    if (row < s->end) s->next++;
    pthread_mutex_unlock(&s->mutex);
    return row;
}

static void *paint_rows(void *context)
{
    sheet *s = context;
    painter p = {.small = malloc((size_t)s->task->size * (size_t)s->task->size * CHANNELS)};
    size_t row = take_row(s, false);
    while (row < s->end && vg_check_cancel(s->task->cancel, NULL) == VG_OK) {
        bool is_there = p.small != NULL && read_image(&p, s, row, NULL) == VG_OK &&
                        paint(&p, s, row, NULL) == VG_OK;
        s->is_there[row - s->first] = is_there;
        row = take_row(s, !is_there);
    }
    close_painter(&p);
    return NULL;
}

/* A thread that cannot be started leaves its rows to the others; this one always works. */
static void paint_sheet(sheet *s)
{
    pthread_t threads[MOST_THREADS];
    int wanted = vg_usable_cpus() - 1, started = 0;
    if (wanted > MOST_THREADS) wanted = MOST_THREADS;
    while (started < wanted && pthread_create(&threads[started], NULL, paint_rows, s) == 0)
        started++;
    paint_rows(s);
    for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

static vg_status write_sheet(const sheet *s, size_t number, FILE *page, vg_error *error)
{
    uint8_t *encoded = NULL;
    char name[32];
    size_t size =
        WebPEncodeRGB(s->pixels, s->width, s->height, s->width * CHANNELS, webp_quality, &encoded);
    if (size == 0) return vg_fail_memory(error, (size_t)s->width * (size_t)s->height * CHANNELS);
    snprintf(name, sizeof name, "sheet-%zu", number);
    vg_page_block_plain(page, name, encoded, size);
    WebPFree(encoded);
    return VG_OK;
}

/* Hands out the pictures of a sheet one by one. */
static vg_status hand_out(const sheet *s, vg_error *error)
{
    const vg_thumbnails *task = s->task;
    size_t side = (size_t)task->size, across = (size_t)vg_thumbnails_across(task->size);
    vg_status status = VG_OK;
    for (size_t place = 0; place < s->end - s->first && status == VG_OK; place++) {
        uint8_t *encoded = NULL;
        size_t size = 0, top = place / across * side, left = place % across * side;
        const uint8_t *corner = s->pixels + (top * (size_t)s->width + left) * CHANNELS;
        if (s->is_there[place]) {
            size = WebPEncodeRGB(corner, task->size, task->size, s->width * CHANNELS, webp_quality,
                                 &encoded);
            if (size == 0) return vg_fail_memory(error, side * side * CHANNELS);
        }
        status = task->take(task->context, encoded, size, error);
        WebPFree(encoded);
        if (status == VG_OK) status = vg_check_cancel(task->cancel, error);
    }
    return status;
}

static vg_status make_sheet(const vg_thumbnails *task, const vg_row_table *rows, size_t number,
                            FILE *page, uint64_t *missing, vg_error *error)
{
    size_t across = (size_t)vg_thumbnails_across(task->size), places = across * across;
    sheet s = {.task = task, .rows = rows, .first = number * places};
    s.end =
        s.first + places < vg_row_table_count(rows) ? s.first + places : vg_row_table_count(rows);
    s.next = s.first;
    s.width = (int)across * task->size;
    s.height = (int)((s.end - s.first + across - 1) / across) * task->size;
    size_t bytes = (size_t)s.width * (size_t)s.height * CHANNELS;
    s.pixels = malloc(bytes);
    s.is_there = calloc(places, sizeof *s.is_there);
    if (s.pixels == NULL || s.is_there == NULL) {
        free(s.pixels);
        free(s.is_there);
        return vg_fail_memory(error, bytes);
    }
    memset(s.pixels, WHITE, bytes);
    pthread_mutex_init(&s.mutex, NULL);
    paint_sheet(&s);
    pthread_mutex_destroy(&s.mutex);
    *missing += s.missing;
    vg_status status = vg_check_cancel(task->cancel, error);
    if (status == VG_OK) status = write_sheet(&s, number, page, error);
    if (status == VG_OK && task->take != NULL) status = hand_out(&s, error);
    free(s.is_there);
    free(s.pixels);
    return status;
}

vg_status vg_thumbnails_write(const vg_thumbnails *task, const vg_row_table *rows, FILE *page,
                              uint64_t *missing, vg_error *error)
{
    double start = vg_seconds();
    size_t across = (size_t)vg_thumbnails_across(task->size);
    vg_status status = VG_OK;
    *missing = 0;
    for (size_t i = 0;
         i < vg_thumbnails_sheets(task->size, vg_row_table_count(rows)) && status == VG_OK; i++) {
        status = make_sheet(task, rows, i, page, missing, error);
        size_t done = (i + 1) * across * across;
        vg_notify_progress(task->observer, VG_PHASE_DRAW,
                           done < vg_row_table_count(rows) ? done : vg_row_table_count(rows),
                           vg_row_table_count(rows), *missing, start);
    }
    return status;
}
