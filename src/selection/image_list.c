/* An external merge sort: D. E. Knuth, The Art of Computer Programming, volume 3,
 * section 5.4. */
#include "selection/image_list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "selection/image_entry.h"
#include "selection/path_number.h"

/* 150,000 paths of 80 bytes: twice the images of Fruits-360. */
static const size_t default_memory = (size_t)16 << 20;

/* Every so many images one is marked, so that a cursor can begin near any of them. */
enum { MARK_EVERY = 1024 };

/* Records in memory, in the order in which they came, then sorted. */
typedef struct batch {
    char *bytes;
    size_t used, capacity;
    char **records;
    size_t count, record_capacity;
} batch;

struct vg_image_list {
    size_t memory;
    uint64_t count, repeated, unmatched, unlisted;
    char *first_unmatched;
    bool notes_have_labels;
    batch batch;
    vg_spill *pieces;     /* sorted, one behind the other */
    uint64_t *piece_ends; /* [piece_count] */
    size_t piece_count, piece_capacity;

    vg_spill *images; /* the finished list */
    uint64_t *marks;  /* where image i * MARK_EVERY begins */
    size_t mark_count, mark_capacity;
    char sha256[VG_SHA256_CHARS];
};

vg_status vg_image_list_open(vg_image_list **list, size_t memory, vg_error *error)
{
    vg_image_list *opened = *list = calloc(1, sizeof *opened);
    if (opened == NULL) return vg_fail_memory(error, sizeof *opened);
    opened->memory = memory > 0 ? memory : default_memory;
    vg_status status = vg_spill_open(&opened->pieces, opened->memory, error);
    if (status == VG_OK) status = vg_spill_open(&opened->images, opened->memory, error);
    if (status != VG_OK) vg_image_list_close(list);
    return status;
}

static void free_batch(batch *freed)
{
    free(freed->bytes);
    free(freed->records);
    *freed = (batch){0};
}

void vg_image_list_close(vg_image_list **list)
{
    if (*list == NULL) return;
    free_batch(&(*list)->batch);
    vg_spill_close(&(*list)->pieces);
    vg_spill_close(&(*list)->images);
    free((*list)->piece_ends);
    free((*list)->marks);
    free((*list)->first_unmatched);
    free(*list);
    *list = NULL;
}

/* --- Pieces ------------------------------------------------------------------------- */

static int by_path(const void *left, const void *right)
{
    const char *a = *(char *const *)left, *b = *(char *const *)right;
    int order = strcmp(a + sizeof(vg_image_entry), b + sizeof(vg_image_entry));
    /* Of equal paths the first to come stays first. */
    return order != 0 ? order : (a > b) - (a < b);
}

static size_t record_bytes(const char *record)
{
    vg_image_entry header;
    memcpy(&header, record, sizeof header);
    return sizeof header + vg_image_entry_text_bytes(&header);
}

static vg_status append_piece_end(vg_image_list *list, vg_error *error)
{
    if (list->piece_count == list->piece_capacity) {
        uint64_t *ends = vg_grow(list->piece_ends, &list->piece_capacity, sizeof *ends);
        if (ends == NULL) return vg_fail_memory(error, list->piece_count * sizeof *ends);
        list->piece_ends = ends;
    }
    list->piece_ends[list->piece_count++] = vg_spill_size(list->pieces);
    return VG_OK;
}

/* The batch becomes a piece. */
static vg_status end_piece(vg_image_list *list, vg_error *error)
{
    batch *sorted = &list->batch;
    vg_status status = VG_OK;
    if (sorted->count == 0) return VG_OK;
    qsort(sorted->records, sorted->count, sizeof *sorted->records, by_path);
    for (size_t i = 0; i < sorted->count && status == VG_OK; i++)
        status = vg_spill_append(list->pieces, sorted->records[i], record_bytes(sorted->records[i]),
                                 error);
    sorted->used = sorted->count = 0;
    return status == VG_OK ? append_piece_end(list, error) : status;
}

/* Room for `size` bytes in an empty batch. */
static vg_status reserve_bytes(vg_image_list *list, size_t size, vg_error *error)
{
    batch *empty = &list->batch;
    if (size < list->memory) size = list->memory;
    free(empty->bytes);
    empty->bytes = malloc(size);
    empty->capacity = empty->bytes != NULL ? size : 0;
    return empty->bytes != NULL ? VG_OK : vg_fail_memory(error, size);
}

/* Room for one more record of `size` bytes; those that are in are not moved. */
static vg_status reserve(vg_image_list *list, size_t size, vg_error *error)
{
    batch *to = &list->batch;
    vg_status status = VG_OK;
    if (to->used + size > to->capacity) status = end_piece(list, error);
    if (status == VG_OK && to->used + size > to->capacity)
        status = reserve_bytes(list, size, error);
    if (status != VG_OK || to->count < to->record_capacity) return status;
    char **records = vg_grow(to->records, &to->record_capacity, sizeof *records);
    if (records == NULL) return vg_fail_memory(error, to->count * sizeof *records);
    to->records = records;
    return VG_OK;
}

static const char *text_or_none(const char *text)
{
    return text != NULL ? text : "";
}

/* What stands before the texts of an image, and these. */
static vg_image_entry begin_entry(const char *texts[VG_ENTRY_TEXTS], const vg_listed_image *image)
{
    vg_image_entry entry = {.size = image->size, .modified = image->modified};
    if (image->is_note)
        entry.flags = VG_ENTRY_IS_NOTE | (image->label != NULL ? VG_ENTRY_HAS_LABEL : 0) |
                      (image->split != NULL ? VG_ENTRY_HAS_SPLIT : 0);
    texts[VG_ENTRY_PATH] = image->path;
    texts[VG_ENTRY_LABEL] = text_or_none(image->label);
    texts[VG_ENTRY_SPLIT] = text_or_none(image->split);
    texts[VG_ENTRY_COLUMNS] = text_or_none(image->columns);
    for (int i = 0; i < VG_ENTRY_COLUMNS; i++) entry.text_sizes[i] = strlen(texts[i]) + 1;
    entry.text_sizes[VG_ENTRY_COLUMNS] = image->columns_size;
    return entry;
}

vg_status vg_image_list_add(vg_image_list *list, const vg_listed_image *image, vg_error *error)
{
    const char *texts[VG_ENTRY_TEXTS];
    vg_image_entry header = begin_entry(texts, image);
    size_t size = sizeof header + vg_image_entry_text_bytes(&header);
    vg_status status = reserve(list, size, error);
    if (status != VG_OK) return status;
    batch *to = &list->batch;
    char *record = to->bytes + to->used, *text = record + sizeof header;
    memcpy(record, &header, sizeof header);
    for (int i = 0; i < VG_ENTRY_TEXTS; i++) {
        memcpy(text, texts[i], (size_t)header.text_sizes[i]);
        text += header.text_sizes[i];
    }
    to->records[to->count++] = record;
    to->used += size;
    list->count += !image->is_note;
    if (image->is_note && image->label != NULL) list->notes_have_labels = true;
    return VG_OK;
}

/* --- Merging ------------------------------------------------------------------------ */

/* The next image of a piece; a heap keeps the piece whose path is first on top. */
typedef struct piece {
    vg_image_cursor *cursor;
    vg_listed_image image;
    size_t number;
} piece;

typedef struct merge {
    piece *heap;
    size_t count;
} merge;

static bool comes_first(const piece *left, const piece *right)
{
    int order = strcmp(left->image.path, right->image.path);
    return order != 0 ? order < 0 : left->number < right->number;
}

static void sink_down(merge *pieces, size_t at)
{
    for (;;) {
        size_t first = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < pieces->count; child++)
            if (comes_first(&pieces->heap[child], &pieces->heap[first])) first = child;
        if (first == at) return;
        piece moved = pieces->heap[at];
        pieces->heap[at] = pieces->heap[first];
        pieces->heap[first] = moved;
        at = first;
    }
}

static void close_merge(merge *pieces)
{
    for (size_t i = 0; pieces->heap != NULL && i < pieces->count; i++)
        vg_image_cursor_close(&pieces->heap[i].cursor);
    free(pieces->heap);
}

static vg_status open_merge(merge *pieces, const vg_image_list *list, vg_error *error)
{
    vg_status status = VG_OK;
    uint64_t begin = 0;
    pieces->heap = calloc(list->piece_count + 1, sizeof *pieces->heap);
    if (pieces->heap == NULL)
        return vg_fail_memory(error, list->piece_count * sizeof *pieces->heap);
    for (size_t i = 0; i < list->piece_count && status == VG_OK; i++) {
        vg_image_range range = {.spill = list->pieces, .begin = begin, .end = list->piece_ends[i]};
        piece *opened = &pieces->heap[pieces->count++];
        opened->number = i;
        status = vg_image_cursor_open_range(&opened->cursor, &range, error);
        if (status == VG_OK) status = vg_image_cursor_next(opened->cursor, &opened->image, error);
        begin = list->piece_ends[i];
    }
    for (size_t i = pieces->count; i-- > 0 && status == VG_OK;) sink_down(pieces, i);
    return status;
}

/* Past the image on top, which was valid until now. */
static vg_status advance(merge *pieces, vg_error *error)
{
    piece *top = &pieces->heap[0];
    vg_status status = vg_image_cursor_next(top->cursor, &top->image, error);
    if (status == VG_OK && top->image.path == NULL) {
        vg_image_cursor_close(&top->cursor);
        *top = pieces->heap[--pieces->count];
    }
    if (status == VG_OK) sink_down(pieces, 0);
    return status;
}

/* --- The finished list ---------------------------------------------------------------- */

/* A copy of a text that grows as needed. */
typedef struct copy {
    char *text;
    size_t size, capacity;
} copy;

static vg_status hold(copy *held, const char *text, size_t size, vg_error *error)
{
    if (size + 1 > held->capacity) {
        char *longer = realloc(held->text, 2 * (size + 1));
        if (longer == NULL) return vg_fail_memory(error, 2 * (size + 1));
        held->text = longer;
        held->capacity = 2 * (size + 1);
    }
    memcpy(held->text, text, size);
    held->text[size] = '\0';
    held->size = size;
    return VG_OK;
}

/* What is carried from entry to entry: all that is known of the path in hand. */
typedef struct finishing {
    vg_sha256 *sha256;
    bool has_path, has_image, has_note;
    copy texts[VG_ENTRY_TEXTS];
    int64_t size, modified;
} finishing;

static void close_finishing(finishing *state)
{
    vg_sha256_close(&state->sha256);
    for (int i = 0; i < VG_ENTRY_TEXTS; i++) free(state->texts[i].text);
}

static bool is_path_in_hand(const finishing *state, const char *path)
{
    return state->has_path && strcmp(state->texts[VG_ENTRY_PATH].text, path) == 0;
}

static vg_status hold_text(finishing *state, int which, const char *text, vg_error *error)
{
    return hold(&state->texts[which], text_or_none(text), strlen(text_or_none(text)), error);
}

static vg_status begin_path(finishing *state, const char *path, vg_error *error)
{
    vg_status status = hold_text(state, VG_ENTRY_PATH, path, error);
    for (int i = VG_ENTRY_LABEL; i < VG_ENTRY_TEXTS && status == VG_OK; i++)
        status = hold(&state->texts[i], "", 0, error);
    state->has_path = true;
    state->has_image = state->has_note = false;
    return status;
}

/* A note goes before what the image has of its own, whichever of them came first. */
static vg_status add_to_path(finishing *state, vg_image_list *list, const vg_listed_image *entry,
                             vg_error *error)
{
    bool *has_one = entry->is_note ? &state->has_note : &state->has_image;
    if (*has_one) {
        list->repeated++;
        return VG_OK;
    }
    bool had_note = state->has_note;
    *has_one = true;
    vg_status status = VG_OK;
    if (!entry->is_note) {
        state->size = entry->size;
        state->modified = entry->modified;
    }
    bool takes_label = entry->is_note ? entry->label != NULL : !list->notes_have_labels;
    bool takes_split = entry->is_note ? entry->split != NULL : !had_note;
    if (takes_label) status = hold_text(state, VG_ENTRY_LABEL, entry->label, error);
    if (status == VG_OK && takes_split)
        status = hold_text(state, VG_ENTRY_SPLIT, entry->split, error);
    if (status == VG_OK && (entry->is_note || !had_note))
        status = hold(&state->texts[VG_ENTRY_COLUMNS], text_or_none(entry->columns),
                      entry->columns_size, error);
    return status;
}

static vg_status mark(vg_image_list *list, vg_error *error)
{
    if (list->mark_count == list->mark_capacity) {
        uint64_t *marks = vg_grow(list->marks, &list->mark_capacity, sizeof *marks);
        if (marks == NULL) return vg_fail_memory(error, list->mark_count * sizeof *marks);
        list->marks = marks;
    }
    list->marks[list->mark_count++] = vg_spill_size(list->images);
    return VG_OK;
}

/* The next bytes of the finished list, which are of its digest too. */
static vg_status put(vg_image_list *list, finishing *state, const void *bytes, size_t size,
                     vg_error *error)
{
    vg_status status = vg_spill_append(list->images, bytes, size, error);
    return status == VG_OK ? vg_sha256_add(state->sha256, bytes, size, error) : status;
}

/* Keeps the image in hand, if there is one. */
static vg_status keep(vg_image_list *list, finishing *state, vg_error *error)
{
    const copy *held = state->texts;
    if (!state->has_path) return VG_OK;
    state->has_path = false;
    if (!state->has_image) {
        if (list->unmatched++ > 0) return VG_OK;
        list->first_unmatched = strdup(held[VG_ENTRY_PATH].text);
        return list->first_unmatched != NULL ? VG_OK
                                             : vg_fail_memory(error, held[VG_ENTRY_PATH].size + 1);
    }
    const char *texts[VG_ENTRY_TEXTS];
    const vg_listed_image image = {.path = held[VG_ENTRY_PATH].text,
                                   .size = state->size,
                                   .modified = state->modified,
                                   .label = held[VG_ENTRY_LABEL].text,
                                   .split = held[VG_ENTRY_SPLIT].text,
                                   .columns = held[VG_ENTRY_COLUMNS].text,
                                   .columns_size = held[VG_ENTRY_COLUMNS].size};
    vg_image_entry header = begin_entry(texts, &image);
    vg_status status = list->count % MARK_EVERY == 0 ? mark(list, error) : VG_OK;
    if (status == VG_OK) status = put(list, state, &header, sizeof header, error);
    for (int i = 0; i < VG_ENTRY_TEXTS && status == VG_OK; i++)
        status = put(list, state, texts[i], (size_t)header.text_sizes[i], error);
    list->count++;
    return status;
}

/* The next entry in the order of paths: of the path in hand, or of another. */
static vg_status take_entry(vg_image_list *list, finishing *state, const vg_listed_image *entry,
                            vg_error *error)
{
    vg_status status = VG_OK;
    if (!is_path_in_hand(state, entry->path)) {
        status = keep(list, state, error);
        if (status == VG_OK) status = begin_path(state, entry->path, error);
    }
    return status == VG_OK ? add_to_path(state, list, entry, error) : status;
}

/* The images whose paths have the smallest numbers are the sample. */

/* The smallest numbers so far, the largest of them on top of a heap. */
typedef struct sample {
    uint64_t *numbers;
    size_t count, capacity;
} sample;

static void sift(sample *drawn, size_t at)
{
    uint64_t *numbers = drawn->numbers;
    for (;;) {
        size_t largest = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < drawn->count; child++)
            if (numbers[child] > numbers[largest]) largest = child;
        if (largest == at) return;
        uint64_t moved = numbers[at];
        numbers[at] = numbers[largest];
        numbers[largest] = moved;
        at = largest;
    }
}

static vg_status offer(sample *drawn, uint64_t number, uint64_t wanted, vg_error *error)
{
    if (drawn->count == wanted) {
        if (number >= drawn->numbers[0]) return VG_OK;
        drawn->numbers[0] = number;
        sift(drawn, 0);
        return VG_OK;
    }
    if (drawn->count == drawn->capacity) {
        uint64_t *numbers = vg_grow(drawn->numbers, &drawn->capacity, sizeof *numbers);
        if (numbers == NULL) return vg_fail_memory(error, drawn->count * sizeof *numbers);
        drawn->numbers = numbers;
    }
    size_t at = drawn->count++;
    drawn->numbers[at] = number;
    for (size_t above; at > 0 && drawn->numbers[above = (at - 1) / 2] < number; at = above) {
        drawn->numbers[at] = drawn->numbers[above];
        drawn->numbers[above] = number;
    }
    return VG_OK;
}

/* The largest number of the sample: a pass over the paths, before the one that keeps. */
static vg_status draw_all(const vg_image_list *list, const vg_image_share *share, uint64_t *largest,
                          vg_error *error)
{
    merge pieces = {0};
    sample drawn = {0};
    finishing state = {0};
    vg_status status = open_merge(&pieces, list, error);
    while (status == VG_OK && pieces.count > 0) {
        const vg_listed_image *entry = &pieces.heap[0].image;
        if (!entry->is_note && !is_path_in_hand(&state, entry->path)) {
            status = offer(&drawn, vg_path_number(share->seed, entry->path), share->sample, error);
            if (status == VG_OK) status = begin_path(&state, entry->path, error);
        }
        if (status == VG_OK) status = advance(&pieces, error);
    }
    *largest = drawn.count > 0 ? drawn.numbers[0] : 0;
    free(drawn.numbers);
    close_finishing(&state);
    close_merge(&pieces);
    return status;
}

static vg_status merge_pieces(vg_image_list *list, const vg_image_share *share, vg_error *error)
{
    merge pieces = {0};
    finishing state = {0};
    uint64_t largest = UINT64_MAX, most = share->sample > 0 ? share->sample : share->limit;
    list->count = 0;
    vg_status status = vg_sha256_open(&state.sha256, error);
    if (status == VG_OK && share->sample > 0) status = draw_all(list, share, &largest, error);
    if (status == VG_OK) status = open_merge(&pieces, list, error);
    while (status == VG_OK && pieces.count > 0 && (most == 0 || list->count < most)) {
        const vg_listed_image *entry = &pieces.heap[0].image;
        if (share->sample == 0 || vg_path_number(share->seed, entry->path) <= largest)
            status = take_entry(list, &state, entry, error);
        if (status == VG_OK) status = advance(&pieces, error);
    }
    if (status == VG_OK && (most == 0 || list->count < most)) status = keep(list, &state, error);
    if (status == VG_OK) status = vg_sha256_take(state.sha256, list->sha256, error);
    close_finishing(&state);
    close_merge(&pieces);
    return status;
}

vg_status vg_image_list_finish(vg_image_list *list, const vg_image_share *share, vg_error *error)
{
    static const vg_image_share all = {0};
    vg_status status = end_piece(list, error);
    free_batch(&list->batch);
    if (status == VG_OK) status = merge_pieces(list, share != NULL ? share : &all, error);
    vg_spill_close(&list->pieces);
    return status;
}

uint64_t vg_image_list_count(const vg_image_list *list)
{
    return list->count;
}

void vg_image_list_note_unlisted(vg_image_list *list)
{
    list->unlisted++;
}

uint64_t vg_image_list_unlisted(const vg_image_list *list)
{
    return list->unlisted;
}

uint64_t vg_image_list_repeated(const vg_image_list *list)
{
    return list->repeated;
}

uint64_t vg_image_list_unmatched(const vg_image_list *list)
{
    return list->unmatched;
}

const char *vg_image_list_first_unmatched(const vg_image_list *list)
{
    return text_or_none(list->first_unmatched);
}

const char *vg_image_list_sha256(const vg_image_list *list)
{
    return list->sha256;
}

vg_image_range vg_image_list_range(const vg_image_list *list, uint64_t first, uint64_t *before)
{
    vg_image_range range = {.spill = list->images, .end = vg_spill_size(list->images)};
    range.begin = range.end;
    *before = 0;
    if (first >= list->count) return range;
    range.begin = list->marks[first / MARK_EVERY];
    *before = first % MARK_EVERY;
    return range;
}
