/* Arrow batches to the functions that take them: a result that can be read whole, or
 * a reason. The structs are well formed in what nobody can check over the C Data
 * Interface: pointers are NULL or point at as many elements as lengths and offsets ask
 * for, and data is as long as the largest offset says. All else comes from the fuzzer:
 * formats, lengths, offsets, numbers of buffers and children, nulls, names. */
#include "fuzz/bytes.h"
#include "verger/verger.h"

enum {
    DIMS = 4,
    MAX_ROWS = 32,
    MAX_ITEMS = 128,
    LONGEST_FORMAT = 24,
    MAX_BLOCKS = 256,
    COLUMNS = 4,
    MAX_CHILDREN = 5,
};

/* --- Memory of one input, each block as large as it says ------------------ */

static void *blocks[MAX_BLOCKS];
static size_t block_count;

static void *take(size_t size)
{
    FUZZ_CHECK(block_count < MAX_BLOCKS);
    void *block = calloc(1, size);
    FUZZ_CHECK(block != NULL);
    blocks[block_count++] = block;
    return block;
}

static void *take_random(fuzz_bytes *bytes, size_t size)
{
    uint8_t *block = take(size);
    for (size_t i = 0; i < size; i++) block[i] = fuzz_byte(bytes);
    return block;
}

static void free_blocks(void)
{
    while (block_count > 0) free(blocks[--block_count]);
}

/* --- Pieces ----------------------------------------------------------------- */

/* Now and then; never where the bytes have run out, so that short inputs are sound. */
static int is_odd(fuzz_bytes *bytes)
{
    return fuzz_byte(bytes) >= 0xf0;
}

static void ignore_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void ignore_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static const char *pick_format(fuzz_bytes *bytes, const char *usual)
{
    static const char *const formats[] = {"u",
                                          "U",
                                          "z",
                                          "Z",
                                          "+l",
                                          "+L",
                                          "+w:4",
                                          "+w:3",
                                          "+s",
                                          "+w:0",
                                          "+w:-1",
                                          "+w:",
                                          "+w:2x",
                                          "+w:2147483647",
                                          "+w:9223372036854775807",
                                          "f",
                                          "g",
                                          "e",
                                          "b",
                                          "tsu:",
                                          "n",
                                          "",
                                          "+m"};
    if (is_odd(bytes)) {
        char *format = take(LONGEST_FORMAT);
        fuzz_text(bytes, format, LONGEST_FORMAT);
        return format;
    }
    if (fuzz_byte(bytes) < 0xc0) return usual;
    return formats[fuzz_below(bytes, sizeof formats / sizeof *formats)];
}

static const void *make_bits(fuzz_bytes *bytes, size_t count)
{
    return fuzz_byte(bytes) < 0x80 ? NULL : take_random(bytes, (count + 7) / 8);
}

/* Most lengths sound, so that rows are reached. */
static int64_t small_or_negative(fuzz_bytes *bytes, int64_t usual)
{
    if (!is_odd(bytes)) return usual;
    int64_t number = fuzz_number(bytes);
    return number < 0 ? number : usual;
}

/* --- Offsets ------------------------------------------------------------------ */

/* Of `count` rows. The largest is within MAX_ITEMS: what lies behind it exists. */
static const void *make_offsets(fuzz_bytes *bytes, size_t count, int is_wide, size_t *largest)
{
    int32_t *narrow = take((count + 1) * sizeof *narrow);
    int64_t *wide = take((count + 1) * sizeof *wide), offset = (int64_t)fuzz_below(bytes, 4);
    size_t step = fuzz_below(bytes, 3) == 0 ? DIMS : 0;
    *largest = 0;
    for (size_t i = 0; i <= count; i++) {
        int64_t value = is_odd(bytes) ? fuzz_number(bytes) : offset;
        if (value > MAX_ITEMS) value = MAX_ITEMS;
        if (value < INT32_MIN && !is_wide) value = INT32_MIN;
        if (value > (int64_t)*largest) *largest = (size_t)value;
        narrow[i] = (int32_t)value;
        wide[i] = value;
        offset += (int64_t)(step > 0 ? step : fuzz_below(bytes, 9));
    }
    return is_wide ? (const void *)wide : narrow;
}

/* --- Columns --------------------------------------------------------------------- */

typedef struct column {
    struct ArrowSchema schema;
    struct ArrowArray array;
} column;

static column *make_items(fuzz_bytes *bytes, size_t count)
{
    column *items = take(sizeof *items);
    size_t offset = fuzz_below(bytes, 4);
    items->schema = (struct ArrowSchema){
        .format = pick_format(bytes, "f"), .name = "item", .release = ignore_schema};
    if (is_odd(bytes)) items->schema.dictionary = &items->schema;
    items->array = (struct ArrowArray){.length = small_or_negative(bytes, (int64_t)count),
                                       .offset = small_or_negative(bytes, (int64_t)offset),
                                       .null_count = fuzz_number(bytes),
                                       .n_buffers = is_odd(bytes) ? fuzz_number(bytes) % 4 : 2,
                                       .release = ignore_array};
    items->array.buffers = take(4 * sizeof *items->array.buffers);
    items->array.buffers[0] = make_bits(bytes, count + offset);
    if (!is_odd(bytes))
        items->array.buffers[1] = take_random(bytes, (count + offset) * sizeof(double));
    return items;
}

/* The children of a list: as many as the fuzzer says, all the same. */
static void add_items(fuzz_bytes *bytes, column *list, size_t count)
{
    column *items = make_items(bytes, count);
    int64_t children = is_odd(bytes) ? fuzz_number(bytes) % MAX_CHILDREN : 1;
    list->schema.n_children = children;
    list->array.n_children = is_odd(bytes) ? fuzz_number(bytes) % MAX_CHILDREN : children;
    if (is_odd(bytes)) return; /* no place to look for them */
    list->schema.children = take(MAX_CHILDREN * sizeof *list->schema.children);
    list->array.children = take(MAX_CHILDREN * sizeof *list->array.children);
    for (int i = 0; i < MAX_CHILDREN; i++) {
        if (is_odd(bytes)) continue;
        list->schema.children[i] = &items->schema;
        list->array.children[i] = &items->array;
    }
}

static size_t items_of_fixed(const char *format, size_t rows)
{
    long long size = strncmp(format, "+w:", 3) == 0 ? strtoll(format + 3, NULL, 10) : 0;
    return size > 0 && size <= MAX_ITEMS ? (size_t)size * rows : 0;
}

static column *make_column(fuzz_bytes *bytes, const char *name, const char *format, size_t rows)
{
    static const char *const names[] = {"path", "label", "content", "features", "", NULL};
    column *made = take(sizeof *made);
    size_t offset = fuzz_below(bytes, 4), largest;
    if (is_odd(bytes)) rows += fuzz_below(bytes, 4);
    if (is_odd(bytes) && rows > 0) rows--;
    if (is_odd(bytes)) name = names[fuzz_below(bytes, sizeof names / sizeof *names)];
    format = is_odd(bytes) && is_odd(bytes) ? NULL : pick_format(bytes, format);
    made->schema = (struct ArrowSchema){.format = format, .name = name, .release = ignore_schema};
    if (is_odd(bytes)) made->schema.dictionary = &made->schema;
    made->array = (struct ArrowArray){.length = small_or_negative(bytes, (int64_t)rows),
                                      .offset = small_or_negative(bytes, (int64_t)offset),
                                      .null_count = fuzz_number(bytes),
                                      .n_buffers = format != NULL && format[0] == '+' ? 2 : 3,
                                      .release = ignore_array};
    if (is_odd(bytes) && rows == 0) made->array.offset = INT64_MAX;
    if (is_odd(bytes)) made->array.n_buffers = fuzz_number(bytes) % 4;
    if (is_odd(bytes)) return made; /* no buffers at all */

    int is_wide = format != NULL && (strpbrk(format, "UZL") != NULL);
    made->array.buffers = take(4 * sizeof *made->array.buffers);
    made->array.buffers[0] = make_bits(bytes, rows + offset);
    const void *offsets = make_offsets(bytes, rows + offset, is_wide, &largest);
    if (!is_odd(bytes)) made->array.buffers[1] = offsets;
    if (!is_odd(bytes)) made->array.buffers[2] = take_random(bytes, largest);
    if (format != NULL && format[0] == '+') {
        size_t fixed = items_of_fixed(format, rows + offset);
        add_items(bytes, made, is_odd(bytes) ? fuzz_below(bytes, 8) : largest + fixed);
    }
    return made;
}

/* --- The batch ------------------------------------------------------------------------ */

static column *make_batch(fuzz_bytes *bytes)
{
    static const char *const names[] = {"path", "label", "content", "features"};
    static const char *const formats[] = {"u", "U", "z", "+l"};
    column *batch = take(sizeof *batch);
    size_t rows = fuzz_below(bytes, MAX_ROWS), offset = fuzz_below(bytes, 4);
    batch->schema = (struct ArrowSchema){
        .format = is_odd(bytes) ? pick_format(bytes, "+s") : "+s",
        .n_children = is_odd(bytes) ? fuzz_number(bytes) % (COLUMNS + 1) : COLUMNS,
        .children = take(COLUMNS * sizeof *batch->schema.children),
        .release = is_odd(bytes) ? NULL : ignore_schema};
    batch->array = (struct ArrowArray){
        .length = is_odd(bytes) ? fuzz_number(bytes) : (int64_t)rows,
        .offset = is_odd(bytes) ? fuzz_number(bytes) : (int64_t)offset,
        .null_count = fuzz_number(bytes),
        .n_buffers = is_odd(bytes) ? fuzz_number(bytes) % 2 : 1,
        .n_children = is_odd(bytes) ? fuzz_number(bytes) % (COLUMNS + 1) : batch->schema.n_children,
        .buffers = take(sizeof *batch->array.buffers),
        .children = take(COLUMNS * sizeof *batch->array.children),
        .release = is_odd(bytes) ? NULL : ignore_array};
    batch->array.buffers[0] = make_bits(bytes, MAX_ROWS + MAX_ROWS);
    for (int i = 0; i < COLUMNS; i++) {
        column *made = make_column(bytes, names[i], formats[i], rows + offset);
        if (is_odd(bytes) && is_odd(bytes)) continue;
        batch->schema.children[i] = &made->schema;
        batch->array.children[i] = &made->array;
    }
    return batch;
}

/* --- The functions under test ------------------------------------------------------------ */

typedef struct tools {
    vg_model *model;
    vg_extractor *extractor;
    vg_moments *moments;
    vg_pca *pca;
} tools;

/* Stay for the life of the process. */
static const tools *open_tools(void)
{
    static tools opened;
    static const float rows[3][DIMS] = {{1, 2, 3, 4}, {4, 1, 2, 2}, {0, 5, 1, 3}};
    if (opened.pca != NULL) return &opened;
    FUZZ_CHECK(vg_model_open(&opened.model, "seeded:7", NULL, NULL) == VG_OK);
    FUZZ_CHECK(vg_extractor_open(&opened.extractor, opened.model, NULL, NULL) == VG_OK);
    FUZZ_CHECK(vg_moments_open(&opened.moments, DIMS, NULL) == VG_OK);
    FUZZ_CHECK(vg_moments_add(opened.moments, 3, rows[0], NULL) == VG_OK);
    FUZZ_CHECK(vg_pca_fit(&opened.pca, opened.moments, 2, NULL) == VG_OK);
    return &opened;
}

/* Reads every byte of a text column that the library made. */
static size_t read_texts(const struct ArrowArray *array)
{
    const int32_t *offsets = array->buffers[1];
    const uint8_t *text = array->buffers[2];
    size_t sum = 0;
    FUZZ_CHECK(offsets[0] == 0);
    for (int64_t row = 0; row < array->length; row++) FUZZ_CHECK(offsets[row] <= offsets[row + 1]);
    for (int32_t i = 0; i < offsets[array->length]; i++) sum += text[i];
    return sum;
}

static void check_result(vg_status status, const vg_error *error, const column *batch,
                         column *result)
{
    if (status != VG_OK) {
        FUZZ_CHECK(error->message[0] != '\0');
        FUZZ_CHECK(result->schema.release == NULL && result->array.release == NULL);
        return;
    }
    FUZZ_CHECK(result->array.length == batch->array.length);
    for (int64_t i = 0; i < result->array.n_children; i++) {
        FUZZ_CHECK(result->array.children[i]->length == batch->array.length);
        if (strcmp(result->schema.children[i]->format, "u") == 0)
            FUZZ_CHECK(read_texts(result->array.children[i]) < SIZE_MAX);
    }
    result->schema.release(&result->schema);
    result->array.release(&result->array);
}

static void add_to_moments(const column *batch)
{
    vg_moments *moments = NULL;
    vg_error error = {{0}};
    FUZZ_CHECK(vg_moments_open(&moments, DIMS, NULL) == VG_OK);
    vg_status status = vg_moments_add_arrow(moments, &batch->schema, &batch->array, &error);
    FUZZ_CHECK((status == VG_OK) == (error.message[0] == '\0'));
    /* A batch goes in whole or not at all. */
    if (status != VG_OK) FUZZ_CHECK(vg_moments_count(moments) == 0);
    vg_moments_close(&moments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const tools *with = open_tools();
    fuzz_bytes bytes = {data, data + size};
    const column *batch = make_batch(&bytes);
    column result = {0};
    vg_error error = {{0}};
    vg_status status = vg_extract_arrow(with->extractor, &batch->schema, &batch->array,
                                        &result.schema, &result.array, &error);
    check_result(status, &error, batch, &result);
    error.message[0] = '\0';
    status = vg_pca_project_arrow(with->pca, &batch->schema, &batch->array, &result.schema,
                                  &result.array, &error);
    check_result(status, &error, batch, &result);
    add_to_moments(batch);
    free_blocks();
    return 0;
}
