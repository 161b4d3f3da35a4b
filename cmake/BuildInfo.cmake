# Writes OUT from IN with the revision of SOURCE, where that differs from what OUT holds: cmake -DSOURCE= -DIN= -DOUT= -P.
execute_process(COMMAND git -C "${SOURCE}" describe --always --dirty OUTPUT_VARIABLE _git OUTPUT_STRIP_TRAILING_WHITESPACE
                ERROR_QUIET)
file(READ "${IN}" _text)
string(REPLACE "%SCALELAW_GIT%" "${_git}" _text "${_text}")
set(_old)
if(EXISTS "${OUT}")
  file(READ "${OUT}" _old)
endif()
if(NOT _text STREQUAL _old)
  file(WRITE "${OUT}" "${_text}")
endif()
