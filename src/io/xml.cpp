#include "io/xml.hpp"

#include <memory>
#include <new>
#include <type_traits>

#include <expat.h>

namespace verger
{

namespace
{

enum { MAX_DEPTH = 64 }; /* S3 nests five */

struct Reading {
    XML_Parser parser;
    std::vector<XmlElement> open, ended;
};

void begin_element(void *context, const XML_Char *name, const XML_Char **)
{
    auto &reading = *static_cast<Reading *>(context);
    if (reading.open.size() == MAX_DEPTH) XML_StopParser(reading.parser, XML_FALSE);
    reading.open.push_back({name, ""});
}

void end_element(void *context, const XML_Char *)
{
    auto &reading = *static_cast<Reading *>(context);
    reading.ended.push_back(std::move(reading.open.back()));
    reading.open.pop_back();
}

void add_text(void *context, const XML_Char *text, int size)
{
    auto &reading = *static_cast<Reading *>(context);
    if (!reading.open.empty()) reading.open.back().text.append(text, static_cast<size_t>(size));
}

void refuse_doctype(void *context, const XML_Char *, const XML_Char *, const XML_Char *, int)
{
    XML_StopParser(static_cast<Reading *>(context)->parser, XML_FALSE);
}

} // namespace

std::vector<XmlElement> xml_elements(const std::string &text)
{
    std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)> parser(
        XML_ParserCreate(nullptr), XML_ParserFree);
    if (parser == nullptr) throw std::bad_alloc();
    Reading reading = {parser.get(), {}, {}};
    XML_SetUserData(parser.get(), &reading);
    XML_SetElementHandler(parser.get(), begin_element, end_element);
    XML_SetCharacterDataHandler(parser.get(), add_text);
    XML_SetStartDoctypeDeclHandler(parser.get(), refuse_doctype);
    (void)XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
    return std::move(reading.ended);
}

std::string xml_text(const std::string &text, const std::string &name)
{
    for (XmlElement &element : xml_elements(text))
        if (element.name == name) return std::move(element.text);
    return "";
}

} // namespace verger
