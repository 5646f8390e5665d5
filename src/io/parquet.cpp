/* Parquet, as pandas, DuckDB and Spark 3.5 read it. */
#include <numeric>

#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <arrow/compute/exec.h>
#include <arrow/util/byte_size.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>

#include "io/table.hpp"

using namespace verger;

namespace
{

/* The rows of a group are held until it is full. 4,096 images are 21 MB. */
constexpr int64_t row_group_bytes = 32 << 20;

/* Of one read-ahead of a column, and rows of a batch that is handed out. */
constexpr int64_t read_buffer_bytes = 1 << 20;
constexpr int64_t batch_rows = 512;

std::shared_ptr<parquet::WriterProperties> writer_properties(const arrow::Schema &schema)
{
    parquet::WriterProperties::Builder builder;
    builder.memory_pool(table_pool());
    builder.compression(parquet::Compression::SNAPPY);
    builder.version(parquet::ParquetVersion::PARQUET_2_6);
    builder.data_page_version(parquet::ParquetDataPageVersion::V1);
    /* Features hardly repeat, and nobody looks for their largest: a dictionary and
     * statistics of them cost time and save nothing. */
    for (const auto &field : schema.fields())
        if (auto items = list_value_type(*field->type());
            items && arrow::is_floating(items->id())) {
            std::vector<std::string> leaf = {field->name(), "list", "element"};
            auto path = std::make_shared<parquet::schema::ColumnPath>(leaf);
            builder.disable_dictionary(path);
            builder.disable_statistics(path);
        }
    return builder.build();
}

class ParquetWriter final : public TableWriter
{
  public:
    explicit ParquetWriter(const TableTarget &target) : name_(target.name)
    {
        auto arrow_properties = parquet::ArrowWriterProperties::Builder()
                                    .store_schema()
                                    ->enable_compliant_nested_types()
                                    ->build();
        file_ = value_of(
            parquet::arrow::FileWriter::Open(*target.schema, table_pool(), target.stream,
                                             writer_properties(*target.schema), arrow_properties),
            "write", name_);
        if (target.facts->size() > 0)
            check(file_->AddKeyValueMetadata(target.facts), "write", name_);
    }

    void write(const arrow::RecordBatch &batch) override
    {
        if (group_bytes_ >= row_group_bytes) {
            check(file_->NewBufferedRowGroup(), "write", name_);
            group_bytes_ = 0;
        }
        check(file_->WriteRecordBatch(batch), "write", name_);
        group_bytes_ += value_of(arrow::util::ReferencedBufferSize(batch), "write", name_);
    }

    void finish() override
    {
        check(file_->Close(), "write", name_);
    }

  private:
    std::string name_;
    std::unique_ptr<parquet::arrow::FileWriter> file_;
    int64_t group_bytes_ = 0;
};

/* A reader of plain numbers would take a gap in a list for a number. */
void check_whole(const arrow::Array &lists, const std::string &column, const std::string &name)
{
    const auto &whole = static_cast<const arrow::ListArray &>(lists);
    if (value_of(whole.Flatten(table_pool()), "read", name)->null_count() > 0)
        throw Failure{VG_EFORMAT, "cannot read " + printable(name) +
                                      ": a number is missing in a list of " + printable(column)};
}

/* Whatever kind of list of numbers the file has: list<float>. */
std::shared_ptr<arrow::RecordBatch> as_float_lists(std::shared_ptr<arrow::RecordBatch> batch,
                                                   const std::string &name)
{
    auto type = arrow::list(arrow::field("element", arrow::float32()));
    arrow::compute::ExecContext context(table_pool());
    for (int i = 0; i < batch->num_columns(); i++) {
        auto field = batch->schema()->field(i);
        auto value_type = list_value_type(*field->type());
        if (!value_type || !arrow::is_floating(value_type->id())) continue;
        auto lists = value_of(arrow::compute::Cast(*batch->column(i), type,
                                                   arrow::compute::CastOptions::Safe(), &context),
                              "read", name, VG_EFORMAT);
        check_whole(*lists, field->name(), name);
        batch = value_of(batch->SetColumn(i, field->WithType(type), lists), "read", name);
    }
    return batch;
}

/* Columns whose values are each one text; the others are dropped. */
std::shared_ptr<arrow::RecordBatch> as_texts(const arrow::RecordBatch &batch,
                                             const std::string &name)
{
    arrow::compute::ExecContext context(table_pool());
    /* A path may be any bytes. */
    auto options = arrow::compute::CastOptions::Unsafe();
    std::vector<std::shared_ptr<arrow::Field>> fields;
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (int i = 0; i < batch.num_columns(); i++) {
        const auto &column = batch.column(i);
        if (!arrow::compute::CanCast(*column->type(), *arrow::utf8())) continue;
        auto texts = arrow::compute::Cast(*column, arrow::utf8(), options, &context);
        fields.push_back(arrow::field(batch.schema()->field(i)->name(), arrow::utf8()));
        columns.push_back(value_of(std::move(texts), "read", name, VG_EFORMAT));
    }
    return arrow::RecordBatch::Make(arrow::schema(fields), batch.num_rows(), columns);
}

/* The leaves that are columns of their own. */
std::vector<int> single_values(const parquet::SchemaDescriptor &schema)
{
    std::vector<int> leaves;
    for (int i = 0; i < schema.num_columns(); i++)
        if (schema.Column(i)->path()->ToDotVector().size() == 1) leaves.push_back(i);
    return leaves;
}

enum class Columns { as_they_are, texts };

class ParquetReader final : public TableReader
{
  public:
    ParquetReader(vg_store &store, const std::string &path, Columns columns)
        : name_(store.name(path)), columns_(columns)
    {
        parquet::ReaderProperties properties(table_pool());
        properties.enable_buffered_stream();
        properties.set_buffer_size(read_buffer_bytes);
        parquet::ArrowReaderProperties arrow_properties;
        arrow_properties.set_batch_size(batch_rows);
        arrow_properties.set_pre_buffer(false);

        parquet::arrow::FileReaderBuilder builder;
        builder.memory_pool(table_pool());
        check(builder.Open(store.open_input(path), properties), "read", name_, VG_EFORMAT);
        builder.properties(arrow_properties);
        file_ = value_of(builder.Build(), "read", name_, VG_EFORMAT);
        batches_ = value_of(open_batches(), "read", name_, VG_EFORMAT);
    }

    std::shared_ptr<arrow::RecordBatch> next() override
    {
        std::shared_ptr<arrow::RecordBatch> batch;
        do check(batches_->ReadNext(&batch), "read", name_, VG_EFORMAT);
        while (batch && batch->num_rows() == 0);
        if (!batch) return nullptr;
        return columns_ == Columns::texts ? as_texts(*batch, name_) : as_float_lists(batch, name_);
    }

    std::shared_ptr<const arrow::KeyValueMetadata> facts() const override
    {
        return file_->parquet_reader()->metadata()->key_value_metadata();
    }

  private:
    arrow::Result<std::unique_ptr<arrow::RecordBatchReader>> open_batches()
    {
        if (columns_ == Columns::as_they_are) return file_->GetRecordBatchReader();
        std::vector<int> groups(static_cast<size_t>(file_->num_row_groups()));
        std::iota(groups.begin(), groups.end(), 0);
        auto schema = file_->parquet_reader()->metadata()->schema();
        return file_->GetRecordBatchReader(groups, single_values(*schema));
    }

    std::string name_;
    Columns columns_;
    std::unique_ptr<parquet::arrow::FileReader> file_;
    std::unique_ptr<arrow::RecordBatchReader> batches_;
};

} // namespace

std::unique_ptr<TableWriter> verger::open_parquet_writer(const TableTarget &target)
{
    return std::make_unique<ParquetWriter>(target);
}

std::unique_ptr<TableReader> verger::open_parquet_reader(vg_store &store, const std::string &path)
{
    return std::make_unique<ParquetReader>(store, path, Columns::as_they_are);
}

std::unique_ptr<TableReader> verger::open_parquet_text_reader(vg_store &store,
                                                              const std::string &path)
{
    return std::make_unique<ParquetReader>(store, path, Columns::texts);
}
