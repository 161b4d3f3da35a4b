# plotly.min.js of the PyPI package plotly: Plotly_JS. Looked for in -DPLOTLY_JS=..., then in ./.venv, then in the python3
# on the path. It is embedded in the program, so that a report is one file that works offline.
set(PLOTLY_JS "" CACHE FILEPATH "path of plotly.min.js")
if(PLOTLY_JS)
  set(Plotly_JS "${PLOTLY_JS}")
else()
  file(GLOB Plotly_JS "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/plotly/package_data/plotly.min.js")
  if(NOT Plotly_JS)
    find_program(Plotly_PYTHON python3)
    if(Plotly_PYTHON)
      execute_process(COMMAND ${Plotly_PYTHON} -c "import plotly, os; print(os.path.dirname(plotly.__file__))"
                      OUTPUT_VARIABLE _folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
      file(GLOB Plotly_JS "${_folder}/package_data/plotly.min.js")
    endif()
  endif()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Plotly REQUIRED_VARS Plotly_JS
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or give -DPLOTLY_JS=path/to/plotly.min.js")
