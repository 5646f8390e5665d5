/* CSV as RFC 4180 has it, with '\n' at the end of a line as Spark and pandas write.
 * Arrow's own writer has no columns of lists. */
#include <charconv>
#include <chrono>

#include <arrow/api.h>

extern "C" {
#include "base/half.h"
}
#include "io/table.hpp"

using namespace verger;

namespace
{

constexpr size_t write_buffer_bytes = 1 << 20;

enum { LONGEST_NUMBER = 32 };

template <typename Number> void append_number(std::string &out, Number number)
{
    char text[LONGEST_NUMBER];
    out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

/* Quotes where a reader would else see another text: an empty text would be taken
 * for a missing one, spaces at an end are cut by some. */
void append_text(std::string &out, std::string_view text)
{
    bool is_plain = !text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos &&
                    text.front() != ' ' && text.back() != ' ' && text.front() != '\t' &&
                    text.back() != '\t';
    if (is_plain) {
        out += text;
        return;
    }
    out += '"';
    for (char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    out += '"';
}

/* 2021-07-01T12:34:56.123456Z */
void append_timestamp(std::string &out, int64_t value, arrow::TimeUnit::type unit)
{
    using namespace std::chrono;
    microseconds time{};
    switch (unit) {
    case arrow::TimeUnit::SECOND: time = seconds(value); break;
    case arrow::TimeUnit::MILLI: time = milliseconds(value); break;
    case arrow::TimeUnit::MICRO: time = microseconds(value); break;
    case arrow::TimeUnit::NANO: time = floor<microseconds>(nanoseconds(value)); break;
    }
    sys_days day = floor<days>(sys_time<microseconds>(time));
    year_month_day date = day;
    hh_mm_ss clock(time - day.time_since_epoch());
    char text[64];
    snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", int(date.year()),
             unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()),
             int(clock.minutes().count()), int(clock.seconds().count()),
             int(clock.subseconds().count()));
    out += text;
}

template <typename Numbers>
void append_joined(std::string &out, const Numbers &numbers, int64_t begin, int64_t end)
{
    out += '"';
    for (int64_t i = begin; i < end; i++) {
        if (i > begin) out += ',';
        if (numbers.IsNull(i))
            out += "nan";
        else
            append_number(out, numbers.Value(i));
    }
    out += '"';
}

/* With the digits that give the same float. */
void append_halves(std::string &out, const arrow::HalfFloatArray &halves, int64_t begin,
                   int64_t end)
{
    arrow::FloatBuilder floats(table_pool());
    for (int64_t i = begin; i < end; i++)
        check(halves.IsNull(i) ? floats.AppendNull()
                               : floats.Append(vg_half_to_float(halves.Value(i))),
              "write", "a list of numbers");
    auto list = value_of(floats.Finish(), "write", "a list of numbers");
    append_joined(out, static_cast<const arrow::FloatArray &>(*list), 0, end - begin);
}

/* As JSON has it (RFC 8259, section 7); what is not ASCII stays as it is. */
void append_json_text(std::string &out, std::string_view text)
{
    out += '"';
    for (char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escape[8];
            snprintf(escape, sizeof escape, "\\u%04x", unsigned(c));
            out += escape;
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_texts(std::string &out, const arrow::StringArray &texts, int64_t begin, int64_t end)
{
    std::string json = "[";
    for (int64_t i = begin; i < end; i++) {
        if (i > begin) json += ',';
        if (texts.IsNull(i))
            json += "null";
        else
            append_json_text(json, texts.Value(i));
    }
    append_text(out, json + "]");
}

template <typename List> void append_list(std::string &out, const arrow::Array &column, int64_t row)
{
    const List &list = static_cast<const List &>(column);
    int64_t begin = list.value_offset(row), end = begin + list.value_length(row);
    const arrow::Array &values = *list.values();
    if (values.type_id() == arrow::Type::STRING)
        append_texts(out, static_cast<const arrow::StringArray &>(values), begin, end);
    else if (values.type_id() == arrow::Type::HALF_FLOAT)
        append_halves(out, static_cast<const arrow::HalfFloatArray &>(values), begin, end);
    else if (values.type_id() == arrow::Type::FLOAT)
        append_joined(out, static_cast<const arrow::FloatArray &>(values), begin, end);
    else
        append_joined(out, static_cast<const arrow::DoubleArray &>(values), begin, end);
}

void append_cell(std::string &out, const arrow::Array &column, int64_t row)
{
    if (column.IsNull(row)) return;
    switch (column.type_id()) {
    case arrow::Type::STRING:
        return append_text(out, static_cast<const arrow::StringArray &>(column).Value(row));
    case arrow::Type::LARGE_STRING:
        return append_text(out, static_cast<const arrow::LargeStringArray &>(column).Value(row));
    case arrow::Type::BOOL:
        out += static_cast<const arrow::BooleanArray &>(column).Value(row) ? "true" : "false";
        return;
    case arrow::Type::INT64:
        return append_number(out, static_cast<const arrow::Int64Array &>(column).Value(row));
    case arrow::Type::FLOAT:
        return append_number(out, static_cast<const arrow::FloatArray &>(column).Value(row));
    case arrow::Type::DOUBLE:
        return append_number(out, static_cast<const arrow::DoubleArray &>(column).Value(row));
    case arrow::Type::TIMESTAMP:
        return append_timestamp(out, static_cast<const arrow::TimestampArray &>(column).Value(row),
                                static_cast<const arrow::TimestampType &>(*column.type()).unit());
    case arrow::Type::LIST: return append_list<arrow::ListArray>(out, column, row);
    case arrow::Type::LARGE_LIST: return append_list<arrow::LargeListArray>(out, column, row);
    case arrow::Type::FIXED_SIZE_LIST:
        return append_list<arrow::FixedSizeListArray>(out, column, row);
    default: return; /* check_type lets no other pass */
    }
}

void check_type(const arrow::Field &field, const std::string &name)
{
    auto value_type = list_value_type(*field.type());
    arrow::Type::type id = field.type()->id();
    bool is_known = value_type ? value_type->id() == arrow::Type::HALF_FLOAT ||
                                     value_type->id() == arrow::Type::FLOAT ||
                                     value_type->id() == arrow::Type::DOUBLE ||
                                     value_type->id() == arrow::Type::STRING
                               : id == arrow::Type::STRING || id == arrow::Type::LARGE_STRING ||
                                     id == arrow::Type::BOOL || id == arrow::Type::INT64 ||
                                     id == arrow::Type::FLOAT || id == arrow::Type::DOUBLE ||
                                     id == arrow::Type::TIMESTAMP;
    if (!is_known)
        throw Failure{VG_EUNSUPPORTED, "cannot write " + printable(name) + ": CSV has no form " +
                                           "for the column " + printable(field.name()) + " (" +
                                           field.type()->ToString() + ")"};
}

class CsvWriter final : public TableWriter
{
  public:
    explicit CsvWriter(const TableTarget &target) : name_(target.name), stream_(target.stream)
    {
        for (const auto &field : target.schema->fields()) {
            check_type(*field, name_);
            if (!buffer_.empty()) buffer_ += ',';
            std::string suffix(list_value_type(*field->type()) ? joined_suffix : "");
            append_text(buffer_, field->name() + suffix);
        }
        buffer_ += '\n';
    }

    void write(const arrow::RecordBatch &batch) override
    {
        const arrow::ArrayVector columns = batch.columns();
        for (int64_t row = 0; row < batch.num_rows(); row++) {
            for (size_t i = 0; i < columns.size(); i++) {
                if (i > 0) buffer_ += ',';
                append_cell(buffer_, *columns[i], row);
            }
            buffer_ += '\n';
            if (buffer_.size() >= write_buffer_bytes) flush();
        }
    }

    void finish() override
    {
        flush();
    }

  private:
    void flush()
    {
        check(stream_->Write(buffer_.data(), static_cast<int64_t>(buffer_.size())), "write", name_);
        buffer_.clear();
    }

    std::string name_;
    std::shared_ptr<arrow::io::OutputStream> stream_;
    std::string buffer_;
};

} // namespace

std::unique_ptr<TableWriter> verger::open_csv_writer(const TableTarget &target)
{
    return std::make_unique<CsvWriter>(target);
}
