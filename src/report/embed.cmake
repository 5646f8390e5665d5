# Puts the files of the page into a C source: cmake -DOUT=x.c -DPAGE=folder -P embed.cmake.
# Scripts are joined into one, in an order in which each knows those before it.
set(scripts page_elements page_data page_colour page_raster page_map page_graph page_lists page_main)
set(script "'use strict';\n(() => {\n")
foreach(name ${scripts})
  file(READ ${PAGE}/${name}.js text)
  string(APPEND script "${text}")
endforeach()
string(APPEND script "})();\n")
get_filename_component(folder ${OUT} DIRECTORY)
file(WRITE ${folder}/page_script.js "${script}")

# A C array of a file's bytes; a literal may be too long for a compiler.
function(append_array name path)
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND source "const char ${name}[] = {${bytes}0};\n")
  set(source "${source}" PARENT_SCOPE)
endfunction()

set(source "#include \"report/page_source.h\"\n\n")
append_array(vg_page_html ${PAGE}/page.html)
append_array(vg_page_style ${PAGE}/page.css)
append_array(vg_page_script ${folder}/page_script.js)
file(WRITE ${OUT} "${source}")
