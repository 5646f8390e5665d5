/* Answers of S3, read by expat. */
#ifndef VG_IO_XML_HPP
#define VG_IO_XML_HPP

#include <string>
#include <vector>

namespace verger
{

struct XmlElement {
    std::string name, text; /* the text without that of the elements in it */
};

/* The elements in the order in which they end. Of a text that is cut or damaged, those that
 * end before the damage; of one with a document type, none: S3 sends no entities of its own. */
std::vector<XmlElement> xml_elements(const std::string &text);

/* The text of the first of that name to end; "" for none. */
std::string xml_text(const std::string &text, const std::string &name);

} // namespace verger

#endif
