/* CSV as this room writes it. All columns are text but the joined numbers. */
#include <charconv>
#include <cstdlib>

#include <arrow/api.h>
#include <arrow/csv/api.h>

#include "io/table.hpp"

using namespace verger;

namespace
{

/* A row must fit into a block: 1,280 numbers are 15 to 30 kB. */
constexpr int32_t block_bytes = 1 << 20;

std::shared_ptr<arrow::csv::StreamingReader> open_stream(vg_store &store, const std::string &path,
                                                         const arrow::csv::ConvertOptions &convert)
{
    auto read = arrow::csv::ReadOptions::Defaults();
    read.use_threads = false;
    read.block_size = block_bytes;
    auto parse = arrow::csv::ParseOptions::Defaults();
    parse.newlines_in_values = true;
    return value_of(arrow::csv::StreamingReader::Make(arrow::io::IOContext(table_pool()),
                                                      store.open_input(path), read, parse, convert),
                    "read", store.name(path), VG_EFORMAT);
}

/* A file cut inside its last number would else be read as a smaller number. */
void check_last_line(vg_store &store, const std::string &path)
{
    std::string name = store.name(path);
    auto file = store.open_input(path);
    int64_t size = value_of(file->GetSize(), "read", name);
    char last = '\n';
    if (size > 0) check(file->ReadAt(size - 1, 1, &last).status(), "read", name);
    if (last != '\n')
        throw Failure{VG_EFORMAT, "cannot read " + printable(name) +
                                      ": its last line has no end, so it was "
                                      "cut short"};
}

/* The reader would guess types from the first rows, and a label may look like a
 * number; so the names of the columns are read first and all made text. */
arrow::csv::ConvertOptions text_only(vg_store &store, const std::string &path)
{
    auto options = arrow::csv::ConvertOptions::Defaults();
    std::shared_ptr<arrow::Schema> guessed = open_stream(store, path, options)->schema();
    for (const auto &field : guessed->fields()) options.column_types[field->name()] = arrow::utf8();
    options.null_values = {""};
    options.strings_can_be_null = true;
    options.quoted_strings_can_be_null = false;
    return options;
}

/* Reads one number and returns where it ends; NULL where there is none. */
const char *parse_number(const char *text, const char *end, float *number)
{
    while (text < end && *text == ' ') text++;
    auto [stop, code] = std::from_chars(text, end, *number);
    if (code == std::errc::invalid_argument) return nullptr;
    /* Too small or too large for a float: 0 or infinity, as strtof rounds it. */
    if (code == std::errc::result_out_of_range)
        *number = std::strtof(std::string(text, stop).c_str(), nullptr);
    while (stop < end && *stop == ' ') stop++;
    return stop;
}

bool append_numbers(arrow::FloatBuilder &numbers, std::string_view text)
{
    if (text.empty()) return true;
    const char *at = text.data(), *end = at + text.size();
    for (;;) {
        float number = 0;
        at = parse_number(at, end, &number);
        if (at == nullptr || !numbers.Append(number).ok()) return false;
        if (at == end) return true;
        if (*at++ != ',') return false;
    }
}

class CsvReader final : public TableReader
{
  public:
    CsvReader(vg_store &store, const std::string &path)
        : name_(store.name(path)), stream_(open_stream(store, path, text_only(store, path)))
    {
        check_last_line(store, path);
    }

    std::shared_ptr<arrow::RecordBatch> next() override
    {
        std::shared_ptr<arrow::RecordBatch> batch;
        do check(stream_->ReadNext(&batch), "read", name_, VG_EFORMAT);
        while (batch && batch->num_rows() == 0);
        if (!batch) return nullptr;

        for (int i = 0; i < batch->num_columns(); i++) {
            std::string column = batch->schema()->field(i)->name();
            if (!column.ends_with(joined_suffix) || column.size() == joined_suffix.size()) continue;
            auto lists = split(static_cast<const arrow::StringArray &>(*batch->column(i)), column);
            column.resize(column.size() - joined_suffix.size());
            batch = value_of(batch->SetColumn(i, arrow::field(column, lists->type()), lists),
                             "read", name_);
        }
        rows_ += batch->num_rows();
        return batch;
    }

  private:
    std::shared_ptr<arrow::Array> split(const arrow::StringArray &texts, const std::string &column)
    {
        auto numbers = std::make_shared<arrow::FloatBuilder>(table_pool());
        auto type = arrow::list(arrow::field("element", arrow::float32()));
        arrow::ListBuilder lists(table_pool(), numbers, type);
        for (int64_t row = 0; row < texts.length(); row++) {
            check(lists.Append(texts.IsValid(row)), "read", name_);
            if (texts.IsValid(row) && !append_numbers(*numbers, texts.Value(row)))
                throw Failure{VG_EFORMAT, "cannot read " + printable(name_) + ": " +
                                              printable(column) + " of row " +
                                              std::to_string(rows_ + row + 1) +
                                              " is not a list of numbers joined by ','"};
        }
        return value_of(lists.Finish(), "read", name_);
    }

    std::string name_;
    std::shared_ptr<arrow::csv::StreamingReader> stream_;
    int64_t rows_ = 0; /* before the batch at hand */
};

} // namespace

std::unique_ptr<TableReader> verger::open_csv_reader(vg_store &store, const std::string &path)
{
    return std::make_unique<CsvReader>(store, path);
}
