/* The C face of tables: Arrow's C structs in and out, formats behind it. */
#include "io/table.hpp"
#include "io/digest_stream.hpp"

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/util/config.h>

using namespace verger;

struct vg_writer {
    std::string name;
    std::shared_ptr<arrow::Schema> schema;
    std::unique_ptr<Output> output;
    std::shared_ptr<DigestStream> stream;
    std::unique_ptr<TableWriter> table; /* after output, to go before it */
    bool is_broken = false;
};

struct vg_reader {
    std::unique_ptr<TableReader> table;
    std::shared_ptr<const arrow::KeyValueMetadata> facts;
};

arrow::MemoryPool *verger::table_pool()
{
    return arrow::system_memory_pool();
}

std::shared_ptr<arrow::DataType> verger::list_value_type(const arrow::DataType &type)
{
    bool is_list = type.id() == arrow::Type::LIST || type.id() == arrow::Type::LARGE_LIST ||
                   type.id() == arrow::Type::FIXED_SIZE_LIST;
    return is_list ? type.field(0)->type() : nullptr;
}

namespace
{

/* Arrow's import takes what it is given. The caller keeps the original, so it is
 * given a copy whose release does nothing. */
template <typename Struct> Struct borrowed(const Struct *original)
{
    Struct copy = *original;
    copy.release = [](Struct *one) { one->release = nullptr; };
    return copy;
}

std::unique_ptr<vg_writer> open_writer(vg_store &store, const std::string &path, vg_format format,
                                       const struct ArrowSchema *schema, const vg_fact *facts,
                                       size_t n_facts)
{
    auto writer = std::make_unique<vg_writer>();
    writer->name = store.name(path);
    struct ArrowSchema copy = borrowed(schema);
    writer->schema = value_of(arrow::ImportSchema(&copy), "write", writer->name, VG_EINVAL);

    auto metadata = std::make_shared<arrow::KeyValueMetadata>();
    for (size_t i = 0; i < n_facts; i++) metadata->Append(facts[i].key, facts[i].value);

    writer->output = store.open_output(path);
    writer->stream = std::make_shared<DigestStream>(writer->output->stream());
    TableTarget target = {writer->stream, writer->name, writer->schema, metadata};
    writer->table = format == VG_CSV ? open_csv_writer(target) : open_parquet_writer(target);
    return writer;
}

void write_batch(vg_writer &writer, const struct ArrowArray *batch)
{
    struct ArrowArray copy = borrowed(batch);
    auto imported =
        value_of(arrow::ImportRecordBatch(&copy, writer.schema), "write", writer.name, VG_EINVAL);
    check(imported->Validate(), "write", writer.name, VG_EINVAL);
    writer.table->write(*imported);
}

/* After a failure the file holds a part of something; nothing more may follow. */
template <typename Step> vg_status guard_writer(vg_writer *writer, vg_error *error, Step step)
{
    if (writer->is_broken)
        return vg_fail(error, VG_EINVAL, "cannot go on with %s: writing it has failed or ended",
                       printable(writer->name).c_str());
    vg_status status = guard(error, step);
    writer->is_broken = status != VG_OK;
    return status;
}

} // namespace

vg_status vg_writer_open(vg_writer **writer, vg_store *store, const char *path, vg_format format,
                         const struct ArrowSchema *schema, const vg_fact *facts, size_t n_facts,
                         vg_error *error)
{
    *writer = nullptr;
    return guard(error, [&] {
        *writer = open_writer(*store, path, format, schema, facts, n_facts).release();
    });
}

vg_status vg_writer_write(vg_writer *writer, const struct ArrowArray *batch, vg_error *error)
{
    return guard_writer(writer, error, [&] { write_batch(*writer, batch); });
}

vg_status vg_writer_finish(vg_writer *writer, vg_file_digest *digest, vg_error *error)
{
    vg_status status = guard_writer(writer, error, [&] {
        writer->table->finish();
        writer->output->finish();
        if (digest != nullptr) *digest = writer->stream->take();
    });
    writer->is_broken = true;
    return status;
}

void vg_writer_close(vg_writer **writer)
{
    delete *writer;
    *writer = nullptr;
}

vg_status vg_reader_open(vg_reader **reader, vg_store *store, const char *path, vg_format format,
                         vg_error *error)
{
    *reader = nullptr;
    return guard(error, [&] {
        auto opened = std::make_unique<vg_reader>();
        opened->table =
            format == VG_CSV ? open_csv_reader(*store, path) : open_parquet_reader(*store, path);
        opened->facts = opened->table->facts();
        *reader = opened.release();
    });
}

vg_status vg_text_reader_open(vg_reader **reader, vg_store *store, const char *path,
                              vg_error *error)
{
    *reader = nullptr;
    return guard(error, [&] {
        auto opened = std::make_unique<vg_reader>();
        opened->table = open_parquet_text_reader(*store, path);
        *reader = opened.release();
    });
}

vg_status vg_reader_next(vg_reader *reader, struct ArrowSchema *schema, struct ArrowArray *batch,
                         vg_error *error)
{
    schema->release = nullptr;
    batch->release = nullptr;
    return guard(error, [&] {
        std::shared_ptr<arrow::RecordBatch> next = reader->table->next();
        if (next) check(arrow::ExportRecordBatch(*next, batch, schema), "read", "a table");
    });
}

const char *vg_reader_fact(const vg_reader *reader, const char *key)
{
    int at = reader->facts ? reader->facts->FindKey(key) : -1;
    return at >= 0 ? reader->facts->value(at).c_str() : nullptr;
}

void vg_reader_close(vg_reader **reader)
{
    delete *reader;
    *reader = nullptr;
}

const char *vg_io_libraries(void)
{
    return "Arrow C++ " ARROW_VERSION_STRING;
}
