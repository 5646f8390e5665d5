# verger_hardening: flags that make a fault in the code harder to exploit. What CFLAGS say
# already, be it on or off, is left as it is.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckPIESupported)

add_library(verger_hardening INTERFACE)
set(hardened_languages C)
if(VERGER_COMMAND)
  list(APPEND hardened_languages CXX)
endif()
check_pie_supported(LANGUAGES ${hardened_languages})

# Each is a name for the cache, then the flag.
set(hardening_flags
  STACK_PROTECTOR -fstack-protector-strong
  STACK_CLASH -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND hardening_flags CONTROL_FLOW -fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND hardening_flags CONTROL_FLOW -mbranch-protection=standard)
endif()
while(hardening_flags)
  list(POP_FRONT hardening_flags name flag)
  check_c_compiler_flag(${flag} VERGER_HAS_${name})
  string(REGEX REPLACE "(-strong|=.*)$" "" family ${flag})
  string(REPLACE "-f" "-f(no-)?" family ${family})
  if(VERGER_HAS_${name} AND NOT CMAKE_C_FLAGS MATCHES "${family}")
    target_compile_options(verger_hardening INTERFACE ${flag})
  endif()
endwhile()

# Some compilers define it, and so do the flags of distributions. It needs an optimizer, and
# a sanitizer has checks of its own. Level 3 needs gcc 12.
check_c_source_compiles("
#ifdef _FORTIFY_SOURCE
#error it is defined
#endif
int main(void) { return 0; }" VERGER_LACKS_FORTIFY)
if(VERGER_LACKS_FORTIFY AND NOT VERGER_SANITIZE)
  set(fortify_level 3)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 12)
    set(fortify_level 2)
  endif()
  target_compile_definitions(verger_hardening INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:_FORTIFY_SOURCE=${fortify_level}>)
endif()

target_link_options(verger_hardening INTERFACE LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
